"""What was read of a partition, with how far it was read."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.streams.stores.base.fences import Fault, Fence

Array = npt.NDArray[Any]


class Position(msgspec.Struct, frozen=True):
    """How far a partition was read, beside what was read of it."""

    offset: int  # of the next record to read
    clock: Clock
    watermark: int  # the oldest tick its own order still lets events into
    last: int  # the tick of the newest event
    idle: bool = False  # read to its end, and nothing came for a while
    topic: str = ""  # identity of the topic that the offset is of, empty where the source has none
    first: int = 0  # the offset that reading began with


class Progress(NamedTuple):
    """How far a partition is, as the judge sees it."""

    position: Position | None
    sealed: int = UNSEALED  # the newest tick that takes nothing more
    mark: str = ""  # of its newest write
    dropped: int = UNSEALED  # the newest tick whose pane was deleted


@dataclass(slots=True)
class Claim:
    """A partition as its new owner finds it."""

    fence: Fence
    position: Position | None
    sealed: int
    panes: list[tuple[int, list[str], Array]] = field(default_factory=list)
    ids: dict[int, Array] = field(default_factory=dict)
    closed: int = UNSEALED  # the newest tick that was judged, where it is known with what of this partition ...
    judged: int = 0  # ... which is this partition's records before this offset
    rewound: bool = False  # it was read further once, but what was read is lost
    faults: list[Fault] = field(default_factory=list)


def ids_to_bytes(ids: Array) -> bytes:
    """Request-id hashes as they are appended to a store's value."""
    return np.asarray(ids, dtype="<u8").tobytes()


def ids_from_bytes(value: bytes) -> Array:
    """The inverse of :func:`ids_to_bytes`, over everything appended so far."""
    return np.frombuffer(value, dtype="<u8").astype(np.uint64)


class Partitions(Protocol):
    """Panes of partitions, and the positions that they include."""

    def claim(self, partition: int) -> Claim:
        """Own ``partition`` from now on, and load what is stored of it.

        What is missing or does not decode is a fault of the claim, and the partition is *rewound*: without a position, to be read
        again from the log's start. Of ticks that were judged only the ids are kept then.
        """
        ...

    def commit(
        self, partition: int, fence: Fence, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array], gone: Collection[int] = (),
    ) -> None:  # fmt: skip
        """Write changed pane rows and the position, and forget the ids of the ticks ``gone``; ``fence`` then has its new mark.

        Or raise ``Fenced``, ``Sealed``, or ``Behind`` where the store is not as this writer left it, and write nothing.
        """
        ...

    def positions(self, partitions: int) -> list[Progress]:
        """How far partitions 0 to ``partitions`` - 1 are."""
        ...

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[dict[int, dict[int, int]], list[int]]:
        """Close a partition's panes up to ``tick``: (those after the tick ``after``, to judge; the ticks of the older ones, to drop).

        The first say of each tick how many rows each part of its pane has; parts without any are not named. Again and again it answers
        the same. ``Behind`` where neither the partition's order has passed ``tick`` nor its mark is ``mark``.
        """
        ...

    def panes(self, wanted: Sequence[tuple[int, int, dict[int, int]]]) -> list[Pane]:
        """Rows of closed panes: of each (partition, tick, part -> rows in it) those parts.

        ``Behind`` where one does not hold as many; its partition is rewound then.
        """
        ...

    def drop(self, partition: int, ticks: list[int]) -> None:
        """Delete panes that were judged."""
        ...

    def rewind(self, partition: int) -> None:
        """Forget what was read of a partition, and refuse its owner's next write: it is read again from the log's start."""
        ...
