"""The judging: what closes a step of it, and what its new owner finds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.streams.stores.base.fences import Fault, Fence


@dataclass(slots=True)
class Lead:
    """The judging as its new owner finds it."""

    fence: Fence
    context: bytes | None
    found: Fence = field(default_factory=lambda: Fence(0, ""))  # what the owner before left
    judged: str = ""  # the mark of the newest judging that was closed
    shards: list[str] = field(default_factory=lambda: [""] * SHARDS)  # of each shard the mark of the newest judging that changed it
    read: list[int] = field(default_factory=list)  # of each partition the offset up to which it is included; empty where unknown
    outbox: list[bytes] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(slots=True)
class Judging:
    """What closes one step of judging: everything but the accounts."""

    mark: str  # under which its shards are staged
    context: bytes
    findings: list[tuple[str, bytes]] = field(default_factory=list)  # (whom it is about, finding) to send, in order
    placed: list[Ruling] = field(default_factory=list)  # rulings that were given their place in the log
    closed: int = UNSEALED  # the newest tick that it includes
    read: list[int] = field(default_factory=list)  # of each partition the offset up to which ``closed`` includes it; empty where unknown
    shards: list[str] = field(default_factory=lambda: [""] * SHARDS)  # as in :class:`Lead`, this judging included
    moves: int = 0  # how often shards had moved when it began


class Judgings(Protocol):
    """The judging, but for the accounts."""

    def lead(self) -> Lead:
        """Own the judging from now on, and load what is stored of it beside the shards. What does not decode is a fault."""
        ...

    def judged(self, fence: Fence, judging: Judging) -> None:
        """Close a judging; ``fence`` then has its mark. Or raise ``Fenced``, ``Behind``, or ``Moved`` where a shard has moved.

        What is cut short after it was closed is finished by the next :meth:`lead`.
        """
        ...

    def announce(self, fence: Fence) -> None:
        """Tell who reads standings that there may be something to read: the newest judging was applied."""
        ...

    def check(self, fence: Fence) -> None:
        """Raise ``Fenced`` or ``Behind`` where the judging is not as this writer left it."""
        ...

    def sent(self, fence: Fence, count: int) -> None:
        """Take the ``count`` oldest findings off the outbox; nothing where another judges by now."""
        ...
