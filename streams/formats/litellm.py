"""LiteLLM's ``StandardLoggingPayload``, as its callbacks are given it, as its S3, GCS and Azure exports hold it.

And as `streams.gateways.litellm` writes it.

Field names: https://docs.litellm.ai/docs/proxy/logging_spec, read 2026-11-24, and litellm 1.108; the rows of its spend logs beside them.
The account is the virtual key's hash, which is what LiteLLM limits, else the key's alias, its user, its team, the end user, the address.
Team or organisation is the organisation. It cannot know when a key was made, the key's payment, nor its limits (they are not part of the
payload).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage, epoch_ms
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer
from siphonwatch.streams.formats.base import Format, Found, Skip, account
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, Reader, Reading

HEALTH = "litellm-internal-health-check"  # the proxy's own key, which no client can hold
LOOKED_FOR = "metadata.user_api_key_hash, user_api_key_alias, user_api_key_user_id, user_api_key_team_id, end_user and requester_ip_address"


class _Metadata(msgspec.Struct):
    hash: str | None = msgspec.field(default=None, name="user_api_key_hash")
    hash_older: str | None = msgspec.field(default=None, name="user_api_key")
    alias: str | None = msgspec.field(default=None, name="user_api_key_alias")
    user: str | None = msgspec.field(default=None, name="user_api_key_user_id")
    team: str | None = msgspec.field(default=None, name="user_api_key_team_id")
    org: str | None = msgspec.field(default=None, name="user_api_key_org_id")
    end_user: str | None = msgspec.field(default=None, name="user_api_key_end_user_id")
    address: str | None = msgspec.field(default=None, name="requester_ip_address")
    user_agent: str | None = None
    status: str | None = None


class _Error(msgspec.Struct):
    error_code: str | int | None = None


class _Payload(msgspec.Struct):
    """Both the payload and a row of the spend logs, which calls some things otherwise."""

    start: float | str = msgspec.field(name="startTime")
    id: str | None = None
    request_id: str | None = None
    model: str | None = None
    metadata: _Metadata | None = None
    call_type: str | None = None
    status: str | None = None
    end: float | str | None = msgspec.field(default=None, name="endTime")
    model_group: str | None = None
    api_key: str | None = None
    user: str | None = None
    team_id: str | None = None
    organization_id: str | None = None
    end_user: str | None = None
    session_id: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    messages: Any = None
    response: msgspec.Raw = ABSENT
    model_parameters: Any = None
    proxy_server_request: Any = None
    error_information: _Error | None = None


_reader = Reader(_Payload)


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """One payload is one request, unless its call was of something else."""
    payload = _reader.read(record, reading)
    known = payload.metadata or _Metadata()
    if HEALTH in (known.hash, known.hash_older, payload.api_key):
        return (Skip("health checks"),)
    said = answer(payload.response, reading)
    if kind := other(payload.call_type) or said.other:
        return (Skip(kind),)
    return (_request(payload, known, said, reading),)


def _request(payload: _Payload, known: _Metadata, said: Any, reading: Reading) -> Request:
    address = payload.requester_ip_address or known.address
    key = known.hash or known.hash_older or payload.api_key
    model = payload.model_group or payload.model or said.model
    if not model:
        raise MissingError("the record names no model: looked for model_group, model and the answer's")
    asked = body(payload.model_parameters, reading)
    sent = body(_sent(payload.proxy_server_request), reading)
    turns = _conversation(payload.messages, asked, reading)
    return assemble.request(
        reading,
        request_id=payload.id or payload.request_id,
        timestamp=payload.start,
        account_id=account(
            key,
            known.alias,
            known.user,
            payload.user,
            known.team,
            payload.team_id,
            payload.end_user,
            known.end_user,
            address=address,
            looked_for=LOOKED_FOR,
        ),
        model=model,
        organization_id=known.org or payload.organization_id or known.team or payload.team_id or None,
        api_key_id=key or None,
        end_user_id=payload.end_user or known.end_user or asked.user or sent.user or None,
        session_id=payload.session_id or None,
        source_ip=address or None,
        user_agent=payload.user_agent or known.user_agent,
        messages=turns or sent.turns(reading),
        parameters=sent.parameters if payload.model_parameters is None and payload.proxy_server_request is not None else asked.parameters,
        answer=said,
        usage=Usage(payload.prompt_tokens, payload.completion_tokens),
        status=_status(payload, known),
        latency_ms=_latency(payload.start, payload.end),
    )


def _conversation(messages: Any, asked: Any, reading: Reading) -> Any:
    """``messages`` is a list of turns, a text, or a body of its own; the system prompt of other APIs lies among the parameters."""
    if isinstance(messages, dict) and not messages.get("role"):
        held = body(messages, reading)
    else:
        held = body(messages, reading) if isinstance(messages, str) and messages.lstrip()[:1] in ("{", "[") else body(None, reading)
        held.messages = held.messages if held.messages is not None else messages
    for name in ("instructions", "system", "system_gemini", "system_gemini_python"):
        if not getattr(held, name):
            setattr(held, name, getattr(asked, name))
    return held.turns(reading)


def _sent(value: Any) -> Any:
    """``proxy_server_request`` is the body, or holds it."""
    return value["body"] if isinstance(value, dict) and isinstance(value.get("body"), dict) else value


def _status(payload: _Payload, known: _Metadata) -> int:
    if (payload.status or known.status or "success") == "success":
        return 200
    code = str(payload.error_information.error_code if payload.error_information else "")
    return int(code) if code.isdigit() and 400 <= int(code) <= 599 else 500


def _latency(start: float | str, end: float | str | None) -> float | None:
    if not end:
        return None
    try:
        return (
            (end - start) * 1000
            if isinstance(start, float) and isinstance(end, float) and start <= end < 1e10
            else float(max(epoch_ms(end) - epoch_ms(start), 0))
        )
    except (ValueError, OverflowError):
        return None


FORMAT = Format(
    name="litellm",
    read=read,
    marks=lambda top: (
        "startTime" in top
        and ("metadata" in top or "api_key" in top)
        and bool({"call_type", "model_group", "model_parameters", "litellm_call_id"} & top.keys())
    ),
    source="https://docs.litellm.ai/docs/proxy/logging_spec, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "country", "asn"),
    title="LiteLLM: logging payloads of callbacks, S3, GCS; spend-log rows",
    account="virtual key's hash, else alias, user, team, end user, address",
)
