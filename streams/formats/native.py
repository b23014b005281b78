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
from siphonwatch.streams.formats.lenient import WRONG_TYPE, Reader, Reading, loads
from siphonwatch.streams.formats.turns import turns_of

_json = msgspec.json.Decoder(Request)
_SPEAKERS = {"role", "name"}  # what a turn has beside what it says


def _message(value: Any, reading: Reading) -> Message:
    """A turn that is not as the format has it, read as any dialect's."""
    turns = turns_of([value], reading)
    if len(turns) == 1:
        if turns[0].content is None and isinstance(value, dict) and any(value[name] is not None for name in value.keys() - _SPEAKERS):
            reading.note("messages", WRONG_TYPE)
        return turns[0]
    if not turns:
        return Message("user")  # noted, or nothing but nulls
    parts: list[Part] = []  # a user's turn that brings tools' results along: the field's type has room for one turn
    for turn in turns:
        parts += turn.content if isinstance(turn.content, list) else [Part("text", turn.content)]
    return Message(turns[-1].role, parts)


_reader = Reader(Request, {Message: _message})


def _silent(turn: Message) -> bool:
    """Whether a turn or a part of it says nothing and calls nothing: what it says may stand under another dialect's name."""
    if isinstance(turn.content, list):
        return any(each.text is None and not (each.image_url or each.input_audio or each.file) for each in turn.content)
    return turn.content is None and not turn.tool_calls and not turn.function_call


def read(record: bytes, reading: Reading) -> Iterable[Request]:
    """The one request of a record."""
    made = _reader.read(record, reading)
    if any(map(_silent, made.messages or ())):
        whole = loads(record, reading)
        given = whole.get("messages") if isinstance(whole, dict) else None  # a record may be JSON within a text
        if isinstance(given, list) and len(given) == len(made.messages or ()):
            made.messages = [
                _message(each, reading) if _silent(turn) else turn for each, turn in zip(given, made.messages or (), strict=True)
            ]
    return (made,)


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
    if any(_silent(turn) for request in requests for turn in request.messages or ()):
        return None
    names = [request.account_id for request in requests]
    if names and (max(map(len, names)) > NAME_LIMIT or not all(map(str.strip, names))):
        return None
    return Decoded(requests, times.astype(np.int64).tolist(), list(range(len(requests))), formats=Counter(native=len(requests)))
