"""Harbour, a gateway that this example imagines, writes the calls of a key within one second as one record."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from siphonwatch.detector.request.request import Message, Request, Usage
from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.lenient import Reader, Reading


class Call(msgspec.Struct):
    """One call to a model."""

    number: int
    at: float  # epoch seconds
    model: str
    question: str
    tokens: tuple[int, int]  # of the question, of the answer


class Record(msgspec.Struct):
    """What Harbour writes."""

    harbour_key: str
    calls: list[Call]


reader = Reader(Record)  # one odd field costs that field, and is counted; a needed one makes a dead letter that names it


def read(record: bytes, reading: Reading) -> Iterator[Request]:
    """The requests of one record. ``reading`` counts what of it could not be read."""
    found = reader.read(record, reading)
    for call in found.calls:
        yield Request(
            request_id=f"{found.harbour_key}:{call.number}", timestamp=call.at, account_id=found.harbour_key, model=call.model,
            messages=[Message("user", call.question)], usage=Usage(*call.tokens),
        )  # fmt: skip


FORMAT = Format(
    name="harbour",
    read=read,
    marks=lambda top: "harbour_key" in top,
    source="examples/custom-format of siphonwatch",
    cannot_know=("source_ip", "user_agent", "parameters", "payment_fingerprint", "account_created_at", "finish_reason", "latency_ms"),
)
