"""The accounts of a shard, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from siphonwatch.streams.common.errors import Fenced
from siphonwatch.streams.stores.base import Fault, Fence, Kept, Owners, ShardJudging
from siphonwatch.streams.stores.memory.data import Data, Shard


class Shards(Data):
    """See :class:`siphonwatch.streams.stores.base.shards.Shards`."""

    def hold(self, owner: str, partitions: Sequence[int], shards: Sequence[int]) -> dict[int, Fence]:
        """See the protocol."""
        with self._lock:
            for shard in shards:
                self._shards[shard].fence.epoch += 1
            self._owners = Owners(self._owners.moves + 1, {**self._owners.of, **dict.fromkeys(partitions, owner)})
            return {shard: replace(self._shards[shard].fence) for shard in shards}

    def owners(self) -> Owners:
        """See the protocol."""
        with self._lock:
            return replace(self._owners, of=dict(self._owners.of))

    def resign(self, owner: str) -> None:
        """See the protocol."""
        with self._lock:
            left = {partition: each for partition, each in self._owners.of.items() if each != owner}
            self._owners = Owners(self._owners.moves + 1, left)

    def _mine(self, fences: dict[int, Fence]) -> list[Shard]:
        for shard, fence in fences.items():
            if self._shards[shard].fence.epoch > fence.epoch:
                raise Fenced(f"another keeps shard {shard}")
        return [self._shards[shard] for shard in fences]

    def load(self, fences: dict[int, Fence]) -> Kept:
        """See the protocol."""
        with self._lock:
            lead, kept = self._lead, Kept(self._lead.judged, self._lead.context)
            for shard, mine in zip(fences, self._mine(fences), strict=True):
                staged = self._staged.get(lead.shards[shard], {})
                if mine.fence.mark != lead.shards[shard] and shard in staged:
                    self._change(lead.shards[shard], shard, staged[shard])
                fences[shard].mark = mine.fence.mark
                kept.accounts += mine.accounts
                kept.values += [value for value, _ in mine.accounts.values()]
                kept.verdicts |= mine.verdicts
            return kept

    def _change(self, mark: str, shard: int, changes: ShardJudging) -> None:
        mine = self._shards[shard]
        mine.change(changes)
        mine.fence.mark = mark

    def stage(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> None:
        """See the protocol."""
        with self._lock:
            self._staged.setdefault(mark, {}).update(changes)

    def apply(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> list[tuple[int, Fault]]:
        """See the protocol."""
        with self._lock:
            self._mine(fences)
            for shard, change in changes.items():
                if self._shards[shard].fence.mark != mark:
                    self._change(mark, shard, change)
                fences[shard].mark = mark
            return []

    def rewrite(self, fences: dict[int, Fence], whole: dict[int, ShardJudging]) -> None:
        """See the protocol."""
        with self._lock:
            self._mine(fences)
            for shard, everything in whole.items():
                self._shards[shard] = Shard(replace(fences[shard]))
                self._shards[shard].change(everything)

    def check_shards(self, fences: dict[int, Fence]) -> list[tuple[int, Fault]]:
        """See the protocol."""
        with self._lock:
            held = zip(fences.items(), self._mine(fences), strict=True)
            return [
                (shard, Fault("fell_back", "accounts", f"shard {shard}")) for (shard, fence), mine in held if mine.fence.mark != fence.mark
            ]
