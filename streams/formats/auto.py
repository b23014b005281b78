"""Records that say themselves what they are: each is recognised by the names at its top level.

Within whatever wrapper a shipper put around it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.formats import envelopes, hints
from siphonwatch.streams.formats.base import Decoded, Format, Found, Refused, Skip, decode_one, refusal
from siphonwatch.streams.formats.lenient import Reading, loads
from siphonwatch.streams.formats.native import all_at_once

OURS = frozenset(Request.__struct_fields__)  # a record of nothing else is meant to be ours
NEEDED = frozenset({"request_id", "account_id", "timestamp"})  # and so is one that lacks only one of these

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])
_list = msgspec.json.Decoder(list[msgspec.Raw])


class RecognisingDecoder:
    """See :class:`siphonwatch.streams.formats.base.Decoder`. A topic may mix formats; the project's own is read whole batches at once.

    With one format it reads that one only, opening wrappers the same; ``fallback`` then says what a record lacks.
    """

    def __init__(self, formats: Sequence[Format], reading: Reading, fallback: Format | None = None) -> None:
        self._formats, self._fallback = list(formats), fallback
        self._native = next((one for one in formats if one.name == "native"), None)
        self._otel = next((one for one in formats if one.name == "otel"), None)
        self._last: Format | None = self._native or self._formats[0]
        self._reading = reading

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See the protocol."""
        if self._last is self._native is not None and (whole := all_at_once(records)) is not None:
            return whole
        decoded = Decoded()
        self._reading.unread, self._reading.formats = decoded.unread, decoded.formats
        for position, record in enumerate(records):
            decode_one(self._read, position, record, decoded, self._reading)
        return decoded

    def _read(self, record: bytes, reading: Reading, depth: int = 0) -> Iterable[Found]:
        if not depth and self._otel is not None and record[:1] == b"\x0a" and not _json_lines(record):
            yield from self._as(self._otel, record, reading)  # field 1, length-delimited: how every OTLP export begins
            return
        record = record if depth else envelopes.bare(record)
        start = record.lstrip()[:1]
        if start == b"[":
            yield from self._each((bytes(one) for one in _elements(record, reading)), reading, depth)
            return
        try:
            raw = _top.decode(record)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            value = loads(record, reading) if start == b"{" else None
            if not isinstance(value, dict):
                yield _unreadable(record)
                return
            record = msgspec.json.encode(value)
            raw = _top.decode(record)
        top = {name: envelopes.peek(value) for name, value in raw.items()}
        found = self._recognised(top)
        if found is not None:
            yield from self._as(found, record, reading)
            return
        inner = envelopes.opened(raw) if depth < envelopes.DEEPEST else None
        if inner is not None:
            yield from self._each(inner, reading, depth)
        elif self._fallback is not None:
            yield from self._as(self._fallback, record, reading)
        elif self._native is not None and (top.keys() <= OURS or len(NEEDED & top.keys()) == len(NEEDED) - 1):
            yield from self._as(self._native, record, reading)  # its message says which field is missing
        else:
            hint = hints.of(top)
            yield hint if isinstance(hint, Skip) else Refused("unknown_format", hint)

    def _each(self, inner: Iterator[bytes], reading: Reading, depth: int) -> Iterator[Found]:
        for one in inner:
            try:
                yield from self._read(envelopes.bare(one), reading, depth + 1)
            except (ValueError, RecursionError) as error:
                yield Refused(*refusal(error))

    def _as(self, format: Format, record: bytes, reading: Reading) -> Iterable[Found]:
        self._last = format
        reading.format = format.name
        reading.formats[format.name] += 1
        return format.read(record, reading)

    def _recognised(self, top: dict[str, Any]) -> Format | None:
        if self._last is not None and self._last is not self._native and self._last.marks(top):
            return self._last
        return next((one for one in self._formats if one.marks(top)), None)


def _json_lines(record: bytes) -> bool:
    """Whether what begins with a line break is JSON all the same: protobuf's second byte may be a brace, its last seldom is too."""
    text = record.strip()
    return not text or (text[:1] in b"{[" and text[-1:] in b"}]")


def _elements(record: bytes, reading: Reading) -> list[msgspec.Raw]:
    try:
        return _list.decode(record)
    except msgspec.MsgspecError:
        held = loads(record, reading)
        return [msgspec.Raw(msgspec.json.encode(each)) for each in held] if isinstance(held, list) else []


def _unreadable(record: bytes) -> Refused:
    if not record.strip():
        return Refused("not_json", "the record is empty")
    return Refused("not_json", hints.of_text(record))
