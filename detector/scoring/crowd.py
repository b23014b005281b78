"""Crowds: groups that are alike and that nothing binds. Their height is another one, and below it they keep their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.settings import Settings

Array = npt.NDArray[Any]

SHORT = 1e-6  # log-odds: just under the height


@dataclass(frozen=True, slots=True)
class Crowd:
    """How far a crowd is over its height, by how far it would be if somebody owned it, in log-odds."""

    apart: float  # what it takes more for a crowd to be flagged
    order: float  # as far under the height a crowd stands where any group would; from there on it rises more slowly

    @classmethod
    def of(cls, settings: Settings) -> Crowd:
        """As the settings have it."""
        return cls(settings.crowd_apart, settings.crowd_order)

    def held(self, above: Array) -> Array:
        """Groups of so much over a group's height as crowds: ascending with it, and over 0 from ``apart`` on."""
        further = above - self.apart
        slower = further * self.order / (self.order + self.apart)
        return np.where(further >= 0.0, further, np.where(above >= -self.order, slower, above))

    def spoken_for(self, strength: float) -> float:
        """What a crowd of so much over its height has once an analyst says that it harvests: as if owned, and not over by that alone."""
        if not -self.order < strength < 0.0:
            return strength
        return min(strength * (self.order + self.apart) / self.order + self.apart, -SHORT)
