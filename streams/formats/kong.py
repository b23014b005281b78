"""Kong AI Gateway: entries of the http-log and kafka-log plugins for a route with ai-proxy or ai-proxy-advanced.

Field names: https://developer.konghq.com/ai-gateway/ai-audit-log-reference/ and
https://developer.konghq.com/plugins/kafka-log/, read 2026-11-24. Older gateways put ``usage`` and ``meta`` under the
plugin's name instead of ``ai.proxy``; both are read. The text is there with ``logging.log_payloads`` of ai-proxy.
It cannot know when a consumer was made, payments, or the consumer's limits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage
from siphonwatch.streams.formats.base import Format, MissingError, account
from siphonwatch.streams.formats.body import body


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Meta(msgspec.Struct):
    request_model: str | None = None
    response_model: str | None = None


class _Payload(msgspec.Struct):
    request: msgspec.Raw = ABSENT


class _Proxy(msgspec.Struct):
    usage: _Usage | None = None
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
    headers: dict[str, str | list[str]] = {}


class _Answered(msgspec.Struct):
    status: int = 0


class _Latencies(msgspec.Struct):
    request: float | None = None


class _Entry(msgspec.Struct):
    request: _Asked
    started_at: int
    response: _Answered | None = None
    ai: dict[str, msgspec.Raw] | None = None
    client_ip: str | None = None
    consumer: _Consumer | None = None
    authenticated_entity: _Credential | None = None
    latencies: _Latencies | None = None


_entry = msgspec.json.Decoder(_Entry)


def read(record: bytes) -> Iterable[Request]:
    """An entry with ``ai`` is one request; one without went to something else than a model."""
    entry = _entry.decode(record)
    proxies = [msgspec.json.decode(value, type=_Proxy) for value in (entry.ai or {}).values() if bytes(value)[:1] == b"{"]
    proxy = next((one for one in proxies if one.usage or one.meta), None)
    if proxy is None:
        return
    meta, used = proxy.meta or _Meta(), proxy.usage or _Usage()
    asked = body(proxy.payload.request if proxy.payload else None)
    consumer, credential = entry.consumer or _Consumer(), entry.authenticated_entity or _Credential()
    agent = entry.request.headers.get("user-agent")
    model = meta.request_model or asked.model or meta.response_model
    if not model:
        raise MissingError("the record names no model: ai.proxy.meta.request_model is needed")
    yield Request(
        request_id=entry.request.id or f"{entry.client_ip}:{entry.started_at}",
        timestamp=entry.started_at / 1000,
        account_id=account(consumer.custom_id, consumer.username, consumer.id, credential.id, address=entry.client_ip),
        model=model,
        api_key_id=credential.id,
        end_user_id=asked.user,
        source_ip=entry.client_ip,
        user_agent=agent if isinstance(agent, str) else None,
        messages=asked.turns,
        parameters=asked.parameters,
        usage=Usage(
            used.prompt_tokens if used.prompt_tokens is not None else used.input_tokens,
            used.completion_tokens if used.completion_tokens is not None else used.output_tokens,
            used.prompt_tokens_details.cached_tokens if used.prompt_tokens_details else None,
        ),
        status=entry.response.status if entry.response and entry.response.status else 500,
        latency_ms=entry.latencies.request if entry.latencies else None,
    )


FORMAT = Format(
    name="kong",
    read=read,
    marks=lambda top: "started_at" in top and "latencies" in top and "request" in top,
    source="https://developer.konghq.com/ai-gateway/ai-audit-log-reference/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "session_id", "finish_reason"),
)
