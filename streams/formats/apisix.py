"""Apache APISIX: entries of kafka-logger (or http-logger) on a route with ai-proxy or ai-proxy-multi.

Field names: https://apisix.apache.org/docs/apisix/plugins/ai-proxy/ (``logging.summaries`` gives ``llm_summary``,
``logging.payloads`` gives ``llm_request``) and https://apisix.apache.org/docs/apisix/plugins/kafka-logger/, read 2026-11-24.
A record may be one entry or, with ``batch_max_size`` above 1, an array of them. The consumer is the account.
It cannot know when a consumer was made, payments, or limits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage
from siphonwatch.streams.formats.base import Format, MissingError, account
from siphonwatch.streams.formats.body import body


class _Summary(msgspec.Struct):
    model: str | None = None
    request_model: str | None = None
    prompt_tokens: int | str | None = None
    completion_tokens: int | str | None = None


class _Consumer(msgspec.Struct):
    username: str | None = None
    group_id: str | None = None


class _Asked(msgspec.Struct):
    headers: dict[str, str | list[str]] = {}
    body: msgspec.Raw = ABSENT


class _Answered(msgspec.Struct):
    status: int = 0
    headers: dict[str, str | list[str]] = {}


class _Entry(msgspec.Struct):
    start_time: float
    request: _Asked
    response: _Answered | None = None
    client_ip: str | None = None
    consumer: _Consumer | None = None
    latency: float | None = None
    llm_summary: _Summary | None = None
    llm_request: msgspec.Raw = ABSENT


_entries = msgspec.json.Decoder(list[_Entry])


def _count(value: int | str | None) -> int | None:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdigit()) else None


def read(record: bytes) -> Iterable[Request]:
    """Every entry with a summary or a payload of the model's is one request."""
    for entry in _entries.decode(record if record.lstrip()[:1] == b"[" else b"[" + record + b"]"):
        logged = entry.llm_request if bytes(entry.llm_request) else entry.request.body
        if entry.llm_summary is None and not bytes(logged):
            continue
        summary, asked, consumer = entry.llm_summary or _Summary(), body(logged), entry.consumer or _Consumer()
        headers = {**entry.request.headers, **(entry.response.headers if entry.response else {})}
        named = headers.get("x-request-id") or headers.get("apisix-request-id")
        agent, model = headers.get("user-agent"), summary.request_model or summary.model or asked.model
        if not model:
            raise MissingError("the record names no model: llm_summary.model is needed")
        yield Request(
            request_id=named if isinstance(named, str) else f"{entry.client_ip}:{entry.start_time}",
            timestamp=entry.start_time / 1000,
            account_id=account(consumer.username, address=entry.client_ip),
            model=model,
            organization_id=consumer.group_id,
            end_user_id=asked.user,
            source_ip=entry.client_ip,
            user_agent=agent if isinstance(agent, str) else None,
            messages=asked.turns,
            parameters=asked.parameters,
            usage=Usage(_count(summary.prompt_tokens), _count(summary.completion_tokens)),
            status=entry.response.status if entry.response and entry.response.status else 500,
            latency_ms=entry.latency,
        )


FORMAT = Format(
    name="apisix",
    read=read,
    marks=lambda top: "route_id" in top and "start_time" in top and "request" in top,
    source="https://apisix.apache.org/docs/apisix/plugins/ai-proxy/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "session_id", "finish_reason"),
)
