"""Panes: what one partition of the log adds to each account within each event-time tick.

A pane is a delta: the folded rows of the requests of one tick. Panes of all partitions, merged, are what a tick's
judging adds to the accounts; so an account may be spread over partitions in any way. Which pane an event goes to
depends only on the partition's own order: on its clock (the newest event time so far) and on what is sealed, never on batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.identities import Identities
from siphonwatch.detector.sketch.pane import UNSEALED, Clock, Pane

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Added:
    """What one batch did: the changed rows of each tick, the new request ids, and the events that were refused."""

    changed: dict[int, tuple[list[str], Array]]
    ids: dict[int, Array]
    strays: Array  # positions in the batch of events whose time is out of range
    duplicates: int
    late: int  # events counted in a later tick than their own


class Panes:
    """The open panes of one partition."""

    def __init__(self, settings: Settings, clock: Clock | None = None, sealed: int = UNSEALED) -> None:
        self.settings = settings
        self.clock = clock or Clock()
        self.sealed = sealed  # the newest tick that no longer takes events
        self.open: dict[int, Pane] = {}
        self.ids: dict[int, Identities] = {}  # tick -> the requests counted in it

    # -------------------------------------------------------------------------------------------- one batch

    def add(self, batch: RequestBatch) -> Added:
        """Fold a batch into the panes."""
        kept, strays, clock_at = self._by_clock(batch.time)
        batch = batch.take(kept) if len(kept) < len(batch) else batch
        settings = self.settings
        own = batch.time // settings.tick_ms
        earliest = (clock_at - settings.lateness_ms) // settings.tick_ms
        tick = np.maximum(np.maximum(own, earliest), self.sealed + 1)
        first = self._first_deliveries(batch.request, own >= earliest - settings.duplicate_ticks)
        duplicates = len(batch) - len(first)
        if duplicates:
            batch, tick, own = batch.take(first), tick[first], own[first]
        changed, ids = {}, {}
        if len(batch):
            import pandas as pd

            codes, accounts = pd.factorize(batch.accounts)
            group, inverse = np.unique(tick * len(accounts) + codes, return_inverse=True)
            rows = state.fold(batch, inverse, len(group))
            group_tick = group // len(accounts)
            for each in np.unique(group_tick).tolist():
                chosen = group_tick == each
                names = accounts[group[chosen] % len(accounts)].tolist()
                pane = self.open.setdefault(each, Pane())
                position = pane.add(names, rows[chosen])
                changed[each] = (names, pane.rows[position])
                ids[each] = np.unique(batch.request[tick == each])
                self.ids.setdefault(each, Identities()).add(ids[each])
        self._forget()
        return Added(changed, ids, strays, duplicates, int((tick > own).sum()))

    def _by_clock(self, time: Array) -> tuple[Array, Array, Array]:
        """(positions of events in range, positions of strays, the clock as each kept event finds it)."""
        ahead, behind, newest = self.settings.ahead_ms, self.settings.behind_ms, self.clock.newest
        everything = np.arange(len(time))
        if newest is not None and len(time) and not self.clock.strayed:
            clock = np.maximum.accumulate(np.maximum(time, newest))
            before = np.concatenate([[newest], clock[:-1]])
            if bool(np.all((time <= before + ahead) & (time >= before - behind))):
                self.clock = Clock(int(clock[-1]))
                return everything, everything[:0], before
        kept: list[int] = []
        strays: list[int] = []
        at: list[int] = []
        clock_now = self.clock
        for position, moment in enumerate(time.tolist()):
            found = clock_now.newest if clock_now.newest is not None else moment
            clock_now, taken = self._step(clock_now, moment)
            (kept if taken else strays).append(position)
            if taken:
                at.append(found if abs(found - moment) <= behind else moment)
        self.clock = clock_now
        return np.array(kept, np.int64), np.array(strays, np.int64), np.array(at, np.int64)

    def _step(self, clock: Clock, moment: int) -> tuple[Clock, bool]:
        """The clock after one event, and whether the event is taken."""
        ahead, behind, newest = self.settings.ahead_ms, self.settings.behind_ms, clock.newest
        if newest is None or newest - behind <= moment <= newest + ahead:
            return Clock(max(moment, newest or moment)), True
        agrees = clock.strayed > 0 and clock.stray - behind <= moment <= clock.stray + ahead
        strayed = clock.strayed + 1 if agrees else 1
        stray = max(moment, clock.stray) if agrees else moment
        if strayed >= self.settings.jump_agreed:
            return Clock(stray), True
        return Clock(newest, strayed, stray), False

    def _first_deliveries(self, requests: Array, remembered: Array) -> Array:
        """Positions of the requests that were not counted before.

        ``remembered`` (N,) says which of them are recent enough to tell, by the partition's own order; the others count as new, so that
        it does not matter which batch brings them.
        """
        first = np.zeros(len(requests), dtype=bool)
        first[np.unique(requests, return_index=True)[1]] = True
        for known in self.ids.values():
            first &= ~known.has(requests)
        return np.flatnonzero(first | ~remembered)

    def _forget(self) -> None:
        if self.clock.newest is not None:
            oldest = self.watermark - self.settings.duplicate_ticks
            self.ids = {tick: ids for tick, ids in self.ids.items() if tick >= oldest}

    # -------------------------------------------------------------------------------------------- closing

    @property
    def watermark(self) -> int:
        """The oldest tick that this partition's order alone still lets events into."""
        if self.clock.newest is None:
            return self.sealed + 1
        return max((self.clock.newest - self.settings.lateness_ms) // self.settings.tick_ms, self.sealed + 1)

    @property
    def last(self) -> int:
        """The tick of the newest event time seen, or what is sealed where nothing was."""
        newest = self.clock.newest
        return self.sealed if newest is None else max(newest // self.settings.tick_ms, max(self.open, default=self.sealed))

    def seal(self, tick: int) -> list[tuple[int, Pane]]:
        """Close every pane up to ``tick`` and hand them over, oldest first."""
        self.sealed = max(self.sealed, tick)
        due = sorted(each for each in self.open if each <= tick)
        return [(each, self.open.pop(each)) for each in due]

    def restore(self, panes: Iterable[tuple[int, list[str], Array]], ids: dict[int, Array]) -> None:
        """Put back what a store kept."""
        for tick, accounts, rows in panes:
            self.open.setdefault(tick, Pane()).add(accounts, rows)
        self.ids = {tick: Identities(known) for tick, known in ids.items()}
