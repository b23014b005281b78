"""OpenTelemetry GenAI: spans and log events in OTLP, JSON or protobuf, as the collector's Kafka exporter writes them.

Names: https://opentelemetry.io/docs/specs/semconv/gen-ai/ (spans and events, read 2026-11-24), with those of version 1.36 and
before that instrumentations still write by default. The wire: https://opentelemetry.io/docs/specs/otlp/.

Text may stand in a span's attributes (``gen_ai.input.messages``), in its events, in a log event
(``gen_ai.client.inference.operation.details``), or nowhere. A span and a log event of the same call have one request id and are
counted once: send spans or events to the topic, not both, or the text of the later one is lost. Message events of version 1.36
(``gen_ai.user.message``) in the logs carry neither model nor tokens: they are skipped, their spans are read.
The account is the attribute ``siphonwatch.account``, else ``enduser.id``, ``user.id``, or the service's name.
It cannot know when an account was made, payments, or limits; ``n`` only where the client sets it; log-probabilities never.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from siphonwatch.detector.request.request import ABSENT, Message, Parameters, Part, Request, Usage
from siphonwatch.streams.formats.base import Format, MissingError, account

OPERATIONS = ("chat", "text_completion", "generate_content")
DETAILS = "gen_ai.client.inference.operation.details"
ACCOUNTS = ("siphonwatch.account", "enduser.id", "user.id")
STATUS_OF_ERROR = {"RateLimitError": 429, "AuthenticationError": 401, "PermissionDeniedError": 403, "BadRequestError": 400, "timeout": 408}
Attributes = dict[str, Any]


class _Envelope(msgspec.Struct):
    """An export of spans, of logs, or of one of them."""

    spans: list[dict[str, Any]] = msgspec.field(default=[], name="resourceSpans")
    logs: list[dict[str, Any]] = msgspec.field(default=[], name="resourceLogs")


_json = msgspec.json.Decoder(_Envelope)


def read(record: bytes) -> Iterable[Request]:
    """Every inference span, and every event with an operation's details, is one request."""
    envelope = _json.decode(record) if record.lstrip()[:1] == b"{" else _from_protobuf(record)
    for resource in envelope.spans:
        known = _attributes(_at(resource, "resource"))
        for scope in _listed(resource, "scopeSpans"):
            for span in _listed(scope, "spans"):
                yield from _of_span(span, known)
    for resource in envelope.logs:
        known = _attributes(_at(resource, "resource"))
        for scope in _listed(resource, "scopeLogs"):
            for log in _listed(scope, "logRecords"):
                yield from _of_log(log, known)


def _from_protobuf(record: bytes) -> _Envelope:
    """The same from protobuf. Spans and logs have one outer shape; only spans have trace ids where spans have them."""
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from siphonwatch.streams.formats import otlp

    try:
        traces = otlp.Traces.FromString(record)
        if any(span.trace_id for each in traces.resource_spans for scope in each.scope_spans for span in scope.spans):
            return msgspec.convert(MessageToDict(traces), _Envelope)
    except DecodeError:
        pass  # then it may be logs
    try:
        return msgspec.convert(MessageToDict(otlp.Logs.FromString(record)), _Envelope)
    except DecodeError as error:
        raise msgspec.DecodeError("neither JSON nor OTLP protobuf") from error


def _at(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None


def _listed(value: Any, key: str) -> list[Any]:
    found = _at(value, key)
    return found if isinstance(found, list) else []


def _attributes(holder: Any) -> Attributes:
    """Key -> plain value of an object's ``attributes``."""
    return {str(_at(pair, "key")): _plain(_at(pair, "value")) for pair in _listed(holder, "attributes")}


def _plain(value: Any) -> Any:
    """An OTLP AnyValue as a plain value."""
    if not isinstance(value, dict) or not value:
        return None
    kind, held = next(iter(value.items()))
    match kind:
        case "intValue":
            return int(held)
        case "arrayValue":
            return [_plain(each) for each in _listed(held, "values")]
        case "kvlistValue":
            return {str(_at(pair, "key")): _plain(_at(pair, "value")) for pair in _listed(held, "values")}
        case _:
            return held


def _id(value: Any) -> str:
    """A trace or span id in hexadecimal; protobuf's mapping to JSON writes base64 where OTLP's writes hexadecimal."""
    text = str(value or "")
    if len(text) in (16, 32):
        return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return text


def _of_span(span: Any, resource: Attributes) -> Iterator[Request]:
    known = _attributes(span)
    if known.get("gen_ai.operation.name", "chat" if "gen_ai.system" in known else None) not in OPERATIONS:
        return
    events = [(str(_at(event, "name")), _attributes(event)) for event in _listed(span, "events")]
    for name, attributes in events:
        if name in (DETAILS, "gen_ai.content.prompt"):
            known = {**attributes, **known}
    start, end = int(_at(span, "startTimeUnixNano") or 0), int(_at(span, "endTimeUnixNano") or 0)
    failed = _at(_at(span, "status"), "code") in (2, "STATUS_CODE_ERROR")
    name = f"{_id(_at(span, 'traceId'))}:{_id(_at(span, 'spanId'))}"
    turns = _turns(known) or _turns_of_events(events)
    yield _request(name, start, known, resource, turns, failed, (end - start) / 1e6 if end >= start else None)


def _of_log(log: Any, resource: Attributes) -> Iterator[Request]:
    known = _attributes(log)
    if (_at(log, "eventName") or known.get("event.name")) != DETAILS:
        return
    held = _plain(_at(log, "body"))
    known = {**(held if isinstance(held, dict) else {}), **known}
    stamp = int(_at(log, "timeUnixNano") or _at(log, "observedTimeUnixNano") or 0)
    name = f"{_id(_at(log, 'traceId'))}:{_id(_at(log, 'spanId'))}"
    yield _request(name if len(name) > 1 else f"{stamp}", stamp, known, resource, _turns(known), "error.type" in known, None)


def _request(
    name: str, stamp: int, known: Attributes, resource: Attributes, turns: list[Message] | None, failed: bool, latency: float | None
) -> Request:  # fmt: skip
    model = known.get("gen_ai.request.model") or known.get("gen_ai.response.model")
    if not model:
        raise MissingError("the span names no gen_ai.request.model")
    address = _text(known, "client.address", "network.peer.address")
    reasons = known.get("gen_ai.response.finish_reasons")
    return Request(
        request_id=name,
        timestamp=stamp / 1e9,
        account_id=account(
            *[_text(known, key) or _text(resource, key) for key in ACCOUNTS], _text(resource, "service.name"), address=address
        ),
        model=str(model),
        session_id=_text(known, "gen_ai.conversation.id", "session.id"),
        source_ip=address,
        user_agent=_text(known, "user_agent.original"),
        messages=turns,
        parameters=_parameters(known),
        usage=Usage(
            _count(known, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
            _count(known, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
            _count(known, "gen_ai.usage.cache_read.input_tokens"),
        ),
        status=_status(known, failed),
        finish_reason=str(reasons[0]) if isinstance(reasons, list) and reasons else None,
        latency_ms=latency,
    )


def _text(known: Attributes, *names: str) -> str | None:
    return next((str(known[name]) for name in names if known.get(name) not in (None, "")), None)


def _count(known: Attributes, *names: str) -> int | None:
    return next((int(known[name]) for name in names if isinstance(known.get(name), int | float)), None)


def _parameters(known: Attributes) -> Parameters:
    temperature, top_p = known.get("gen_ai.request.temperature"), known.get("gen_ai.request.top_p")
    tools, output = known.get("gen_ai.tool.definitions"), known.get("gen_ai.output.type")
    return Parameters(
        temperature=float(temperature) if isinstance(temperature, int | float) else None,
        top_p=float(top_p) if isinstance(top_p, int | float) else None,
        max_tokens=_count(known, "gen_ai.request.max_tokens"),
        n=_count(known, "gen_ai.request.choice.count"),
        seed=_count(known, "gen_ai.request.seed", "gen_ai.openai.request.seed"),
        response_format=msgspec.Raw(b'"json"') if output == "json" else ABSENT,
        tools=msgspec.Raw(b'"tools"') if tools else ABSENT,
        stream=bool(known["gen_ai.request.stream"]) if "gen_ai.request.stream" in known else None,
    )


def _status(known: Attributes, failed: bool) -> int:
    code = _count(known, "http.response.status_code")
    if code:
        return code
    if not failed:
        return 200
    words = re.findall(r"\w+", str(known.get("error.type", "")))  # 429, RateLimitError, or <class 'openai.RateLimitError'>
    kind = words[-1] if words else ""
    return int(kind) if kind.isdigit() and len(kind) == 3 else STATUS_OF_ERROR.get(kind, 500)


def _turns(known: Attributes) -> list[Message] | None:
    """Turns from attributes: structured, or as JSON in a string; of the current names or the older prompt."""
    system, given = _parsed(known.get("gen_ai.system_instructions")), _parsed(known.get("gen_ai.input.messages"))
    turns = [Message("system", text)] if (text := _joined(system)) else []
    for turn in given if isinstance(given, list) else []:
        parts = _at(turn, "parts")
        content: str | list[Part] = _parts(parts) if isinstance(parts, list) else str(_at(turn, "content") or "")
        turns.append(Message(str(_at(turn, "role") or "user"), content))
    prompt = known.get("gen_ai.prompt")
    if not turns and isinstance(prompt, str):
        older = _parsed(prompt)
        turns = (
            [Message(str(_at(each, "role") or "user"), str(_at(each, "content") or "")) for each in older]
            if isinstance(older, list)
            else []
        )
        turns = turns or [Message("user", prompt)]
    return turns or None


def _turns_of_events(events: list[tuple[str, Attributes]]) -> list[Message] | None:
    """Turns from a span's message events (version 1.36 and before): ``gen_ai.user.message`` with its ``content``."""
    turns = [
        Message(name.split(".")[1], str(attributes["content"]))
        for name, attributes in events
        if name.startswith("gen_ai.") and name.endswith(".message") and attributes.get("content")
    ]
    return turns or None


def _parsed(value: Any) -> Any:
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return msgspec.json.decode(value)
        except msgspec.MsgspecError:
            return value
    return value


def _parts(parts: list[Any]) -> list[Part]:
    """Parts of a turn; a tool's answer and an image keep their kind, without what they hold."""
    return [
        Part("text", str(_at(part, "content") or "")) if _at(part, "type") == "text" else Part(str(_at(part, "type") or "other"))
        for part in parts
    ]


def _joined(system: Any) -> str:
    if isinstance(system, list):
        return "\n".join(str(_at(part, "content") or "") for part in system)
    return system if isinstance(system, str) else ""


FORMAT = Format(
    name="otel",
    read=read,
    marks=lambda top: "resourceSpans" in top or "resourceLogs" in top,
    source="https://opentelemetry.io/docs/specs/semconv/gen-ai/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "country", "asn"),
)
