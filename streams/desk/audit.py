"""The audit log: what people did, one JSON object a line, each with the SHA-256 of the line before.

Whoever changes, drops or reorders a line breaks the chain from there on. Whoever can write the whole store can write a whole new chain:
so note the head from time to time where he cannot, and reports carry it too.
"""

from __future__ import annotations

import hashlib
import time
from typing import Any

import msgspec
from siphonwatch.streams.common.errors import SiphonwatchError
from siphonwatch.streams.desk.book import Book

START = "0" * 64  # what the first line names as the one before
TRIES = 100  # of a line while others write too


class Line(msgspec.Struct, frozen=True):
    """One line of the audit log."""

    number: int  # from 1
    at: float  # wall clock, epoch seconds
    who: str
    did: str  # rule, allow, undo, export, erase or settings
    what: str  # whom or what it was done to
    more: dict[str, Any]
    before: str  # SHA-256 of the line before


class Broken(SiphonwatchError):
    """The chain does not hold."""


def head(lines: list[bytes]) -> str:
    """SHA-256 of the newest line."""
    return hashlib.sha256(lines[-1]).hexdigest() if lines else START


def write(book: Book, who: str, did: str, what: str, **more: Any) -> None:
    """Append to the log of ``book``."""
    for _ in range(TRIES):
        last = book.trail(-1)  # a log of years is not read for one more line
        length = msgspec.json.decode(last[0], type=Line).number if last else 0
        line = Line(length + 1, round(time.time(), 3), who, did, what, more, head(last))
        if book.add_to_trail(msgspec.json.encode(line), length):
            return
    raise SiphonwatchError("the audit log could not be written, as others write all the time: try again")


def read(book: Book) -> list[Line]:
    """All lines, whether the chain holds or not."""
    return [msgspec.json.decode(line, type=Line) for line in book.trail()]


def verify(lines: list[bytes], noted: str = "") -> str:
    """The head of the chain; ``Broken`` says at which line it breaks, or that the ``noted`` head is none of its lines."""
    before, heads = START, {START}
    for number, raw in enumerate(lines, 1):
        try:
            line = msgspec.json.decode(raw, type=Line)
        except msgspec.MsgspecError as error:
            raise Broken(f"line {number} of the audit log is no line of it: {error}") from error
        if line.before != before or line.number != number:
            raise Broken(f"the audit log was changed: line {number} does not follow the one before")
        before = hashlib.sha256(raw).hexdigest()
        heads.add(before)
    if noted and noted not in heads:
        raise Broken("the audit log was written anew: the head that was noted is no line of it")
    return before
