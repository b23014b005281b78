"""What log shippers and APIs put around records: a batch, a page, a line's time and host, the line as a string within an object.

Only wrappers that say themselves what they are get opened: an unknown record with a record in one of its fields is left alone, as that
field may be the client's to write, and a client must not be able to write requests of other accounts into a log.
"""

from __future__ import annotations

import base64
import binascii
import gzip
import re
from collections.abc import Iterator
from typing import Any

import msgspec

DEEPEST = 5  # wrappers within wrappers

# keys that name a wrapper together -> the key of what it holds; the first that fits counts
WRAPPERS: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(keys.split()), held)
    for keys, held in (
        ("logEvents logGroup", "logEvents"),  # a CloudWatch subscription
        ("events searchedLogStreams", "events"),  # aws logs filter-log-events
        ("message logStreamName", "message"),
        ("message ingestionTime", "message"),
        ("message eventId", "message"),
        ("id timestamp message", "message"),  # one of CloudWatch's logEvents
        ("Records", "Records"),  # SQS, Kinesis and SNS as Lambda has them
        ("body messageId receiptHandle", "body"),
        ("Type MessageId Message", "Message"),  # SNS
        ("kinesis eventSource", "kinesis"),
        ("data partitionKey sequenceNumber", "data"),  # Kinesis: base64
        ("data recordId approximateArrivalTimestamp", "data"),  # Firehose
        ("_source _index", "_source"),  # Elasticsearch, OpenSearch
        ("hits took", "hits"),
        ("hits total max_score", "hits"),
        ("jsonPayload logName", "jsonPayload"),  # Google Cloud Logging
        ("jsonPayload insertId", "jsonPayload"),
        ("log stream time", "log"),  # Docker's json-file
        ("log kubernetes", "log"),  # Fluent Bit
        ("log stream", "log"),
        ("message @timestamp", "message"),  # Filebeat, Logstash
        ("message source_type timestamp", "message"),  # Vector
        ("event sourcetype", "event"),  # Splunk
        ("event source host", "event"),
        ("_raw _time", "_raw"),
        ("result preview offset", "result"),
        ("MESSAGE __REALTIME_TIMESTAMP", "MESSAGE"),  # journald
        ("schema payload", "payload"),  # Kafka Connect
        ("values stream", "values"),  # Loki
        ("standard_logging_object", "standard_logging_object"),  # LiteLLM's callback arguments
    )
)
PAGES = (
    "records", "result", "results", "data", "items", "value", "events", "logEvents", "logs", "rows", "entries", "requests",
    "observations", "generations", "hits", "streams",
)  # fmt: skip
_LINE = re.compile(
    rb"\s*(?:<\d{1,3}>\d? ?)?"
    rb"(?:\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[^\s{\"']{0,40}|[A-Z][a-z][a-z] [ \d]\d \d\d:\d\d:\d\d|[\w.-]{1,64} +\|)"
    rb"(?: +[\w./@:\[\]#()|-]{1,256}){0,5} *:? *(?=[{\[])"
)


def bare(record: bytes) -> bytes:
    """A line without the time, host or stream that was written before its JSON, and without a byte-order mark."""
    if record[:1] == b"{":
        return record
    if record[:3] == b"\xef\xbb\xbf":
        record = record[3:]
    start = record.lstrip()
    if start[:1] == b"{" or (start[:1] == b"[" and not start[1:3].isdigit()):
        return start
    found = _LINE.match(record)
    return record[found.end() :] if found else record


def opened(top: dict[str, msgspec.Raw]) -> Iterator[bytes] | None:
    """What a wrapper holds, ``None`` where ``top`` is none."""
    held = next((held for keys, held in WRAPPERS if keys <= top.keys()), None)
    if held is None and len(top) <= 12:
        held = next((name for name in PAGES if _lists_objects(top.get(name))), None)
    if held is None:
        return None
    return _contents(bytes(top[held]))


def _lists_objects(raw: msgspec.Raw | None) -> bool:
    value = bytes(raw or b"")
    return value[:1] == b"[" and value[1:].lstrip()[:1] == b"{"


def _contents(value: bytes) -> Iterator[bytes]:
    """Each record in a list, an object, or a string that holds lines, base64 or gzip."""
    if value[:1] == b"[":
        for each in msgspec.json.decode(value, type=list[msgspec.Raw]):
            yield from _contents(bytes(each)) if bytes(each)[:1] != b"{" else (bytes(each),)
    elif value[:1] == b'"':
        text = msgspec.json.decode(value, type=str)
        for line in _unpacked(text).splitlines():
            if line.strip() and not line.strip().isdigit():  # Loki's values are pairs of a time and a line
                yield line
    elif value[:1] == b"{":
        yield value


def _unpacked(text: str) -> bytes:
    """Text as it is, or what it is in base64, or in base64 and gzip (Kinesis)."""
    if len(text) > 16 and text[0] not in "{[<" and re.fullmatch(r"[A-Za-z0-9+/\s]+={0,2}", text):
        try:
            raw = base64.b64decode(text, validate=False)
            return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        except (binascii.Error, ValueError, OSError, EOFError):
            return text.encode()
    return text.encode("utf-8", "replace")


def peek(raw: msgspec.Raw) -> Any:
    """A short string or number as it is, a list as an empty one, an object as an empty one: enough for a mark."""
    value = bytes(raw)
    if value[:1] == b"[":
        return []
    if value[:1] == b"{":
        return {}
    if len(value) < 64:
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError):
            return value
    return value
