"""Kong AI Gateway: entries of the http-log, kafka-log and like plugins for a route with ai-proxy, ai-proxy-advanced or another AI plugin.

Field names: https://developer.konghq.com/ai-gateway/ai-audit-log-reference/ and https://developer.konghq.com/plugins/kafka-log/, read
2026-11-24. Gateways of different ages put ``usage``, ``meta`` and ``payload`` under ``ai.proxy``, under the plugin's name, or (the
payload) right under ``ai``, and write ``prompt_token`` or ``prompt_tokens``: all are read. The text is there with
``logging.log_payloads`` of ai-proxy. It cannot know when a consumer was made, payments, or the consumer's limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer, usage_of
from siphonwatch.streams.formats.base import Format, Found, Skip, account
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, Reader, Reading

PROXIES = ("proxy", "ai-proxy", "ai-proxy-advanced")  # the parts that say what was asked of a model; other plugins ask models of their own


class _Payload(msgspec.Struct):
    request: Any = None
    response: Any = None


class _Meta(msgspec.Struct):
    request_model: str | None = None
    response_model: str | None = None
    request_mode: str | None = None
    route_type: str | None = None


class _Part(msgspec.Struct):
    usage: Any = None
    meta: _Meta | None = None
    payload: _Payload | None = None


class _Consumer(msgspec.Struct):
    id: str | None = None
    username: str | None = None
    custom_id: str | None = None


class _Credential(msgspec.Struct):
    id: str | None = None
    consumer_id: str | None = None


class _Asked(msgspec.Struct):
    id: str | None = None
    uri: str | None = None
    headers: dict[str, Any] = {}


class _Answered(msgspec.Struct):
    status: int = 0


class _Latencies(msgspec.Struct):
    request: float | None = None


class _Entry(msgspec.Struct):
    started_at: float
    request: _Asked = msgspec.field(default_factory=_Asked)
    response: _Answered | None = None
    ai: dict[str, Any] | None = None
    client_ip: str | None = None
    consumer: _Consumer | None = None
    authenticated_entity: _Credential | None = None
    latencies: _Latencies | None = None


_reader, _part = Reader(_Entry), Reader(_Part)


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """An entry with ``ai`` is one request; one without went to something else than a model."""
    entry = _reader.read(record, reading)
    if not entry.ai:
        return (Skip("no model called"),)
    held = {name: _part.convert(value, reading) for name, value in entry.ai.items() if isinstance(value, dict) and name != "payload"}
    ordered = [*(held[name] for name in PROXIES if name in held), *(each for name, each in held.items() if name not in PROXIES)]
    part = next((each for each in ordered if each.usage or each.meta), None)
    payloads = [each.payload for each in [*ordered, _part.convert(entry.ai, reading)] if each.payload]
    payload = next((each for each in payloads if each.request is not None), None)
    if part is None and payload is None:
        return (Skip("tools" if "mcp" in held else "agents" if "a2a" in held else "no model called"),)
    said = answer(next((each.response for each in payloads if each.response is not None), None), reading)
    if kind := other(part.meta.route_type if part and part.meta else None) or other(entry.request.uri) or said.other:
        return (Skip(kind),)
    return (_request(entry, part or _Part(), payload, said, reading),)


def _request(entry: _Entry, part: _Part, payload: _Payload | None, said: Any, reading: Reading) -> Request:
    meta, consumer, credential = part.meta or _Meta(), entry.consumer or _Consumer(), entry.authenticated_entity or _Credential()
    asked = body(payload.request if payload else None, reading)
    agent = entry.request.headers.get("user-agent")
    model = meta.request_model or asked.model or meta.response_model or said.model
    if not model:
        raise MissingError("the record names no model: ai.proxy.meta.request_model is needed")
    return assemble.request(
        reading,
        request_id=entry.request.id,
        timestamp=entry.started_at,
        account_id=account(
            consumer.custom_id,
            consumer.username,
            consumer.id,
            credential.consumer_id,
            credential.id,
            address=entry.client_ip,
            looked_for="consumer.custom_id, consumer.username, consumer.id, authenticated_entity.id and client_ip",
        ),
        model=model,
        body=asked,
        answer=said,
        api_key_id=credential.id,
        source_ip=entry.client_ip,
        user_agent=agent if isinstance(agent, str) else None,
        usage=usage_of(part.usage),
        status=entry.response.status if entry.response and entry.response.status else 500,
        latency_ms=entry.latencies.request if entry.latencies else None,
    )


FORMAT = Format(
    name="kong",
    read=read,
    marks=lambda top: "started_at" in top and "request" in top and bool({"latencies", "ai", "tries", "service", "route"} & top.keys()),
    source="https://developer.konghq.com/ai-gateway/ai-audit-log-reference/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "session_id"),
    title="Kong AI Gateway: http-log, kafka-log, file-log",
    account="consumer's custom_id, else name, id, credential, address",
)
