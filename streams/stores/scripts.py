"""What each Redis script is called with: its keys by name, and one MessagePack map of the fields below.

A script runs alone on its server, so it is all or nothing as long as it looks before it writes. Every key that it touches is declared,
and all keys of one call share a hash tag. The scripts stand in ``lua/``, one file each, named as here.
"""

from __future__ import annotations

from importlib import resources
from typing import ClassVar

import msgpack
import msgspec

FENCED, SEALED, MOVED = b"FENCED", b"SEALED", b"MOVED"  # answers of a script that wrote nothing


class Call(msgspec.Struct):
    """One call of a script; ``keys`` names its declared keys in their order, an ellipsis repeats the names before it."""

    script: ClassVar[str]
    keys: ClassVar[tuple[str, ...]]

    def packed(self) -> bytes:
        """The one argument, in the old form without a type for bytes: the decoder inside Redis knows no other."""
        packed: bytes = msgpack.packb(msgspec.to_builtins(self, builtin_types=(bytes,)), use_bin_type=False)
        return packed


class Claim(Call):
    """Own a partition, or the judging, from now on. Answers the new epoch."""

    script = "claim"
    keys = ("meta",)

    ttl: int  # seconds to live


class CommitTick(msgspec.Struct):
    """What one commit changes in one tick."""

    tick: int
    ids: bytes  # appended: request-id hashes, eight bytes each
    accounts: list[str]
    rows: list[bytes]  # of ``accounts``


class Commit(Call):
    """Write changed panes together with the progress that they include. Answers OK, FENCED or SEALED."""

    script = "commit"
    keys = ("meta", "ticks", "pane", "ids", "…")

    epoch: int
    position: bytes
    ttl: int
    ticks: list[CommitTick]


class Seal(Call):
    """Close a partition's panes up to ``tick``. Answers which of them there are."""

    script = "seal"
    keys = ("meta", "ticks")

    tick: int


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


class Judged(Call):
    """Write what a judging changed. Answers OK or FENCED."""

    script = "judged"
    keys = ("meta", "accounts", "ranking", "outbox", "standings", "findings", "placed", "verdict", "…")

    epoch: int
    context: bytes
    ttl: int
    kept: int  # findings that are kept to look back at
    accounts: list[JudgedAccount]
    dropped: list[str]
    verdicts: list[JudgedVerdict]  # the verdict keys in the same order
    findings: list[JudgedFinding]
    placed: list[JudgedRuling]


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
    keys = ("meta", "accounts", "ranking", "standings", "findings", "rulings", "withdrawn", "placed", "erased", "verdict")

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


CALLS: tuple[type[Call], ...] = (Claim, Commit, Seal, Judged, Spend, Erase, Trail)


def source(call: type[Call]) -> str:
    """The text of a script."""
    return resources.files("siphonwatch.streams.stores").joinpath("lua", f"{call.script}.lua").read_text(encoding="utf-8")
