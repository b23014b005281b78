"""What was read of a partition, in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.streams.common.errors import Behind, Sealed
from siphonwatch.streams.stores.base import PARTS, Array, Claim, Fence, Position, Progress
from siphonwatch.streams.stores.memory.data import Data, Partition


def _part(account: str) -> int:
    return shard_of(account) % PARTS


def _pane(rows: dict[str, bytes]) -> tuple[list[str], Array]:
    return list(rows), state.from_bytes(list(rows.values()))


class Partitions(Data):
    """See :class:`siphonwatch.streams.stores.base.partitions.Partitions`."""

    def claim(self, partition: int) -> Claim:
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            mine.fence = Fence(mine.fence.epoch + 1, self._mark())
            panes = [(tick, *_pane(rows)) for tick, rows in sorted(mine.panes.items()) if tick > mine.sealed]
            judged = self._read_to[partition] if partition < len(self._read_to) else 0
            closed = self._closed if self._read_to else UNSEALED
            return Claim(replace(mine.fence), mine.position, mine.sealed, panes, dict(mine.ids), closed, judged, mine.rewound)

    def commit(
        self, partition: int, fence: Fence, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array], gone: Collection[int] = (),
    ) -> None:  # fmt: skip
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            self._holds(mine.fence, fence, "partition", partition)
            if any(tick <= mine.sealed for tick in changed):
                raise Sealed(f"partition {partition} is sealed up to tick {mine.sealed}")
            for tick, (accounts, rows) in changed.items():
                mine.panes.setdefault(tick, {}).update(zip(accounts, state.to_bytes(rows), strict=True))
                mine.ids[tick] = np.concatenate([mine.ids.get(tick, ids[tick][:0]), ids[tick]])
            for tick in gone:
                mine.ids.pop(tick, None)
            mine.position, mine.rewound = position, False
            fence.mark = fence.tried = mine.fence.mark = self._mark()

    def positions(self, partitions: int) -> list[Progress]:
        """See the protocol."""
        with self._lock:
            known = [self._at(each) for each in range(partitions)]
            return [Progress(each.position, each.sealed, each.fence.mark, each.dropped) for each in known]

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[dict[int, dict[int, int]], list[int]]:
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            if tick > mine.sealed and (mine.position is None or tick >= mine.position.watermark) and mark != mine.fence.mark:
                raise Behind(f"partition {partition} is not as it was seen", "partition", partition)
            mine.sealed = max(mine.sealed, tick)
            counts = {each: Counter(map(_part, mine.panes[each])) for each in sorted(mine.panes) if after < each <= tick}
            return {each: dict(parts) for each, parts in counts.items()}, sorted(each for each in mine.panes if each <= min(after, tick))

    def panes(self, wanted: Sequence[tuple[int, int, dict[int, int]]]) -> list[Pane]:
        """See the protocol."""
        with self._lock:
            found = []
            for partition, tick, parts in wanted:
                pane, there = Pane(), self._at(partition).panes.get(tick, {})
                rows = {account: row for account, row in there.items() if _part(account) in parts}
                if len(rows) != sum(parts.values()):
                    self.rewind(partition)
                    raise Behind(f"the pane of tick {tick} is not as it was written", "pane", partition, "missing")
                if rows:
                    pane.add(*_pane(rows))
                found.append(pane)
            return found

    def drop(self, partition: int, ticks: list[int]) -> None:
        """See the protocol."""
        with self._lock:
            for tick in ticks:
                self._at(partition).panes.pop(tick, None)
                self._at(partition).dropped = max(self._at(partition).dropped, tick)

    def rewind(self, partition: int) -> None:
        """See the protocol."""
        with self._lock:
            self._partitions[partition] = Partition(Fence(self._at(partition).fence.epoch, self._mark()), rewound=True)
