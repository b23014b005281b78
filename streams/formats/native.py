"""The project's own request-log format: one JSON object a line, or a Kafka record's value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import contains
from typing import Any

import msgspec
import numpy as np
from siphonwatch.detector.request.request import Message, Part, Request
from siphonwatch.detector.request.times import EARLIEST, LATEST, all_epoch_ms
from siphonwatch.streams.formats.base import NAME_LIMIT, RECORD_LIMIT, Decoded, Format
from siphonwatch.streams.formats.lenient import Reader, Reading
from siphonwatch.streams.formats.turns import turns_of

_json = msgspec.json.Decoder(Request)


def _message(value: Any, reading: Reading) -> Message:
    """A turn that is not as the format has it, read as any dialect's."""
    turns = turns_of([value], reading)
    if len(turns) == 1:
        return turns[0]
    if not turns:
        return Message("user")  # noted, or nothing but nulls
    parts: list[Part] = []  # a user's turn that brings tools' results along: the field's type has room for one turn
    for turn in turns:
        parts += turn.content if isinstance(turn.content, list) else [Part("text", turn.content)]
    return Message(turns[-1].role, parts)


_reader = Reader(Request, {Message: _message})


def read(record: bytes, reading: Reading) -> Iterable[Request]:
    """The one request of a record."""
    return (_reader.read(record, reading),)


FORMAT = Format(
    name="native",
    read=read,
    marks=lambda top: {"request_id", "account_id", "timestamp"} <= top.keys(),
    source="the README's section on records",
    cannot_know=(),
    title="the project's own",
    account="account_id",
)


def all_at_once(records: Sequence[bytes]) -> Decoded | None:
    """The batch, or ``None`` where anything in it needs a closer look."""
    try:
        if any(map(contains, records, repeat(b"\n"))) or max(map(len, records), default=0) > RECORD_LIMIT:
            return None
    except TypeError:
        return None  # a record without a value, as Kafka has them
    try:
        requests = _json.decode_lines(b"\n".join(records))
        times = all_epoch_ms([request.timestamp for request in requests])
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError, OverflowError):
        return None
    if len(requests) != len(records):
        return None
    if len(times) and not (times.min() >= EARLIEST and times.max() <= LATEST):
        return None
    names = [request.account_id for request in requests]
    if names and (max(map(len, names)) > NAME_LIMIT or not all(map(str.strip, names))):
        return None
    return Decoded(requests, times.astype(np.int64).tolist(), list(range(len(requests))), formats=Counter(native=len(requests)))
