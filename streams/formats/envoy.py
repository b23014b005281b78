"""Envoy and Envoy AI Gateway: JSON access logs with the token metadata of the AI gateway, or of a filter of one's own; also over OTLP.

Field names: https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs, read 2026-11-24: the keys of that page
(``genai_model_name`` …) and the ``gen_ai.*`` keys that the gateway writes by itself. Every key is the operator's to choose: where
yours differ, use a mapping file. Add the account as ``account_id`` (for example ``"%REQ(X-ACCOUNT-ID)%"``).
It cannot know the prompt, sampling parameters, or end users: an access log holds no bodies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats.answers import count
from siphonwatch.streams.formats.base import Format, Found, Skip, account
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import OddError, Reader, Reading, number


class _Line(msgspec.Struct):
    start_time: str | float
    response_code: Any = 0
    request_id: str | None = msgspec.field(default=None, name="x-request-id")
    account_id: str | None = None
    user: str | None = msgspec.field(default=None, name="x-account-id")
    session: str | None = msgspec.field(default=None, name="session.id")
    forwarded: str | None = msgspec.field(default=None, name="x-forwarded-for")
    remote: str | None = msgspec.field(default=None, name="downstream_remote_address")
    agent: str | None = msgspec.field(default=None, name="user-agent")
    agent_dotted: str | None = msgspec.field(default=None, name="user_agent.original")
    path: str | None = None
    path_original: str | None = msgspec.field(default=None, name="x-envoy-origin-path")
    operation: str | None = msgspec.field(default=None, name="gen_ai.operation.name")
    mcp: Any = msgspec.field(default=None, name="mcp_method")
    duration: Any = None
    model: str | None = msgspec.field(default=None, name="genai_model_name")
    model_dotted: str | None = msgspec.field(default=None, name="gen_ai.request.model")
    model_answered: str | None = msgspec.field(default=None, name="gen_ai.response.model")
    tokens_in: Any = msgspec.field(default=None, name="genai_tokens_input")
    tokens_out: Any = msgspec.field(default=None, name="genai_tokens_output")
    tokens_in_dotted: Any = msgspec.field(default=None, name="gen_ai.usage.input_tokens")
    tokens_out_dotted: Any = msgspec.field(default=None, name="gen_ai.usage.output_tokens")
    cached: Any = msgspec.field(default=None, name="gen_ai.usage.cached_input_tokens")
    cached_dotted: Any = msgspec.field(default=None, name="gen_ai.usage.cache_read.input_tokens")


_reader = Reader(_Line)


def host(address: str | None) -> str | None:
    """``10.0.0.1:4711`` and ``[2001:db8::1]:4711`` without their port; the first of a list of proxies."""
    if not address or address == "-":
        return None
    first = address.split(",")[0].strip()
    if first.startswith("["):
        return first[1:].partition("]")[0]
    return first.rpartition(":")[0] if first.count(":") == 1 else first


def access_log(known: dict[str, Any]) -> bool:
    """Whether the attributes of an OTLP log record are a line of an access log."""
    return ("response_code" in known or "response_flags" in known) and (
        "start_time" in known or "x-request-id" in known or "genai_model_name" in known
    )


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """A line that names a model is one request."""
    return (_of(_reader.read(record, reading), reading),)


def of_line(known: dict[str, Any], reading: Reading) -> Found:
    """The same from attributes."""
    return _of(_reader.convert(known, reading), reading)


def _of(line: _Line, reading: Reading) -> Found:
    model = next((name for name in (line.model, line.model_dotted, line.model_answered) if name and name != "-"), None)
    if line.mcp:
        return Skip("tools")
    if kind := other(_known(line.operation)) or other(_known(line.path_original or line.path)):
        return Skip(kind)
    if model is None:
        return Skip("no model called")
    address = host(line.forwarded) or host(line.remote)
    named = account(
        line.account_id, line.user, address=address, looked_for="account_id, x-account-id, x-forwarded-for and downstream_remote_address"
    )
    tokens_in, tokens_out = count(_whole(line.tokens_in)), count(_whole(line.tokens_out))
    return Request(
        request_id=_known(line.request_id) or f"{named}:{line.start_time}",
        timestamp=line.start_time,
        account_id=named,
        model=model,
        session_id=_known(line.session),
        source_ip=address,
        user_agent=_known(line.agent) or _known(line.agent_dotted),
        usage=Usage(
            count(_whole(line.tokens_in_dotted)) if tokens_in is None else tokens_in,
            count(_whole(line.tokens_out_dotted)) if tokens_out is None else tokens_out,
            count(_whole(line.cached)) if line.cached is not None else count(_whole(line.cached_dotted)),
        ),
        status=count(line.response_code) or 500,  # 0: the client left before there was an answer
        latency_ms=_milliseconds(line.duration),
    )


def _known(value: str | None) -> str | None:
    return None if value in (None, "", "-") else value


def _whole(value: Any) -> Any:
    """Envoy's formatters may write a count as ``15.0``."""
    return value[:-2] if isinstance(value, str) and value.endswith(".0") else value


def _milliseconds(value: Any) -> float | None:
    try:
        return None if value is None else number(value)
    except OddError:
        return None


FORMAT = Format(
    name="envoy",
    read=read,
    marks=lambda top: "response_code" in top and "start_time" in top,
    source="https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs, read 2026-11-24",
    cannot_know=("messages", "parameters", "end_user_id", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "finish_reason"),
    title="Envoy, Envoy AI Gateway: JSON access log",
    account="account_id or x-account-id, else address",
)
