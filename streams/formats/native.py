"""The project's own request-log format: one JSON object a line, or a Kafka record's value."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec
import numpy as np

from detector.request import Request, all_epoch_ms, epoch_ms
from streams.formats.base import Dead, Decoded

RECORD_LIMIT = 1 << 20  # bytes of one record
NAME_LIMIT = 512  # characters of an account id
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100 in ms: outside, the unit is wrong
_FIELD = re.compile(r"`([^`]*)`")


class NativeDecoder:
    """Decodes whole batches at once, and record by record only where a batch holds a bad one."""

    def __init__(self) -> None:
        self._json = msgspec.json.Decoder(Request)

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See :class:`streams.formats.base.Decoder`."""
        whole = self._all_at_once(records)
        return whole if whole is not None else self._one_by_one(records)

    def _all_at_once(self, records: Sequence[bytes]) -> Decoded | None:
        """The batch, or ``None`` where anything in it needs a closer look."""
        joined = b"\n".join(records)
        if joined.count(b"\n") != len(records) - 1 or (records and max(map(len, records)) > RECORD_LIMIT):
            return None
        try:
            requests = self._json.decode_lines(joined)
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

    def _one_by_one(self, records: Sequence[bytes]) -> Decoded:
        requests, times, positions, dead = [], [], [], []
        for position, record in enumerate(records):
            found = self._one(record)
            if isinstance(found, tuple):
                dead.append(Dead(position, *found))
                continue
            time = _time(found)
            if time is None:
                dead.append(Dead(position, "bad_time", "timestamp is not RFC 3339, nor epoch seconds between 2000 and 2100"))
                continue
            requests.append(found)
            times.append(time)
            positions.append(position)
        return Decoded(requests, times, positions, dead)

    def _one(self, record: bytes) -> Request | tuple[str, str]:
        """The request, or (reason, detail) why it is none."""
        if len(record) > RECORD_LIMIT:
            return "too_large", f"{len(record)} bytes, the limit is {RECORD_LIMIT}"
        try:
            request = self._json.decode(record)
        except msgspec.ValidationError as error:
            return _validation(str(error))
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return "not_json", "the record is not one JSON object in UTF-8"
        except RecursionError:
            return "too_deep", "the record nests too deep"
        if not 0 < len(request.account_id) <= NAME_LIMIT:
            return "wrong_type", f"account_id is empty or longer than {NAME_LIMIT} characters"
        return request


def _validation(message: str) -> tuple[str, str]:
    """(reason, detail) from msgspec's message, whose texts name fields and types but hold no values."""
    if "missing required field" in message:
        field = _FIELD.search(message)
        return "missing_field", f"the field {field.group(1) if field else ''} is needed"
    if "recursion" in message.lower():
        return "too_deep", "the record nests too deep"
    return "wrong_type", message[:200]


def _time(request: Request) -> int | None:
    try:
        time = epoch_ms(request.timestamp)
    except (ValueError, OverflowError, TypeError):
        return None
    return time if EARLIEST <= time <= LATEST else None
