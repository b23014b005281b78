"""What a store keeps, and the promise each backend gives.

Two things are written, each all or nothing: a partition's panes with the position they include, and a judging with the accounts of all
shards that it changed. Each is fenced: a writer says which write it expects to find as the newest, so that neither an earlier
owner nor an owner whose store has fallen back to an earlier moment writes on. Every call may block on the network and raises
``Unavailable`` when the store does not answer; the caller retries, after loading what is there.

A judging is many writers' work. Whoever keeps a shard *stages* what changed in it, which counts for nothing yet; the judge closes the
tick in one small write, which names the mark of each shard's newest judging, and from then on all of it counts; then keepers *apply*
what they staged. Whoever loads a shard next finishes what was closed and not applied. When a shard moves to another keeper, no
judging that began before can be closed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.erasing import Erased

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Fence:
    """What a writer must find in the store, so that its next write counts."""

    epoch: int  # raised by each new owner
    mark: str  # of what this owner last found or wrote; no two writes have the same
    tried: str = ""  # of its newest write, whose answer may not have come


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was not as it was written, and what became of it."""

    kind: str  # one of :data:`siphonwatch.streams.common.errors.FAULTS`
    what: str  # one of ``FAULTY``
    key: str  # where it stood; and where it was put, where it was set aside


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


PARTS = 32  # in which a pane is kept, by shard, so that who keeps some shards reads no other accounts' rows; for good


def shards_of(partition: int, partitions: int) -> list[int]:
    """The shards that fall to ``partition`` of ``partitions``; none where there are more partitions than parts of a pane."""
    return [shard for shard in range(SHARDS) if shard % PARTS % partitions == partition]


@dataclass(frozen=True, slots=True)
class Charge:
    """Requests to charge to an account's bucket for a model."""

    account: str
    model: str
    interval: float  # seconds that one request takes of it
    requests: int


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """What a decision on an account rests on: small, as a sidecar keeps all of them in memory."""

    level: str  # watch, throttle or block
    over: float  # evidence over the flag's height, log-odds
    campaign: str | None = None


UNREAD = Standing("unread", 0.0)  # for a stored standing that does not decode: whoever asks keeps what it knew of the account
_standing = msgspec.json.Decoder(Standing)


def read_standing(value: bytes) -> Standing:
    """A standing as it was stored; ``UNREAD`` where that is none."""
    try:
        found = _standing.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return UNREAD
    return found if found.level in ("watch", "throttle", "block") else UNREAD


def standing(verdict: Verdict, height: float) -> Standing:
    """The standing that a verdict means."""
    return Standing(verdict.level, round(verdict.evidence - height, 3), verdict.campaign)


def merged(given: Mapping[str, Ruling], placed: Mapping[str, Ruling], withdrawn: Collection[str]) -> list[Ruling]:
    """The rulings as they stand, oldest first: what analysts gave, where judgings placed them, and which were taken back."""
    found = [
        msgspec.structs.replace(
            placed.get(name, ruling), withdrawn=name in withdrawn or (name in placed and placed[name].until is not None)
        )
        for name, ruling in given.items()
        if name in placed or name not in withdrawn  # taken back before anybody heard of it
    ]
    return sorted(found, key=lambda ruling: (ruling.given, ruling.id))


KEPT_FINDINGS = 10_000  # for a person or a dashboard to look back at; every finding was sent as well


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What the settings say to any store."""

    topic: str  # whose accounts it holds
    prefix: str = "siphonwatch"  # first part of every key
    ttl: int = 14 * 86_400  # seconds that what is not touched is kept


class Store(Protocol):
    """Where states live between batches, workers and restarts."""

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

    def post(self, message: bytes) -> None:
        """Say something to all who keep shards."""
        ...

    def posted(self, after: str | None, seconds: float) -> tuple[str, list[bytes]]:
        """What was said after the place ``after``, and the place to go on from; waits up to ``seconds`` for something.

        ``None`` is the place after all that was said. Messages are no record: a store that loses something may lose them.
        """
        ...

    def answer(self, ask: str, answer: bytes) -> None:
        """Answer to who asks under that name."""
        ...

    def answers(self, ask: str, seconds: float) -> list[bytes]:
        """Take the answers that have come; waits up to ``seconds`` for the first."""
        ...

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

    def account(self, account: str) -> bytes | None:
        """One account's state and record."""
        ...

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """State and record of many accounts at once."""
        ...

    def verdict(self, account: str) -> Verdict | None:
        """The verdict a gateway reads."""
        ...

    def top(self, count: int) -> list[str]:
        """The accounts of strongest evidence, strongest first."""
        ...

    def context(self) -> bytes | None:
        """The judging's context."""
        ...

    def standings_version(self) -> int:
        """Raised whenever standings change; cheap to ask for, again and again."""
        ...

    def standings(self) -> dict[str, Standing]:
        """How every account that is not clear stands; ``UNREAD`` where one does not decode, which costs no other account."""
        ...

    def spend(self, charges: list[Charge]) -> list[float]:
        """Charge shared buckets (GCRA); how far ahead of time each is by now, in seconds."""
        ...

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        """The newest findings, newest first; only those about ``subject`` where one is given."""
        ...

    def rulings(self) -> list[Ruling]:
        """What analysts have ruled, oldest first."""
        ...

    def rule(self, ruling: Ruling) -> None:
        """Keep a ruling; a judging gives it its place in the log."""
        ...

    def take_back(self, ruling: str) -> bool:
        """Take a ruling back from the next judging on; whether there was one."""
        ...

    def erase(self, account: str) -> Erased:
        """Erase an account: state, verdict, the findings and rulings on it, its name in others.

        The judging drops it at its next step; what is on its way out already is not called back.
        """
        ...

    def erased(self) -> dict[str, float]:
        """:func:`siphonwatch.streams.stores.erasing.digest` of accounts erased lately -> when, epoch seconds."""
        ...

    def trail(self, start: int = 0) -> list[bytes]:
        """The lines of the audit log from ``start`` on, oldest first; as with a list, -1 is the newest alone."""
        ...

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """Append to the audit log, which has ``length`` lines; ``False`` where it has more by now."""

    def keep(self, rulings: list[Ruling]) -> int:
        """Put back what a store lost of ``rulings``, as they stand; how many it did not know."""
        ...

    def set_aside(self, what: str, which: str | bytes = b"") -> Fault:
        """Move the ``context``, the ``account`` of a name, or a finding in the ``outbox`` out of the way, as it does not decode."""
        ...

    def take_faults(self) -> list[Fault]:
        """What was found not to be as it was written since this was last asked, beside what claims, leads and exceptions say."""
        ...

    def secret(self, proposed: bytes) -> bytes:
        """The secret that this topic's store keeps, without an end: ``proposed`` where it has none yet. All who ask get the same."""
        ...

    def used_bytes(self) -> int:
        """Memory the store uses."""
        ...

    def ping(self) -> None:
        """Raise ``Unavailable`` when the store does not answer."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


def ids_to_bytes(ids: Array) -> bytes:
    """Request-id hashes as they are appended to a store's value."""
    return np.asarray(ids, dtype="<u8").tobytes()


def ids_from_bytes(value: bytes) -> Array:
    """The inverse of :func:`ids_to_bytes`, over everything appended so far."""
    return np.frombuffer(value, dtype="<u8").astype(np.uint64)
