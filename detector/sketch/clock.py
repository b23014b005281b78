"""The event-time clock of one partition: moved by many records, never by one.

The clock is the median event time of the last ``WINDOW`` records, read at every ``STEP``-th record of the partition, and it never goes
back. So it depends on the order of records alone, however they are batched, and fewer than half of a window's records, however wrong
their times, do not move it beyond the times of the others.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

WINDOW = 128  # records whose median is the clock: sixty wrong ones in a row do nothing
STEP = 32  # records from one reading to the next
UNSET = -(1 << 62)  # before the first reading


class Clock(msgspec.Struct, frozen=True):
    """A clock as a store keeps it; times in milliseconds."""

    time: int | None = None  # the newest reading
    records: int = 0  # that passed so far
    recent: list[int] = []  # the times that the next reading still needs

    def after(self, times: Array) -> tuple[Clock, Array]:
        """(the clock after records of ``times`` (N,), the time (N,) as each of them finds it: ``UNSET`` before the first reading)."""
        known = np.concatenate([np.array(self.recent, np.int64), times])
        behind = self.records - len(self.recent)  # records that ``known`` no longer holds
        ends = np.arange(self.records // STEP + 1, (self.records + len(times)) // STEP + 1) * STEP - behind
        whole = ends >= WINDOW
        medians = [int(np.sort(known[:end])[(end - 1) // 2]) for end in ends[~whole].tolist()]
        if bool(whole.any()):
            windows = np.lib.stride_tricks.sliding_window_view(known, WINDOW)[ends[whole] - WINDOW]
            medians += np.partition(windows, (WINDOW - 1) // 2, axis=1)[:, (WINDOW - 1) // 2].tolist()
        readings = np.maximum.accumulate(np.array([UNSET if self.time is None else self.time, *medians], np.int64))
        found = readings[(self.records + np.arange(len(times))) // STEP - self.records // STEP]
        newest = int(readings[-1])
        records = self.records + len(times)
        kept = min(len(known), WINDOW - STEP + records % STEP)
        return Clock(None if newest == UNSET else newest, records, known[len(known) - kept :].tolist()), found
