"""Where the shards are: in this process, or wherever a caller puts them. What is asked of them all is put together here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

import numpy as np
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.judging.shard import Judged, Named, Ranked, Shard, merged
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import Pane

T = TypeVar("T")


class Shards(Protocol):
    """All accounts, in one shard or many."""

    def all(self, ask: Callable[[Shard], T]) -> list[T]:
        """What each of them answers to ``ask``."""
        ...

    def judge(self, tick: int, at: int, panes: Sequence[Any]) -> list[Judged]:
        """Judge a tick in each of them, at event time ``at`` (ms)."""
        ...


class Local:
    """Shards in this process; a tick's panes are merged, and every shard gets its accounts' rows."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self.shards = shards

    def all(self, ask: Callable[[Shard], T]) -> list[T]:
        """See the protocol."""
        return [ask(shard) for shard in self.shards]

    def judge(self, tick: int, at: int, panes: Sequence[Pane]) -> list[Judged]:
        """See the protocol."""
        pane = panes[0] if len(panes) == 1 else Pane()
        for each in panes if len(panes) > 1 else ():
            pane.add(each.accounts, each.filled)
        if len(self.shards) == 1:
            return [self.shards[0].judge(tick, at, pane)]
        return [shard.judge(tick, at, part_of(pane, number, len(self.shards))) for number, shard in enumerate(self.shards)]


def part_of(pane: Pane, number: int, count: int) -> Pane:
    """The rows of those accounts whose shard falls to ``number`` of ``count``."""
    mine = [account for account in pane.accounts if shard_of(account) % count == number]
    part = Pane()
    if mine:
        part.add(mine, pane.filled[[pane.index[account] for account in mine]])
    return part


def fetch(shards: Shards, names: Sequence[str]) -> Named:
    """Those of ``names`` that are known, in their order, with their states and records."""
    parts = shards.all(partial(Shard.fetch, names=names))
    if len(parts) == 1:
        return parts[0]
    place = {name: at for at, name in enumerate(name for part in parts for name in part.names)}
    found = [name for name in names if name in place]
    order = [place[name] for name in found]
    rows, records = np.concatenate([part.rows for part in parts]), np.concatenate([part.records for part in parts])
    return Named(found, rows[order], records[order])


def near(shards: Shards, least: float, most: int) -> Ranked:
    """See :meth:`Shard.near`."""
    return merged(shards.all(partial(Shard.near, least=least, most=most)), most)


def quiet(shards: Shards, below: float, most: int) -> Ranked:
    """See :meth:`Shard.quiet`."""
    return merged(shards.all(partial(Shard.quiet, below=below, most=most)), most)


def linkable(shards: Shards, settings: Settings) -> list[str]:
    """Names, ascending, of the accounts among which links are sought."""
    most = settings.link_most
    strongest = merged(shards.all(partial(Shard.linkable, most=most)), most)
    if strongest.total <= most:
        return sorted(strongest.names)
    sample = merged(shards.all(partial(Shard.sample, most=most)), most)
    first = strongest.names[: most // 2]
    known = set(first)
    others = [name for name in sample.names if name not in known]
    return sorted([*first, *others[: most - len(first)]])
