"""Panes: what one partition of the log adds to each account within each event-time tick.

A pane is a delta: the folded rows of the requests of one tick. Panes of all partitions, merged, are what a tick's
judging adds to the accounts; so an account may be spread over partitions in any way. Which pane an event goes to
depends only on the partition's own order: on its clock, which many events move, and on what is sealed, never on batches.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.clock import UNSET, Clock
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.identities import Identities
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.sketch.registers import changes
from siphonwatch.detector.sketch.strays import reached

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Added:
    """What one batch did: the changed rows of each tick, the new request ids, and the events that were refused."""

    changed: dict[int, tuple[list[str], Array]]
    ids: dict[int, Array]
    strays: Array  # positions in the batch of events too far behind the clock to be counted
    duplicates: int
    late: int  # events counted in a later tick than their own
    ahead: int = 0  # events further ahead of the clock than a log in order has them


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch put into the pane of one tick."""

    tick: int
    pane: Pane
    accounts: list[str]
    position: Array  # (A,) where their rows stand in the pane
    ids: Array  # uint64 hashes of the requests, ascending


def folded(batch: RequestBatch, tick: Array, panes: dict[int, Pane]) -> list[Folded]:
    """Fold a batch into ``panes``, each request into that of its ``tick`` (N,)."""
    if not len(batch):
        return []
    import pandas as pd

    codes, accounts = pd.factorize(batch.accounts)
    which, ticks = pd.factorize(tick, sort=True)
    owner, group = pd.factorize(which * len(accounts) + codes, sort=True)
    rows = fold(batch, owner, len(group))
    edges = np.searchsorted(group, np.arange(len(ticks) + 1) * len(accounts))
    parts = []
    for number, each in enumerate(ticks.tolist()):
        mine = slice(edges[number], edges[number + 1])
        names = accounts[group[mine] - number * len(accounts)].tolist()
        if each in panes:
            position = panes[each].add(names, rows[mine])
        else:
            position = np.arange(len(names))
            panes[each] = Pane(dict(zip(names, range(len(names)), strict=True)), rows[mine])
        parts.append(Folded(each, panes[each], names, position, _distinct(batch.request[which == number])))
    return parts


def _distinct(hashes: Array) -> Array:
    """What ``np.unique`` gives, many times quicker where nearly all are distinct."""
    ascending = np.sort(hashes)
    changed = changes(ascending)
    return ascending if bool(changed.all()) else ascending[changed]


def first_of_each(hashes: Array) -> Array:
    """(N,) which hashes were not there before, from the first on."""
    import pandas as pd

    first: Array = ~pd.Series(hashes).duplicated().to_numpy()
    return first


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
        settings = self.settings
        self.clock, clock = self.clock.after(batch.time)
        in_range = batch.time >= clock - settings.behind_ms
        ahead = int(np.count_nonzero((batch.time > clock + settings.leap_ms) & (clock > UNSET)))
        strays = np.flatnonzero(~in_range)
        if len(strays):
            batch, clock = batch.take(in_range), clock[in_range]
        own = batch.time // settings.tick_ms
        earliest = (clock - settings.lateness_ms) // settings.tick_ms
        tick = np.maximum(np.maximum(own, earliest), self.sealed + 1)
        first = self._first_deliveries(batch.request, own >= earliest - settings.duplicate_ticks)
        duplicates = len(batch) - len(first)
        if duplicates:
            batch, tick, own = batch.take(first), tick[first], own[first]
        parts = folded(batch, tick, self.open)
        changed = {part.tick: (part.accounts, part.pane.rows[part.position]) for part in parts}
        ids = {part.tick: part.ids for part in parts}
        for each, new in ids.items():
            self.ids.setdefault(each, Identities()).add(new)
        self._forget()
        return Added(changed, ids, strays, duplicates, int((tick > own).sum()), ahead)

    def _first_deliveries(self, requests: Array, remembered: Array) -> Array:
        """Positions of the requests that were not counted before.

        ``remembered`` (N,) says which of them are recent enough to tell, by the partition's own order; the others count as new, so that
        it does not matter which batch brings them.
        """
        first = first_of_each(requests)
        for known in self.ids.values():
            first &= ~known.has(requests)
        return np.flatnonzero(first | ~remembered)

    def _forget(self) -> None:
        if self.clock.time is not None:
            oldest = self.watermark - self.settings.duplicate_ticks
            self.ids = {tick: ids for tick, ids in self.ids.items() if tick >= oldest}

    # -------------------------------------------------------------------------------------------- closing

    @property
    def watermark(self) -> int:
        """The oldest tick that this partition's order alone still lets events into."""
        if self.clock.time is None:
            return self.sealed + 1
        return max((self.clock.time - self.settings.lateness_ms) // self.settings.tick_ms, self.sealed + 1)

    @property
    def last(self) -> int:
        """The newest tick that the log has reached, a few clocks astray apart, or what is sealed where nothing was."""
        total, passed = self.clock.records, max(self.watermark - 1, self.sealed)
        requests = {passed: total} if passed > UNSEALED else {}
        requests |= {tick: pane.requests for tick, pane in self.open.items()}
        return max(reached(requests, total, self.settings), passed)

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
