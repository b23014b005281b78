"""Which requests were counted already: a growing set of 64-bit hashes, at a cost a batch that does not grow with it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Identities:
    """A set of ``uint64`` hashes in sorted runs, each at least twice as long as the next (O'Neil et al. 1996, the LSM-tree).

    A batch is added as a run of its own and merged with its neighbours where they are no longer than that, so that n hashes stand in
    about log2(n) runs, and each hash is moved about so often.
    """

    def __init__(self, hashes: Array | None = None) -> None:
        self._runs: list[Array] = []
        if hashes is not None:
            self.add(np.unique(hashes))

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    @property
    def all(self) -> Array:
        """The hashes, in no order."""
        return np.concatenate(self._runs) if self._runs else np.zeros(0, np.uint64)

    def add(self, hashes: Array) -> None:
        """Add sorted, distinct ``hashes`` (N,) that are not in the set."""
        if len(hashes):
            self._runs.append(hashes)
        while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
            last = self._runs.pop()
            self._runs[-1] = np.sort(np.concatenate([self._runs[-1], last]), kind="stable")  # two sorted runs: one pass

    def has(self, hashes: Array) -> Array:
        """(N,) which of ``hashes`` (N,) are in the set."""
        found = np.zeros(len(hashes), dtype=bool)
        for run in self._runs:
            place = np.minimum(np.searchsorted(run, hashes), len(run) - 1)
            found |= run[place] == hashes
        return found
