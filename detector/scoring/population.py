"""The population: how each feature is spread over the accounts, as integer histograms.

Learned in event-time epochs: what epoch k's accounts looked like judges epoch k + 1. Histograms add, so the population of
several logs is the sum of theirs, and integers make it exact. Old epochs fade. A shipped reference population
(made by the simulator) speaks where the stream has not been seen long enough yet.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.features import HIGH, LOW, NAMES

Array = npt.NDArray[Any]

BINS = 128
UNIT = 64  # what one account counts, so that fading has something to divide


class Summary(msgspec.Struct, frozen=True):
    """Quantiles of every feature, each (len(FEATURES),): what verdicts compare an account with."""

    p10: list[float]
    median: list[float]
    p90: list[float]
    p99: list[float]
    released: list[int] = []  # hashes of models that were released lately


class Population:
    """Histograms (len(FEATURES), BINS) of the accounts' features."""

    def __init__(self, counts: Array | None = None) -> None:
        self.counts = np.zeros((len(NAMES), BINS), np.int64) if counts is None else counts

    def observe(self, features: Array) -> None:
        """Count accounts with ``features`` (N, len(FEATURES))."""
        width = (HIGH - LOW) / BINS
        known = ~np.isnan(features)
        cell = np.clip((np.where(known, features - LOW, 0.0) / width).astype(np.int64), 0, BINS - 1)
        for row in range(len(NAMES)):
            self.counts[row] += UNIT * np.bincount(cell[known[:, row], row], minlength=BINS)

    def fade(self, keep: int) -> None:
        """Keep ``keep`` of 64 parts of what was counted."""
        self.counts = self.counts * keep // 64

    @property
    def accounts(self) -> float:
        """Accounts counted, faded ones by what is left of them."""
        return float(self.counts[0].sum()) / UNIT if len(NAMES) else 0.0

    def summary(self, reference: Population | None = None, weight: int = 0) -> Summary:
        """Quantiles, with ``reference`` mixed in as if it were ``weight`` accounts."""
        counts = self.counts.astype(np.float64)
        if reference is not None and weight:
            own = reference.counts.sum(axis=1, keepdims=True)
            counts = counts + reference.counts * (weight * UNIT / np.maximum(own, 1))
        counts[counts.sum(axis=1) == 0, 0] = 1.0  # a feature that nobody has shown yet
        levels = np.array([0.10, 0.50, 0.90, 0.99])
        total = counts.sum(axis=1)
        heap = np.cumsum(counts, axis=1)
        width = (HIGH - LOW) / BINS
        table = np.empty((len(levels), len(NAMES)))
        for at, level in enumerate(levels):
            target = level * total
            cell = np.minimum((heap < target[:, None]).sum(axis=1), BINS - 1)
            row = np.arange(len(NAMES))
            below = heap[row, cell] - counts[row, cell]
            inside = (target - below) / np.maximum(counts[row, cell], 1e-9)
            table[at] = LOW + width * (cell + np.clip(inside, 0.0, 1.0))
        p10, median, p90, p99 = table.tolist()
        return Summary(p10, median, p90, p99)
