"""What each Redis script is called with: its keys by name, and one MessagePack map of the fields below.

A script runs alone on its server, so it is all or nothing as long as it looks before it writes. Every key that it touches is declared,
and all keys of one call share a hash tag. The scripts stand in ``lua/``, one file each, named as here.
"""

from __future__ import annotations

from importlib import resources
from typing import ClassVar

import msgpack
import msgspec

OK, FENCED, SEALED, BEHIND, MISSING, MISPLACED, MOVED = b"OK", b"FENCED", b"SEALED", b"BEHIND", b"MISSING", b"MISPLACED", b"MOVED"


def packed(call: msgspec.Struct) -> bytes:
    """MessagePack in the old form without a type for bytes: the decoder inside Redis knows no other."""
    made: bytes = msgpack.packb(msgspec.to_builtins(call, builtin_types=(bytes,)), use_bin_type=False)
    return made


class Call(msgspec.Struct):
    """One call of a script; ``keys`` names its declared keys in their order, an ellipsis repeats the names before it.

    A script answers OK and what it found, or wrote nothing and says why: FENCED (there is a new owner), BEHIND (what the caller last wrote
    is not there), SEALED (the tick is closed), MISSING and a key (it holds less than was written), MISPLACED and a key (of another type).
    """

    script: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]


class Claim(Call):
    """Own a partition, or the judging, from now on. Answers the new epoch, and the epoch and the mark that were there."""

    script = "claim"
    keys = ("meta",)

    ttl: int  # seconds to live
    mark: str


class CommitTick(msgspec.Struct):
    """What one commit changes in one tick."""

    tick: int
    ids: bytes  # appended: hashes of requests, eight bytes each
    accounts: list[str]
    rows: list[bytes]  # of ``accounts``


class Commit(Call):
    """Write changed panes together with the progress that they include."""

    script = "commit"
    keys = ("meta", "pane", "ids", "…", "gone", "…")

    epoch: int
    expects: str  # the mark that this writer left
    mark: str  # of this write
    position: bytes
    watermark: int
    ttl: int
    ticks: list[CommitTick]
    gone: list[int]  # ticks whose ids are forgotten


class Seal(Call):
    """Close a partition's panes up to ``tick``. Answers which of them there are, each with its number of rows."""

    script = "seal"
    keys = ("meta",)

    tick: int
    expects: str  # the mark that the caller saw; needed only where the partition's order has not passed the tick


class Drop(Call):
    """Delete panes that were judged."""

    script = "drop"
    keys = ("meta", "pane", "…")

    ticks: list[int]


class Rewind(Call):
    """Forget what was read of a partition."""

    script = "rewind"
    keys = ("meta", "pane or ids", "…")

    mark: str
    ttl: int


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


class JudgedFinding(msgspec.Struct):
    """Something to tell."""

    subject: str
    finding: bytes


class JudgedRuling(msgspec.Struct):
    """A ruling with its place in the log."""

    id: str
    ruling: bytes


class Chunk(msgspec.Struct):
    """A part of a judging that is written in one step: an element of ``redo``."""

    whole: bool = False  # what there was is dropped first
    accounts: list[JudgedAccount] = []
    dropped: list[str] = []
    verdicts: list[JudgedVerdict] = []
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
    staged: int  # chunks
    ttl: int


class Apply(Call):
    """Write one chunk of a judging that was closed."""

    script = "apply"
    keys = ("judge", "redo", "accounts", "ranking", "outbox", "standings", "findings", "placed", "verdicts", "verdict", "…")

    epoch: int
    number: int
    ttl: int
    kept: int  # findings that are kept to look back at


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
    """Erase an account. Answers 1 where there was one, 0 otherwise."""

    script = "erase"
    keys = ("meta", "accounts", "ranking", "standings", "findings", "rulings", "withdrawn", "placed", "erased", "verdicts", "verdict")

    account: str
    digest: str
    at: str  # epoch seconds
    ttl: int
    findings: list[ErasedFinding]
    rulings: list[JudgedRuling]  # that named it; those that were on it without their text


class Trail(Call):
    """Append a line to the audit log. Answers OK, or MOVED where it is longer than ``length`` by now."""

    script = "trail"
    keys = ("trail",)

    length: int
    line: bytes


CALLS: tuple[type[Call], ...] = (Claim, Commit, Seal, Drop, Rewind, Judged, Apply, Sent, Spend, Erase, Trail)


def source(call: type[Call]) -> str:
    """The text of a script, with what all of them begin with."""
    folder = resources.files("siphonwatch.streams.stores").joinpath("lua")
    return "\n".join(folder.joinpath(f"{name}.lua").read_text(encoding="utf-8") for name in ("before", call.script))
