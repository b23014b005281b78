"""The accounts of a shard: who keeps them, and what a judging changes in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base.fences import Fault, Fence

PARTS = 32  # in which a pane is kept, by shard, so that who keeps some shards reads no other accounts' rows; for good


def shards_of(partition: int, partitions: int) -> list[int]:
    """The shards that fall to ``partition`` of ``partitions``; none where there are more partitions than parts of a pane."""
    return [shard for shard in range(SHARDS) if shard % PARTS % partitions == partition]


@dataclass(slots=True)
class ShardJudging:
    """What one step of judging changes in a shard."""

    accounts: list[tuple[str, bytes, float]] = field(default_factory=list)  # account, state and record, evidence
    dropped: list[str] = field(default_factory=list)
    verdicts: dict[str, Verdict | None] = field(default_factory=dict)  # ``None`` deletes: the account is clear again
    height: float = 0.0  # evidence at which accounts are flagged now

    @property
    def nothing(self) -> bool:
        """Whether nothing changes."""
        return not (self.accounts or self.dropped or self.verdicts)


@dataclass(slots=True)
class Kept:
    """What is stored of some shards, as their keeper finds it."""

    judged: str = ""  # the mark of the newest judging that was closed, which they are as of
    context: bytes | None = None
    accounts: list[str] = field(default_factory=list)
    values: list[bytes] = field(default_factory=list)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    lost: set[int] = field(default_factory=set)  # shards of which accounts are missing
    derived: set[int] = field(default_factory=set)  # shards of which something is missing that follows from the accounts
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class Owners:
    """Who keeps which shards."""

    moves: int = 0  # how often shards have moved; it rises with each change
    of: dict[int, str] = field(default_factory=dict)  # partition -> the name of who keeps the shards that fall to it


class Shards(Protocol):
    """Accounts by shard, each shard kept by one worker."""

    def hold(self, owner: str, partitions: Sequence[int], shards: Sequence[int]) -> dict[int, Fence]:
        """Keep ``shards`` from now on, as the ``owner`` of ``partitions``: shard -> fence. No judging that began before can be closed."""
        ...

    def owners(self) -> Owners:
        """Who keeps which shards; its ``moves`` are no newer than the owners."""
        ...

    def resign(self, owner: str) -> None:
        """Keep nothing any more under this name."""
        ...

    def load(self, fences: dict[int, Fence]) -> Kept:
        """What is stored of these shards, once what was closed of them is applied; the fences have the marks that are there then.

        ``Fenced`` where another keeps one of them. What is missing or does not decode is a fault.
        """
        ...

    def stage(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> None:
        """Put down what the judging ``mark`` changes in shards. It counts once that judging is closed, and not otherwise.

        The changes are changes of shards that are as of the marks of their fences: a shard that has fallen back from there must not take
        them, and whoever loads it then says that its accounts are lost.
        """
        ...

    def apply(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> list[tuple[int, Fault]]:
        """Write what was staged of the judging ``mark``, which is closed; shards that must be written whole as they are not as they were.

        ``Fenced`` where another keeps one of them.
        """
        ...

    def rewrite(self, fences: dict[int, Fence], whole: dict[int, ShardJudging]) -> None:
        """Write shards anew, with all that there is of them, as of the marks of their fences. ``Fenced`` as above."""
        ...

    def check_shards(self, fences: dict[int, Fence]) -> list[tuple[int, Fault]]:
        """Shards that are not as their keeper left them, and why. ``Fenced`` as above."""
        ...
