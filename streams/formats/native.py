"""The project's own request-log format: one JSON object a line, or a Kafka record's value."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
import numpy as np
from siphonwatch.detector.request.columns import all_epoch_ms
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.formats.base import EARLIEST, LATEST, NAME_LIMIT, RECORD_LIMIT, Decoded, Format, RecordDecoder

_json = msgspec.json.Decoder(Request)


def read(record: bytes) -> Iterable[Request]:
    """The one request of a record."""
    return (_json.decode(record),)


FORMAT = Format(
    name="native",
    read=read,
    marks=lambda top: {"request_id", "account_id", "timestamp"} <= top.keys(),
    source="the README's section on records",
    cannot_know=(),
)


class NativeDecoder:
    """Decodes whole batches at once, and record by record only where a batch holds a bad one."""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See :class:`siphonwatch.streams.formats.base.Decoder`."""
        whole = all_at_once(records)
        return whole if whole is not None else RecordDecoder(read).decode(records)


def all_at_once(records: Sequence[bytes]) -> Decoded | None:
    """The batch, or ``None`` where anything in it needs a closer look."""
    joined = b"\n".join(records)
    if joined.count(b"\n") != len(records) - 1 or (records and max(map(len, records)) > RECORD_LIMIT):
        return None
    try:
        requests = _json.decode_lines(joined)
        times = all_epoch_ms([request.timestamp for request in requests])
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError, OverflowError):
        return None
    if len(requests) != len(records):
        return None
    if len(times) and not (times.min() >= EARLIEST and times.max() <= LATEST):
        return None
    if requests and not 0 < min(names := [len(request.account_id) for request in requests]) <= max(names) <= NAME_LIMIT:
        return None
    return Decoded(requests, times.astype(np.int64).tolist(), list(range(len(requests))), [])
