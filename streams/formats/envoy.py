"""Envoy and Envoy AI Gateway: JSON access logs with the token metadata of the AI gateway, or of a filter of one's own.

Field names: https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs, read 2026-11-24: the keys of that page
(``genai_model_name`` …) and the ``gen_ai.*`` keys that the gateway writes by itself. Every key is the operator's to choose: where
yours differ, use a mapping file. Add the account as ``account_id`` (for example ``"%REQ(X-ACCOUNT-ID)%"``).
It cannot know the prompt, sampling parameters, or end users: an access log holds no bodies.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats.base import Format, account

Number = int | float | str | None


class _Line(msgspec.Struct):
    start_time: str
    response_code: int = 0
    request_id: str | None = msgspec.field(default=None, name="x-request-id")
    account_id: str | None = None
    user: str | None = msgspec.field(default=None, name="x-account-id")
    session: str | None = msgspec.field(default=None, name="session.id")
    forwarded: str | None = msgspec.field(default=None, name="x-forwarded-for")
    remote: str | None = msgspec.field(default=None, name="downstream_remote_address")
    agent: str | None = msgspec.field(default=None, name="user-agent")
    agent_dotted: str | None = msgspec.field(default=None, name="user_agent.original")
    duration: Number = None
    model: str | None = msgspec.field(default=None, name="genai_model_name")
    model_dotted: str | None = msgspec.field(default=None, name="gen_ai.request.model")
    tokens_in: Number = msgspec.field(default=None, name="genai_tokens_input")
    tokens_out: Number = msgspec.field(default=None, name="genai_tokens_output")
    tokens_in_dotted: Number = msgspec.field(default=None, name="gen_ai.usage.input_tokens")
    tokens_out_dotted: Number = msgspec.field(default=None, name="gen_ai.usage.output_tokens")
    cached: Number = msgspec.field(default=None, name="gen_ai.usage.cached_input_tokens")


_line = msgspec.json.Decoder(_Line)


def count(value: Number) -> int | None:
    """A count that may be written as a number or as digits; ``None`` for Envoy's ``-``."""
    try:
        return None if value is None else int(float(value))
    except (ValueError, OverflowError):
        return None


def host(address: str | None) -> str | None:
    """``10.0.0.1:4711`` and ``[2001:db8::1]:4711`` without their port; the first of a list of proxies."""
    if not address:
        return None
    first = address.split(",")[0].strip()
    if first.startswith("["):
        return first[1:].partition("]")[0]
    return first.rpartition(":")[0] if first.count(":") == 1 else first


def read(record: bytes) -> Iterable[Request]:
    """A line that names a model is one request."""
    line = _line.decode(record)
    model = line.model or line.model_dotted
    if not model or model == "-":
        return
    address = host(line.forwarded) or host(line.remote)
    tokens_in, tokens_out = count(line.tokens_in), count(line.tokens_out)
    yield Request(
        request_id=line.request_id or f"{line.remote}:{line.start_time}",
        timestamp=line.start_time,
        account_id=account(line.account_id, line.user, address=address),
        model=model,
        session_id=line.session,
        source_ip=address,
        user_agent=line.agent or line.agent_dotted,
        usage=Usage(
            count(line.tokens_in_dotted) if tokens_in is None else tokens_in,
            count(line.tokens_out_dotted) if tokens_out is None else tokens_out,
            count(line.cached),
        ),
        status=line.response_code or 500,  # 0: the client left before there was an answer
        latency_ms=float(milliseconds) if (milliseconds := count(line.duration)) is not None else None,
    )


FORMAT = Format(
    name="envoy",
    read=read,
    marks=lambda top: "response_code" in top and "start_time" in top,
    source="https://aigateway.envoyproxy.io/docs/capabilities/observability/accesslogs, read 2026-11-24",
    cannot_know=("messages", "parameters", "end_user_id", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "finish_reason"),
)
