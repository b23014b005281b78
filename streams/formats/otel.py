"""OpenTelemetry: spans and log records in OTLP, JSON or protobuf, as the collector's Kafka and file exporters write them.

The wire: https://opentelemetry.io/docs/specs/otlp/. What stands in a span is told by `streams.formats.otel_span`; this page finds the
spans. Each span and each log record is read alone: one that cannot be counted costs itself. Exports without the outermost wrapper
(opentelemetry-java's logging exporter) are read the same, and so are names in snake case.

A span and a log event of the same call have one request id and are counted once: send spans or events to the topic, not both, or the text
of the later one is lost. Message events of version 1.36 (``gen_ai.user.message``) in the logs carry neither model nor tokens: they are
skipped, their spans are read. The account is the attribute ``siphonwatch.account``, else ``enduser.id``, ``user.id`` or a dialect's own,
else the service's name. It cannot know when an account was made, payments, or limits; ``n`` only where the client sets it;
log-probabilities never.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

import msgspec
from siphonwatch.streams.formats import envoy, otel_span
from siphonwatch.streams.formats.base import Format, Found, Refused, Skip, refusal
from siphonwatch.streams.formats.lenient import WRONG_TYPE, OddError, Reading, integer, loads
from siphonwatch.streams.formats.otel_text import Attributes, Call

DETAILS = "gen_ai.client.inference.operation.details"
SPANS, LOGS = ("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords")
OLDER = {"scopeSpans": "instrumentationLibrarySpans", "scopeLogs": "instrumentationLibraryLogs"}


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """Every inference span, and every event with an operation's details, is one request."""
    envelope = loads(record, reading) if record.lstrip()[:1] == b"{" else _from_protobuf(record)
    for names, what in ((SPANS, _of_span), (LOGS, _of_log)):
        outer = listed(envelope, names[0]) or ([envelope] if listed(envelope, names[1]) else [])
        for resource in outer:
            known = attributes(at(resource, "resource"), reading)
            for scope in listed(resource, names[1]):
                for each in listed(scope, names[2]):
                    yield from _alone(what, each, known, reading)


def _alone(what: Callable[[Any, Attributes, Reading], Found], each: Any, resource: Attributes, reading: Reading) -> Iterator[Found]:
    try:
        yield what(each, resource, reading)
    except (ValueError, RecursionError) as error:
        yield Refused(*refusal(error))


def _of_span(span: Any, resource: Attributes, reading: Reading) -> Found:
    known = attributes(span, reading)
    if (kind := otel_span.other_than_question(known, str(at(span, "name") or ""))) is not None:
        return Skip(kind)
    events = [(str(at(event, "name")), attributes(event, reading)) for event in listed(span, "events")]
    for name, held in events:
        if name in (DETAILS, "gen_ai.content.prompt", "gen_ai.content.completion"):
            known = {**held, **known}
    start, end = _time(at(span, "startTimeUnixNano")), _time(at(span, "endTimeUnixNano"))
    failed = at(at(span, "status"), "code") in (2, "2", "STATUS_CODE_ERROR", "ERROR", "Error")
    name = f"{_id(at(span, 'traceId'))}:{_id(at(span, 'spanId'))}"
    return otel_span.request(Call(name, start, known, resource, events, failed, (end - start) / 1e6 if end >= start else None), reading)


def _of_log(log: Any, resource: Attributes, reading: Reading) -> Found:
    known = attributes(log, reading)
    stamp = _time(at(log, "timeUnixNano")) or _time(at(log, "observedTimeUnixNano"))
    if envoy.access_log(known):
        return envoy.of_line({"start_time": stamp / 1e9, **known}, reading)
    if (at(log, "eventName") or known.get("event.name")) != DETAILS:
        return Skip("other log records")
    held = plain(at(log, "body"), reading)
    known = {**(held if isinstance(held, dict) else {}), **known}
    name = f"{_id(at(log, 'traceId'))}:{_id(at(log, 'spanId'))}"
    return otel_span.request(Call(name if len(name) > 1 else f"{stamp}", stamp, known, resource, [], "error.type" in known, None), reading)


def _from_protobuf(record: bytes) -> dict[str, Any]:
    """The same from protobuf. Spans and logs have one outer shape; only spans have trace ids where spans have them."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from siphonwatch.streams.formats import otlp

    try:
        traces = otlp.Traces.FromString(record)
        if any(span.trace_id for each in traces.resource_spans for scope in each.scope_spans for span in scope.spans):
            return dict(MessageToDict(traces))
    except DecodeError:
        pass  # then it may be logs
    try:
        return dict(MessageToDict(otlp.Logs.FromString(record)))
    except DecodeError as error:
        raise msgspec.DecodeError("neither JSON nor OTLP protobuf") from error


@lru_cache(256)
def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def at(value: Any, key: str) -> Any:
    """A field in the spelling of OTLP's JSON, of protobuf's, or of the years before."""
    if not isinstance(value, dict):
        return None
    found = value.get(key)
    if found is None and len(value):
        found = value.get(_snake(key))
        if found is None and key in OLDER:
            found = value.get(OLDER[key])
    return found


def listed(value: Any, key: str) -> list[Any]:
    """A field that should be a list; one alone counts as a list of one."""
    found = at(value, key)
    return found if isinstance(found, list) else [found] if isinstance(found, dict) else []


def attributes(holder: Any, reading: Reading) -> Attributes:
    """Key -> plain value of an object's ``attributes``; an object of plain values is taken as it is."""
    held = at(holder, "attributes")
    if isinstance(held, dict):
        return {str(key): value for key, value in held.items()}
    return {str(at(pair, "key")): plain(at(pair, "value"), reading) for pair in listed(holder, "attributes")}


def plain(value: Any, reading: Reading) -> Any:
    """An OTLP AnyValue as a plain value; one that is odd is nothing, and noted."""
    if not isinstance(value, dict) or not value:
        return value if isinstance(value, str | int | float) else None
    kind, held = next(iter(value.items()))
    match kind:
        case "intValue" | "int_value":
            try:
                return integer(held)
            except OddError:
                reading.note("attributes", WRONG_TYPE)
                return None
        case "arrayValue" | "array_value":
            return [plain(each, reading) for each in listed(held, "values")]
        case "kvlistValue" | "kvlist_value":
            return {str(at(pair, "key")): plain(at(pair, "value"), reading) for pair in listed(held, "values")}
        case _:
            return held


def _time(value: Any) -> int:
    try:
        return integer(value or 0)
    except OddError:
        return 0


def _id(value: Any) -> str:
    """A trace or span id in hexadecimal; protobuf's mapping to JSON writes base64 where OTLP's writes hexadecimal."""
    text = str(value or "")
    if len(text) in (16, 32):
        return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return text


FORMAT = Format(
    name="otel",
    read=read,
    marks=lambda top: bool({"resourceSpans", "resourceLogs", "scopeSpans", "scopeLogs", "resource_spans", "resource_logs"} & top.keys()),
    source="https://opentelemetry.io/docs/specs/semconv/gen-ai/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "country", "asn"),
    title="OpenTelemetry: GenAI conventions, OpenLLMetry, OpenInference, Vercel, Envoy, Cloudflare, OpenRouter",
    account="siphonwatch.account, enduser.id, user.id, else service.name, address",
)
