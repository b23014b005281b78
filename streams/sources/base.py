"""What a source of records promises."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Records:
    """Some records of one partition, in order; ``next`` is the offset after the last.

    ``logged`` says when the log took each, in ms by its own clock; ``None`` where it does not say.
    """

    partition: int
    offsets: list[int]
    values: list[bytes]
    next: int
    logged: list[int] | None = None

    def since(self, offset: int) -> Records:
        """What is left of them from ``offset`` on."""
        first = bisect_left(self.offsets, offset)
        logged = None if self.logged is None else self.logged[first:]
        return Records(self.partition, self.offsets[first:], self.values[first:], self.next, logged)


@dataclass(slots=True)
class Polled:
    """What one poll brought. Ownership changes count from before the records: claim, seek, then read."""

    records: list[Records] = field(default_factory=list)
    assigned: set[int] = field(default_factory=set)
    revoked: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """What the settings say to any source."""

    group: str = "siphonwatch"  # members of one group share the partitions
    batch: int = 8192  # records of one poll, at most
    session: float = 10.0  # seconds of silence after which a dead member's partitions go to others


@dataclass(frozen=True, slots=True)
class Extent:
    """What of a partition there is to read."""

    identity: str  # of the log: another where it was deleted and made anew; empty where the source cannot tell
    begins: int  # the oldest offset that can still be read
    ends: int  # the offset after the newest record


class Source(Protocol):
    """A partitioned log that can be read again from any offset."""

    name: str  # topic or path, for dead letters and keys

    def partitions(self) -> int:
        """How many partitions there are; ``Unavailable`` while nobody answers."""
        ...

    def poll(self, timeout: float) -> Polled:
        """Wait up to ``timeout`` seconds for records and ownership changes. ``Unavailable`` when the log is away."""
        ...

    def seek(self, partition: int, offset: int | None) -> None:
        """Read ``partition`` from ``offset`` on, or from its start for ``None``."""
        ...

    def extent(self, partition: int) -> Extent:
        """What of ``partition`` there is to read just now. ``Unavailable`` when the log is away."""
        ...

    def identity(self) -> str:
        """The log's identity as it was last heard of; cheap to ask for, again and again."""
        ...

    def lag(self, partition: int) -> int | None:
        """Records not yet read, ``None`` where unknown."""
        ...

    def progress(self, offsets: dict[int, int]) -> None:
        """Tell the log how far each partition is stored, for its own tools to show. Never blocks, never needed."""
        ...

    def close(self) -> None:
        """Leave the group and give connections back."""
        ...
