"""The order of a log in time: how far records come out of it, where nothing came for long, which clocks strayed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

DAY_MS = 86_400_000
LATE_MS = 600_000  # further behind the latest time before it, a record is out of order
GAP_MS = DAY_MS  # without a record for so long there is a gap
FEW = 0.001  # share of the records below which a cluster of times of its own is a strayed clock, not a part of the log
FIRST = 50  # records of a file that its time is told by


@dataclass(slots=True)
class Order:
    """The times of a log, in the order of its records."""

    late: int = 0  # records more than ``LATE_MS`` behind one that came before
    latest: int | None = None
    files_back: int = 0  # files that begin before the one before them ended
    _path: str = ""
    _times: list[npt.NDArray[Any]] = field(default_factory=list)

    def add(self, times: npt.NDArray[Any], path: str) -> None:
        """Look at the next records' times, in ms."""
        if not len(times):
            return
        if path != self._path:
            self.files_back += self.latest is not None and int(np.median(times[:FIRST])) < self.latest - LATE_MS
            self._path = path
        peaks = np.maximum.accumulate(times if self.latest is None else np.concatenate([[self.latest], times]))
        before = peaks[:-1]
        self.late += int(np.count_nonzero(times[len(times) - len(before) :] < before - LATE_MS))
        self.latest = int(peaks[-1])
        self._times.append(times)

    @property
    def spans(self) -> list[tuple[int, int, int]]:
        """(first time, last time, records) of each stretch without a gap, strayed clocks included, in the order of time."""
        if not self._times:
            return []
        times = np.sort(np.concatenate(self._times))
        edges = np.flatnonzero(np.diff(times) > GAP_MS) + 1
        return [(int(part[0]), int(part[-1]), len(part)) for part in np.split(times, edges)]

    @property
    def strays(self) -> int:
        """Records whose time is a day or more from all but a few."""
        spans = self.spans
        total = sum(count for _, _, count in spans)
        return sum(count for _, _, count in spans if count <= max(total * FEW, 1) and len(spans) > 1 and total > 20)

    @property
    def stretches(self) -> list[tuple[int, int, int]]:
        """The spans that are parts of the log."""
        spans = self.spans
        total = sum(count for _, _, count in spans)
        return [span for span in spans if not (span[2] <= max(total * FEW, 1) and len(spans) > 1 and total > 20)]
