"""Records that say themselves what they are: each is recognised by the names at its top level."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from siphonwatch.streams.formats.base import RECORD_LIMIT, Dead, Decoded, Format, decode_one
from siphonwatch.streams.formats.native import all_at_once

HINT = "the record is of no known format: name one with --format, or describe it in a --mapping file"

_top = msgspec.json.Decoder(dict[str, msgspec.Raw])


class AutoDecoder:
    """See :class:`siphonwatch.streams.formats.base.Decoder`. A topic may mix formats; the project's own is read whole batches at once."""

    def __init__(self, formats: list[Format]) -> None:
        self._formats = formats
        self._native, self._otel = (next(one for one in formats if one.name == name) for name in ("native", "otel"))
        self._last = self._native

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See the protocol."""
        if self._last is self._native and (whole := all_at_once(records)) is not None:
            return whole
        decoded = Decoded()
        for position, record in enumerate(records):
            found = self._recognised(record)
            if found is None:
                decoded.dead.append(Dead(position, "unknown_format", HINT))
                continue
            self._last = found
            decode_one(found.read, position, record, decoded)
        return decoded

    def _recognised(self, record: bytes) -> Format | None:
        """The record's format; the project's own for what is no JSON object, as that says best why."""
        if len(record) > RECORD_LIMIT:
            return self._native  # which says so
        start = record.lstrip()[:1]
        if start not in b"{[" and record[:1] == b"\x0a":
            return self._otel  # field 1, length-delimited: how every OTLP export begins
        try:
            if start == b"[":
                first = msgspec.json.decode(record, type=list[dict[str, Any]])
                top: dict[str, Any] = first[0] if first else {}
            else:
                raw = _top.decode(record)
                top = {name: _peek(value) for name, value in raw.items()}
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return self._native
        if self._last is not self._native and self._last.marks(top):
            return self._last
        found = next((one for one in self._formats if one.marks(top)), None)
        if found is None and ({"request_id", "account_id", "timestamp"} & top.keys() or not top):
            return self._native  # its message says which field is missing
        return found


def _peek(raw: msgspec.Raw) -> object:
    """A short string as it is, a list as a list, anything else as itself: enough for a mark."""
    value = bytes(raw)
    if value[:1] == b'"' and len(value) < 64:
        return msgspec.json.decode(value)
    return [] if value[:1] == b"[" else value
