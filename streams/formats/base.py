"""What a decoder promises: every record becomes requests, a dead letter or a counted skip, and no exception gets out."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress
from typing import Protocol

import msgspec
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.request.times import EARLIEST, LATEST
from siphonwatch.streams.formats.lenient import TOO_LARGE, MissingError, OddError, Reading, Unread

DEAD_REASONS = (
    "not_json", "missing_field", "wrong_type", "too_deep", "too_large", "bad_time", "clock_strayed", "unknown_format", "decoder_failed",
)  # fmt: skip
RECORD_LIMIT = 32 << 20  # bytes of one record: a collector's batch of hundreds of long prompts, or a prompt with several large images
NAME_LIMIT = 512  # characters of an account id
_FIELD = re.compile(r"`([^`]*)`")
_ENCODED = re.compile(rb'"(?:data:[^",]{0,100},)?[A-Za-z0-9+/_=-]{4096,}"')  # an image, sound or file written as base64


@dataclass(frozen=True, slots=True)
class Dead:
    """What cannot be counted: where it stood in the batch, why, and what the sender should look at. Never its text.

    A record may hold many requests; ``count`` of them were refused for this one reason.
    """

    position: int
    reason: str  # one of DEAD_REASONS
    detail: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Refused:
    """A part of a record that cannot be counted, as a format's ``read`` says it."""

    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A record, or a part of one, of something else than a question to a model; ``kind`` is one of few words."""

    kind: str


Found = Request | Skip | Refused


@dataclass(slots=True)
class Decoded:
    """The records of one batch, decoded. A record may hold several requests, or none that concern us."""

    requests: list[Request] = field(default_factory=list)
    times: list[int] = field(default_factory=list)  # event time of each request, milliseconds
    positions: list[int] = field(default_factory=list)  # where each request stood in the batch
    dead: list[Dead] = field(default_factory=list)
    skips: Counter[str] = field(default_factory=Counter)  # what else than a request to a model there was, and how often
    unread: Unread = field(default_factory=Counter)  # (format, field, reason): what was lost of records that were counted
    formats: Counter[str] = field(default_factory=Counter)  # records by the format that read them

    @property
    def skipped(self) -> int:
        """How many there were of something else than a request to a model."""
        return self.skips.total()

    def take(self, position: int, found: Iterable[Found]) -> None:
        """Keep what one record held; each part that cannot be counted is refused alone."""
        refused: Counter[Refused] = Counter()
        empty = True
        for one in found:
            empty = False
            if isinstance(one, Skip):
                self.skips[one.kind] += 1
            elif isinstance(one, Refused):
                refused[one] += 1
            elif isinstance(checked := _checked(one), Refused):
                refused[checked] += 1
            else:
                self.requests.append(one)
                self.times.append(checked)
                self.positions.append(position)
        if empty:
            self.skips["nothing in it"] += 1
        self.dead += [Dead(position, one.reason, one.detail, count) for one, count in refused.items()]

    def refuse_ahead(self, logged: Sequence[int], ahead_ms: int) -> None:
        """Refuse requests that stand more than ``ahead_ms`` after the time (ms, of each record) at which the log itself took them."""
        late = [
            at for at, (time, position) in enumerate(zip(self.times, self.positions, strict=True)) if time > logged[position] + ahead_ms
        ]
        detail = "its time is later than when Kafka took the record: mend the clock or the time zone of what writes the log"
        self.refuse(dict.fromkeys(late, ("clock_strayed", detail)))

    def refuse(self, refused: Mapping[int, tuple[str, str]]) -> None:
        """Refuse requests that were kept: for each number of one within ``requests``, (reason, detail)."""
        if not refused:
            return
        counted = Counter((self.positions[at], *why) for at, why in refused.items())
        self.dead += [Dead(position, reason, detail, count) for (position, reason, detail), count in counted.items()]
        stays = [at not in refused for at in range(len(self.requests))]
        self.requests, self.times = list(compress(self.requests, stays)), list(compress(self.times, stays))
        self.positions = list(compress(self.positions, stays))


def _checked(request: Request) -> int | Refused:
    """The event time of a request that can be counted."""
    if not 0 < len(request.account_id) <= NAME_LIMIT or request.account_id.isspace():
        return Refused("wrong_type", f"account_id is blank or longer than {NAME_LIMIT} characters")
    time = time_of(request)
    if time is None:
        return Refused(
            "bad_time",
            "timestamp is no day and time between 2000 and 2100: write RFC 3339, or epoch seconds, milliseconds, micro- or nanoseconds",
        )
    return time


class Decoder(Protocol):
    """One log format."""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode a batch. Does not block and does not raise, whatever the bytes."""
        ...


MakeDecoder = Callable[[], Decoder]
"""Makes a decoder anew in another process; must be picklable."""


@dataclass(frozen=True, slots=True)
class Format:
    """One gateway's log format."""

    name: str
    read: Callable[[bytes, Reading], Iterable[Found]]  # raises what :func:`refusal` knows
    marks: Callable[[dict[str, object]], bool]  # whether a record's top level looks like this format
    source: str  # the documentation that the field names come from, and when it was read
    cannot_know: tuple[str, ...]  # fields of a request that this log does not hold, whatever its settings
    title: str = ""  # what writes this log, for `siphonwatch formats`
    account: str = ""  # who is the account, for the same


class RecordDecoder:
    """Decodes with a ``read``, record by record; see :class:`Decoder`."""

    def __init__(self, read: Callable[[bytes, Reading], Iterable[Found]], reading: Reading) -> None:
        self._read, self._reading = read, reading

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """See the protocol."""
        decoded = Decoded()
        self._reading.unread, self._reading.formats = decoded.unread, decoded.formats
        decoded.formats[self._reading.format] += len(records)
        for position, record in enumerate(records):
            decode_one(self._read, position, record, decoded, self._reading)
        return decoded


def decode_one(
    read: Callable[[bytes, Reading], Iterable[Found]], position: int, record: bytes, into: Decoded, reading: Reading
) -> None:  # fmt: skip
    """Decode one record into ``into``. What a ``read`` found before it failed is kept: only the rest is refused."""
    found: list[Found] = []
    try:
        for one in read(fitting(record, reading), reading):
            found.append(one)
    except Exception as error:  # a decoder's own fault must not end the program either: it becomes a dead letter that names it
        found.append(Refused(*refusal(error)))
    into.take(position, found)


class TooLargeError(ValueError):
    """A record beyond what one may be, with what it encloses left out."""


def fitting(record: bytes, reading: Reading) -> bytes:
    """The record, without the images that it encloses where it is too large with them."""
    if record is None:
        raise MissingError("the record has no value")
    if len(record) <= RECORD_LIMIT:
        return record
    smaller = _ENCODED.sub(b'""', record)
    if len(smaller) > RECORD_LIMIT:
        raise TooLargeError(f"{len(record)} bytes, the limit is {RECORD_LIMIT}")
    reading.note("enclosures", TOO_LARGE)
    return smaller


def refusal(error: Exception) -> tuple[str, str]:
    """(reason, detail) of what was refused. msgspec's messages name fields and types but hold no values."""
    if isinstance(error, MissingError):
        return "missing_field", str(error)
    if isinstance(error, OddError):
        return "wrong_type", str(error)
    if isinstance(error, TooLargeError):
        return "too_large", str(error)
    message = str(error)
    if isinstance(error, RecursionError) or (isinstance(error, msgspec.MsgspecError) and "recursion" in message.lower()):
        return "too_deep", "the record nests too deep"
    if isinstance(error, msgspec.ValidationError):
        if "missing required field" in message:
            named = _FIELD.search(message)
            return "missing_field", f"the field {named.group(1) if named else ''} is needed"
        return "wrong_type", message[:200]
    if isinstance(error, msgspec.DecodeError | UnicodeDecodeError):
        return "not_json", "the record is not one JSON object in UTF-8"
    return "decoder_failed", f"{type(error).__name__} while reading: please report it with a record like this one"


def time_of(request: Request) -> int | None:
    """Event time in milliseconds, ``None`` where the record names none that can be."""
    try:
        time = epoch_ms(request.timestamp)
    except (ValueError, OverflowError, TypeError):
        return None
    return time if EARLIEST <= time <= LATEST else None


def account(*candidates: str | None, address: str | None = None, looked_for: str = "") -> str:
    """The first name there is; else the address, marked as one; ``MissingError`` where a request is quite nameless."""
    for candidate in candidates:
        if candidate and candidate != "-" and not candidate.isspace():
            return candidate
    if address and address != "-" and not address.isspace():
        return f"ip:{address}"
    raise MissingError(
        "the record names no account" + (f": looked for {looked_for}" if looked_for else ", key, consumer or client address")
    )


def named(metadata: dict[str, object] | None, keys: Sequence[str], reading: Reading) -> list[str]:
    """What custom metadata hold under the keys that name an account, the operator's own keys first.

    Spelling of a key counts without case, _ and -.
    """
    if not metadata:
        return []
    plain = {_folded(key): value for key, value in metadata.items()}
    found = []
    for key in (*reading.account_fields, *keys):
        value = plain.get(_folded(key))
        if isinstance(value, str | int | float) and not isinstance(value, bool) and str(value).strip():
            found.append(str(int(value)) if isinstance(value, float) and value.is_integer() else str(value))
    return found


ACCOUNT_KEYS = (
    "account_id", "account", "customer_id", "customer", "user_id", "user", "_user", "tenant_id", "tenant", "organization_id",
    "team_id", "team",
)  # fmt: skip


def accepted(reading: Reading) -> str:
    """The keys of :func:`named` for an error message, with how to add one."""
    return f"metadata {', '.join((*reading.account_fields, *ACCOUNT_KEYS[:7]))} …; name another with SIPHONWATCH_ACCOUNT_FIELDS"


def _folded(key: str) -> str:
    return key.lower().replace("_", "").replace("-", "")
