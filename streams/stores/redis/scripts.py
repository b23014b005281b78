"""What each Redis script is called with: its keys by name, and one MessagePack map of the fields below.

A script runs alone on its server, so it is all or nothing as long as it looks before it writes. Every key that it touches is declared,
and all keys of one call share a hash tag. The scripts stand in ``lua/``, one file each, named as here.
"""

from __future__ import annotations

from importlib import resources
from typing import ClassVar

import msgpack
import msgspec

OK, DONE, FENCED, SEALED, BEHIND = b"OK", b"DONE", b"FENCED", b"SEALED", b"BEHIND"
MISSING, MISPLACED, MOVED = b"MISSING", b"MISPLACED", b"MOVED"


def packed(call: msgspec.Struct) -> bytes:
    """MessagePack in the old form without a type for bytes: the decoder inside Redis knows no other."""
    made: bytes = msgpack.packb(msgspec.to_builtins(call, builtin_types=(bytes,)), use_bin_type=False)
    return made


class Call(msgspec.Struct):
    """One call of a script; ``keys`` names its declared keys in their order, an ellipsis repeats the names before it.

    A script answers OK and what it found, or wrote nothing and says why: FENCED (there is a new owner), BEHIND (what the caller last wrote
    is not there), SEALED (the tick is closed), MOVED (a shard has another keeper), MISSING and a key (it holds less than was written),
    MISPLACED and a key (of another type).
    """

    script: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]


class Claim(Call):
    """Own a partition, or the judging, from now on. Answers the new epoch, and the epoch and the mark that were there."""

    script = "claim"
    keys = ("meta",)

    ttl: int  # seconds to live
    mark: str


class CommitPart(msgspec.Struct):
    """What one commit changes in one part of a tick's pane."""

    part: int
    fields: list[str | bytes]  # account, row, account, row, ...


class CommitTick(msgspec.Struct):
    """What one commit changes in one tick."""

    tick: int
    ids: bytes  # appended: hashes of requests, eight bytes each
    parts: list[CommitPart]


class Commit(Call):
    """Write changed panes together with the progress that they include."""

    script = "commit"
    keys = ("meta", "ids", "pane", "…", "gone", "…")  # of each tick its ids and the parts of its pane; then the ids of ticks that are gone

    epoch: int
    expects: str  # the mark that this writer left
    mark: str  # of this write
    position: bytes
    watermark: int
    ttl: int
    ticks: list[CommitTick]
    gone: list[int]  # ticks whose ids are forgotten


class Seal(Call):
    """Close a partition's panes up to ``tick``. Answers what there is of them: tick, part, rows, tick, part, rows, ..."""

    script = "seal"
    keys = ("meta",)

    tick: int
    expects: str  # the mark that the caller saw; needed only where the partition's order has not passed the tick


class Drop(Call):
    """Delete panes that were judged."""

    script = "drop"
    keys = ("meta", "pane", "…")  # all parts of each tick's pane

    ticks: list[int]
    parts: int  # of a pane


class Rewind(Call):
    """Forget what was read of a partition."""

    script = "rewind"
    keys = ("meta", "pane or ids", "…")

    mark: str
    ttl: int


class Hold(Call):
    """Keep a shard from now on. Answers the new epoch, and the mark that is there."""

    script = "hold"
    keys = ("shard",)

    above: int  # no epoch up to this one is given: what a lost key no longer says
    ttl: int


class Move(Call):
    """Note who keeps the shards that fall to partitions, or that somebody keeps none: no judging that began before can be closed."""

    script = "move"
    keys = ("judge", "owners")

    owner: str
    partitions: list[str]
    leaves: bool  # keeps none
    least: int  # that the number of moves is afterwards
    ttl: int


class Look(Call):
    """See how a shard stands. Answers its ``LOOKED`` fields, then how much ``accounts`` and so on hold, -1 where of another type."""

    script = "look"
    keys = ("shard", "accounts", "ranking", "verdicts", "standings")


LOOKED = ("epoch", "mark", "redo", "staged", "applied", "becomes", "accounts", "verdicts")


class JudgedAccount(msgspec.Struct):
    """An account as a judging leaves it."""

    account: str
    value: bytes  # row and record
    evidence: float


class JudgedVerdict(msgspec.Struct):
    """A verdict that changed; without ``fields`` the account is clear again."""

    account: str
    standing: bytes
    fields: dict[str, str]


class ShardChunk(msgspec.Struct):
    """A part of what a judging changes in a shard that is written in one step: a field of the shard's ``redo``."""

    of: int  # so many
    base: str  # the mark that the shard had, to which this is what changes
    accounts: list[JudgedAccount]
    dropped: list[str]
    verdicts: list[JudgedVerdict]


class Apply(Call):
    """Write one chunk of a shard. Answers OK, or DONE where all of them are written."""

    script = "apply"
    keys = ("shard", "redo", "accounts", "ranking", "verdicts", "standings", "verdict", "…")

    epoch: int
    expects: str  # the mark that the shard has before the first chunk, ...
    becomes: str  # ... and after the last
    redo: str  # name of the chunks
    number: int
    whole: bool  # the first drops what is there, whatever that is
    ttl: int


class JudgedFinding(msgspec.Struct):
    """Something to tell."""

    subject: str
    finding: bytes


class JudgedRuling(msgspec.Struct):
    """A ruling with its place in the log."""

    id: str
    ruling: bytes


class JudgeChunk(msgspec.Struct):
    """A part of a judging beside its shards that is written in one step: a field of the topic's ``redo``."""

    findings: list[JudgedFinding] = []
    placed: list[JudgedRuling] = []


class Judged(Call):
    """Close a judging whose chunks stand in ``redo``."""

    script = "judged"
    keys = ("judge", "redo")

    epoch: int
    expects: str
    mark: str
    context: bytes
    closed: int
    read: str  # JSON: of each partition the offset up to which ``closed`` includes it
    shards: str  # JSON: of each shard the mark of the newest judging that changed it
    moves: int  # how often shards had moved when it began
    staged: int  # chunks
    ttl: int


class Tell(Call):
    """Write one chunk of a judging that was closed."""

    script = "tell"
    keys = ("judge", "redo", "outbox", "findings", "placed")

    epoch: int
    mark: str  # of the judging
    number: int
    ttl: int
    kept: int  # findings that are kept to look back at


class Announce(Call):
    """Raise the number by which sidecars see that standings changed."""

    script = "announce"
    keys = ("judge",)

    ttl: int


class Sent(Call):
    """Take the oldest findings off the outbox."""

    script = "sent"
    keys = ("judge", "outbox")

    epoch: int
    count: int


class Spent(msgspec.Struct):
    """Requests to charge to one bucket."""

    bucket: str
    interval: int  # milliseconds that one request takes of it
    requests: int


class Spend(Call):
    """Charge shared buckets. Answers how far ahead of time each is by now, in milliseconds."""

    script = "spend"
    keys = ("buckets",)

    ttl: int
    charges: list[Spent]


class ErasedFinding(msgspec.Struct):
    """A finding that named an erased account."""

    before: bytes
    after: bytes  # without it; empty where it was about it


class Erase(Call):
    """Erase an account from findings and rulings."""

    script = "erase"
    keys = ("findings", "rulings", "withdrawn", "placed", "erased")

    digest: str
    at: str  # epoch seconds
    ttl: int
    findings: list[ErasedFinding]
    rulings: list[JudgedRuling]  # that named it; those that were on it without their text


class Forget(Call):
    """Erase an account from its shard. Answers whether it was there, and whether it stood anywhere: 1 or 0 each."""

    script = "forget"
    keys = ("shard", "accounts", "ranking", "verdicts", "standings", "verdict")

    account: str


class Trail(Call):
    """Append a line to the audit log. Answers OK, or MOVED where it is longer than ``length`` by now."""

    script = "trail"
    keys = ("trail",)

    length: int
    line: bytes


CALLS: tuple[type[Call], ...] = (
    Claim, Commit, Seal, Drop, Rewind, Hold, Move, Look, Apply, Judged, Tell, Announce, Sent, Spend, Erase, Forget, Trail,
)  # fmt: skip


def source(call: type[Call]) -> str:
    """The text of a script, with what all of them begin with."""
    folder = resources.files("siphonwatch.streams.stores.redis").joinpath("lua")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in ("before", call.script))
