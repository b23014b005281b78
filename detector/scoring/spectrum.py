"""Evidence of many accounts as counts of whole thousandths: adds up exactly, in any order and from any number of shards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

UNIT = 1000  # of a log-odd: far below what moves a verdict


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How many accounts have how much evidence."""

    values: Array  # (K,) int64 ascending, in ``UNIT``
    counts: Array  # (K,) int64

    def __len__(self) -> int:
        return int(self.counts.sum())

    def below(self, height: float) -> Spectrum:
        """Those of less evidence than ``height`` log-odds."""
        end = int(np.searchsorted(self.values, height * UNIT))
        return Spectrum(self.values[:end], self.counts[:end])

    def quantiles(self, levels: Sequence[float]) -> Array:
        """Evidence at each of ``levels`` in [0, 1], in log-odds; between two accounts on the line between them. NaN of nobody."""
        total = len(self)
        if not total:
            return np.full(len(levels), np.nan)
        place = np.asarray(levels, dtype=np.float64) * (total - 1)
        lower, ends = np.floor(place), np.cumsum(self.counts)
        low = self.values[np.searchsorted(ends, lower, side="right")]
        high = self.values[np.searchsorted(ends, np.minimum(lower + 1, total - 1), side="right")]
        result: Array = (low + (high - low) * (place - lower)) / UNIT
        return result


def spectrum(evidence: Array) -> Spectrum:
    """The spectrum of ``evidence`` (N,) log-odds."""
    values, counts = np.unique(np.rint(evidence * UNIT).astype(np.int64), return_counts=True)
    return Spectrum(values, counts.astype(np.int64))


def added(parts: Sequence[Spectrum]) -> Spectrum:
    """All of them together."""
    values, inverse = np.unique(np.concatenate([part.values for part in parts]), return_inverse=True)
    counts = np.zeros(len(values), np.int64)
    np.add.at(counts, inverse, np.concatenate([part.counts for part in parts]))
    return Spectrum(values, counts)
