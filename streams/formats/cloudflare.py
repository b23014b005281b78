"""Cloudflare AI Gateway: Logpush of the ``ai_gateway_events`` dataset, and the entries of the gateway's own logs API.

Field names: https://developers.cloudflare.com/ai-gateway/observability/logging/logpush/ and
https://developers.cloudflare.com/api/resources/ai_gateway/subresources/logs/, read 2026-11-24. Logpush encrypts metadata and bodies;
decrypt them before they reach Kafka, or go without. The account is custom metadata: ``account_id``, ``user_id`` or ``user``.
It cannot know addresses, clients, end users or limits; of failures it knows the status alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage
from siphonwatch.streams.formats.base import Format, MissingError, account
from siphonwatch.streams.formats.body import body

Scalar = str | int | float | bool | None
ACCOUNT_KEYS = ("account_id", "account", "user_id", "user", "team")


class _Event(msgspec.Struct):
    """Both spellings: Logpush writes ``StatusCode``, the API ``status_code``."""

    id: str | None = None
    ray: str | None = msgspec.field(default=None, name="RayID")
    created: str | None = msgspec.field(default=None, name="created_at")
    datetime: str | int | None = msgspec.field(default=None, name="Datetime")
    timestamp: str | int | None = msgspec.field(default=None, name="Timestamp")
    model: str | None = None
    model_pushed: str | None = msgspec.field(default=None, name="Model")
    gateway: str | None = msgspec.field(default=None, name="Gateway")
    status: int | None = msgspec.field(default=None, name="status_code")
    status_pushed: int | None = msgspec.field(default=None, name="StatusCode")
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens_in_pushed: int | None = msgspec.field(default=None, name="TokensIn")
    tokens_out_pushed: int | None = msgspec.field(default=None, name="TokensOut")
    duration: float | None = None
    metadata: msgspec.Raw = ABSENT
    metadata_pushed: msgspec.Raw = msgspec.field(default=ABSENT, name="Metadata")
    request: msgspec.Raw = msgspec.field(default=ABSENT, name="request_body")
    request_pushed: msgspec.Raw = msgspec.field(default=ABSENT, name="RequestBody")


_event = msgspec.json.Decoder(_Event)


def _metadata(raw: msgspec.Raw) -> dict[str, Scalar]:
    """Custom metadata: an object, or an object written as a string; nothing where it is encrypted."""
    value = bytes(raw)
    try:
        if value[:1] == b'"':
            value = msgspec.json.decode(value, type=str).encode()
        return msgspec.json.decode(value, type=dict[str, Scalar]) if value[:1] == b"{" else {}
    except msgspec.MsgspecError:
        return {}


def read(record: bytes) -> Iterable[Request]:
    """Every event is one request."""
    event = _event.decode(record)
    stamp: str | float | None = event.created or event.datetime or event.timestamp
    if stamp is None:
        raise MissingError("the record names no time: created_at, Datetime or Timestamp is needed")
    if not isinstance(stamp, str):
        stamp = stamp / 1e9 if stamp > 1e17 else stamp / 1000 if stamp > 1e11 else stamp
    known = _metadata(event.metadata) or _metadata(event.metadata_pushed)
    named = [str(known[key]) for key in ACCOUNT_KEYS if known.get(key) not in (None, "")]
    asked = body(event.request if bytes(event.request) else event.request_pushed)
    model = event.model or event.model_pushed or asked.model
    if not model:
        raise MissingError("the record names no model")
    status = event.status if event.status is not None else event.status_pushed
    yield Request(
        request_id=event.id or event.ray or f"{event.gateway}:{stamp}:{named[:1]}",
        timestamp=stamp,
        account_id=account(*named),
        model=model,
        end_user_id=asked.user,
        messages=asked.turns,
        parameters=asked.parameters,
        usage=Usage(
            event.tokens_in if event.tokens_in is not None else event.tokens_in_pushed,
            event.tokens_out if event.tokens_out is not None else event.tokens_out_pushed,
        ),
        status=status or 200,
        latency_ms=event.duration,
    )


FORMAT = Format(
    name="cloudflare",
    read=read,
    marks=lambda top: {"StatusCode", "Gateway"} <= top.keys() or {"tokens_in", "provider", "created_at"} <= top.keys(),
    source="https://developers.cloudflare.com/ai-gateway/observability/logging/logpush/, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "session_id", "finish_reason"),
)
