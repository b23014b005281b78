"""Apache APISIX: entries of kafka-logger (or http-logger) on a route with ai-proxy or ai-proxy-multi.

Field names: https://apisix.apache.org/docs/apisix/plugins/ai-proxy/ (``logging.summaries`` gives ``llm_summary``, ``logging.payloads``
gives ``llm_request`` and ``llm_response_text``) and https://apisix.apache.org/docs/apisix/plugins/kafka-logger/, read 2026-11-24. A
record may be one entry or, with ``batch_max_size`` above 1, an array of them. The consumer is the account. ``apisix-request-id`` is the
gateway's own; ``x-request-id`` may be the client's. Lua writes an empty list as ``{}``, an empty object as ``[]``, and numbers as it
likes. It cannot know when a consumer was made, payments, or limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer
from siphonwatch.streams.formats.base import Format, Found, Skip, account
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, Reader, Reading


class _Summary(msgspec.Struct):
    model: str | None = None
    request_model: str | None = None
    prompt_tokens: int | str | None = None
    completion_tokens: int | str | None = None


class _Consumer(msgspec.Struct):
    username: str | None = None
    group_id: str | None = None


class _Asked(msgspec.Struct):
    uri: str | None = None
    headers: dict[str, Any] = {}
    body: Any = None


class _Answered(msgspec.Struct):
    status: int = 0
    headers: dict[str, Any] = {}
    body: Any = None


class _Entry(msgspec.Struct):
    start_time: float
    request: _Asked
    response: _Answered | None = None
    client_ip: str | None = None
    consumer: _Consumer | None = None
    latency: float | None = None
    llm_summary: _Summary | None = None
    llm_request: Any = None
    llm_response_text: Any = None


_reader = Reader(_Entry)


def _count(value: int | str | None) -> int | None:
    return int(value) if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()) else None


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """An entry with a summary or a payload of the model's is one request."""
    entry = _reader.read(record, reading)
    logged = entry.llm_request or entry.request.body
    if entry.llm_summary is None and not logged:
        return (Skip("no model called"),)
    said = answer(entry.llm_response_text or (entry.response.body if entry.response else None), reading)
    if kind := other(entry.request.uri) or said.other:
        return (Skip(kind),)
    return (_request(entry, logged, said, reading),)


def _request(entry: _Entry, logged: Any, said: Any, reading: Reading) -> Request:
    summary, asked, consumer = entry.llm_summary or _Summary(), body(logged, reading), entry.consumer or _Consumer()
    headers = {**entry.request.headers, **(entry.response.headers if entry.response else {})}
    named = headers.get("apisix-request-id") or headers.get("x-request-id")
    agent, model = headers.get("user-agent"), summary.request_model or summary.model or asked.model
    if not model:
        raise MissingError("the record names no model: llm_summary.model is needed")
    return assemble.request(
        reading,
        request_id=named if isinstance(named, str) else f"{entry.client_ip}:{entry.start_time}",
        timestamp=entry.start_time,
        account_id=account(consumer.username, address=entry.client_ip, looked_for="consumer.username and client_ip"),
        model=model,
        body=asked,
        answer=said,
        organization_id=consumer.group_id,
        source_ip=entry.client_ip,
        user_agent=agent if isinstance(agent, str) else None,
        usage=Usage(_count(summary.prompt_tokens), _count(summary.completion_tokens)),
        status=entry.response.status if entry.response and entry.response.status else 500,
        latency_ms=entry.latency,
    )


FORMAT = Format(
    name="apisix",
    read=read,
    marks=lambda top: (
        "start_time" in top and "request" in top and bool({"route_id", "llm_summary", "llm_request", "apisix_latency"} & top.keys())
    ),
    source="https://apisix.apache.org/docs/apisix/plugins/ai-proxy/, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "session_id"),
    title="Apache APISIX: kafka-logger, http-logger",
    account="consumer's name, else address",
)
