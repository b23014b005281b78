"""What a decoder promises: every record becomes requests or a dead letter, and no exception gets out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec
from siphonwatch.detector.request.request import Request, epoch_ms

DEAD_REASONS = ("not_json", "missing_field", "wrong_type", "too_deep", "too_large", "bad_time", "clock_strayed", "unknown_format")
RECORD_LIMIT = 1 << 20  # bytes of one record
NAME_LIMIT = 512  # characters of an account id
EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100 in ms: outside, the unit is wrong
_FIELD = re.compile(r"`([^`]*)`")


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that cannot be counted: which of the batch, why, and what the sender should look at. Never its text."""

    position: int
    reason: str  # one of DEAD_REASONS
    detail: str


@dataclass(slots=True)
class Decoded:
    """The records of one batch, decoded. A record may hold several requests, or none that concern us."""

    requests: list[Request] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # event time of each request, milliseconds
    positions: list[int] = field(default_factory=list)  # where each request stood in the batch
    dead: list[Dead] = field(default_factory=list)
    skipped: int = 0  # records of something else than a request to a model: health checks, other spans

    def take(self, position: int, requests: Iterable[Request]) -> None:
        """Keep the requests of one record, or refuse the record for the first that cannot be counted."""
        found = []
        for request in requests:
            if not 0 < len(request.account_id) <= NAME_LIMIT:
                self.dead.append(Dead(position, "wrong_type", f"account_id is empty or longer than {NAME_LIMIT} characters"))
                return
            time = time_of(request)
            if time is None:
                self.dead.append(Dead(position, "bad_time", "timestamp is not RFC 3339, nor epoch seconds between 2000 and 2100"))
                return
            found.append((request, time))
        self.skipped += not found
        for request, time in found:
            self.requests.append(request)
            self.times.append(time)
            self.positions.append(position)


class Decoder(Protocol):
    """One log format."""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode a batch. Does not block and does not raise, whatever the bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """One gateway's log format."""

    name: str
    read: Callable[[bytes], Iterable[Request]]  # raises what :func:`refusal` knows
    marks: Callable[[dict[str, object]], bool]  # whether a record's top level looks like this format
    source: str  # the documentation that the field names come from, and when it was read
    cannot_know: tuple[str, ...]  # fields of a request that this log does not hold, whatever its settings


class MissingError(ValueError):
    """A record lacks something that a request must have."""


class RecordDecoder:
    """Decodes with a format's ``read``, record by record; see :class:`Decoder`."""

    def __init__(self, read: Callable[[bytes], Iterable[Request]]) -> None:
        self._read = read

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See the protocol."""
        decoded = Decoded()
        for position, record in enumerate(records):
            decode_one(self._read, position, record, decoded)
        return decoded


def decode_one(read: Callable[[bytes], Iterable[Request]], position: int, record: bytes, into: Decoded) -> None:
    """Decode one record into ``into``."""
    if len(record) > RECORD_LIMIT:
        into.dead.append(Dead(position, "too_large", f"{len(record)} bytes, the limit is {RECORD_LIMIT}"))
        return
    try:
        requests = list(read(record))
    except (MissingError, ValueError, RecursionError, UnicodeDecodeError, OverflowError) as error:
        into.dead.append(Dead(position, *refusal(error)))
        return
    into.take(position, requests)


def refusal(error: Exception) -> tuple[str, str]:
    """(reason, detail) of a refused record. msgspec's messages name fields and types but hold no values."""
    if isinstance(error, MissingError):
        return "missing_field", str(error)
    message = str(error)
    if isinstance(error, msgspec.ValidationError):
        if "missing required field" in message:
            named = _FIELD.search(message)
            return "missing_field", f"the field {named.group(1) if named else ''} is needed"
        return ("too_deep", "the record nests too deep") if "recursion" in message.lower() else ("wrong_type", message[:200])
    if isinstance(error, RecursionError):
        return "too_deep", "the record nests too deep"
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return "not_json", "the record is not one JSON object in UTF-8"
    return "wrong_type", "a field holds what it cannot hold"


def time_of(request: Request) -> int | None:
    """Event time in milliseconds, ``None`` where the record names none that can be."""
    try:
        time = epoch_ms(request.timestamp)
    except (ValueError, OverflowError, TypeError):
        return None
    return time if EARLIEST <= time <= LATEST else None


def account(*candidates: str | None, address: str | None = None) -> str:
    """The first name there is; else the address, marked as one; ``MissingError`` where a request is quite nameless."""
    for candidate in candidates:
        if candidate and candidate != "-":
            return candidate
    if address and address != "-":
        return f"ip:{address}"
    raise MissingError("the record names no account, key, consumer or client address")
