"""Cloudflare AI Gateway: Logpush of the ``ai_gateway_events`` dataset, and the entries and pages of the gateway's own logs API.

Field names: https://developers.cloudflare.com/ai-gateway/observability/logging/logpush/ and
https://developers.cloudflare.com/api/resources/ai_gateway/subresources/logs/, read 2026-11-24. Logpush encrypts metadata and bodies;
decrypt them before they reach Kafka, or go without. The account is custom metadata: one of the usual keys, or one named in
``account_fields``. It cannot know addresses, clients, end users or limits; of failures it knows the status alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer
from siphonwatch.streams.formats.base import ACCOUNT_KEYS, Format, Found, Skip, accepted, account, named
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, Reader, Reading


class _Event(msgspec.Struct):
    """Both spellings: Logpush writes ``StatusCode``, the API ``status_code``."""

    id: str | None = None
    ray: str | None = msgspec.field(default=None, name="RayID")
    created: str | None = msgspec.field(default=None, name="created_at")
    datetime: str | float | None = msgspec.field(default=None, name="Datetime")
    timestamp: str | float | None = msgspec.field(default=None, name="Timestamp")
    model: str | None = None
    model_pushed: str | None = msgspec.field(default=None, name="Model")
    path: str | None = None
    endpoint: str | None = msgspec.field(default=None, name="Endpoint")
    kind: str | None = msgspec.field(default=None, name="model_type")
    gateway: str | None = msgspec.field(default=None, name="Gateway")
    status: int | None = msgspec.field(default=None, name="status_code")
    status_pushed: int | None = msgspec.field(default=None, name="StatusCode")
    success: bool | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_in_pushed: int | None = msgspec.field(default=None, name="TokensIn")
    tokens_out_pushed: int | None = msgspec.field(default=None, name="TokensOut")
    duration: float | None = None
    metadata: Any = None
    metadata_pushed: Any = msgspec.field(default=None, name="Metadata")
    request: Any = msgspec.field(default=None, name="request_body")
    request_pushed: Any = msgspec.field(default=None, name="RequestBody")
    response: Any = msgspec.field(default=None, name="response_body")
    response_pushed: Any = msgspec.field(default=None, name="ResponseBody")


_reader = Reader(_Event)


def metadata_of(value: Any) -> dict[str, Any]:
    """Custom metadata: an object, or an object written as a string; nothing where it is encrypted."""
    if isinstance(value, str) and value[:1] == "{":
        try:
            value = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return {}
    return value if isinstance(value, dict) and value.get("type") != "encrypted" else {}


def _plain(value: Any) -> Any:
    """A body, unless it is encrypted."""
    return None if isinstance(value, dict) and value.get("type") == "encrypted" else value


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """Every event is one request, unless it went to something else than an answering model."""
    event = _reader.read(record, reading)
    said = answer(_plain(event.response or event.response_pushed), reading)
    if kind := other(event.path or event.endpoint) or said.other:
        return (Skip(kind),)
    return (_request(event, said, reading),)


def _request(event: _Event, said: Any, reading: Reading) -> Request:
    stamp = event.created or event.datetime or event.timestamp
    if stamp is None:
        raise MissingError("the record names no time: created_at, or Datetime among Logpush's fields, is needed")
    names = named(metadata_of(event.metadata) or metadata_of(event.metadata_pushed), ACCOUNT_KEYS, reading)
    asked = body(_plain(event.request or event.request_pushed), reading)
    model = event.model or event.model_pushed or asked.model or said.model
    if not model:
        raise MissingError("the record names no model")
    status = event.status if event.status is not None else event.status_pushed
    return assemble.request(
        reading,
        request_id=event.id or event.ray or f"{event.gateway}:{stamp}:{names[:1]}",
        timestamp=stamp,
        account_id=account(*names, looked_for=accepted(reading)),
        model=model,
        body=asked,
        answer=said,
        usage=Usage(
            event.tokens_in if event.tokens_in is not None else event.tokens_in_pushed,
            event.tokens_out if event.tokens_out is not None else event.tokens_out_pushed,
        ),
        status=status or (500 if event.success is False else 200),
        latency_ms=event.duration,
    )


FORMAT = Format(
    name="cloudflare",
    read=read,
    marks=lambda top: {"StatusCode", "Gateway"} <= top.keys() or {"tokens_in", "provider", "created_at"} <= top.keys(),
    source="https://developers.cloudflare.com/ai-gateway/observability/logging/logpush/, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "session_id"),
    title="Cloudflare AI Gateway: Logpush, logs API",
    account="custom metadata (account_id, user_id … or any key of yours)",
)
