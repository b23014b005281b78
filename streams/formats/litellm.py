"""LiteLLM's ``StandardLoggingPayload``, as its callbacks are given it and as `streams.gateways.litellm` writes it to Kafka.

Field names: https://docs.litellm.ai/docs/proxy/logging_spec, read 2026-11-24, and litellm 1.108.
The account is the virtual key's hash, which is what LiteLLM limits; its team or organisation is the organisation.
It cannot know when a key was made, the key's payment, nor its limits (they are not part of the payload).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Message, Request, Usage
from siphonwatch.streams.formats.base import Format, account
from siphonwatch.streams.formats.body import body, redacted


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens_details: _Details | None = None


class _Choice(msgspec.Struct):
    finish_reason: str | None = None


class _Response(msgspec.Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None


class _Metadata(msgspec.Struct):
    user_api_key_hash: str | None = None
    user_api_key_alias: str | None = None
    user_api_key_user_id: str | None = None
    user_api_key_team_id: str | None = None
    user_api_key_org_id: str | None = None
    user_api_key_end_user_id: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None


class _Error(msgspec.Struct):
    error_code: str | int | None = None


class _Payload(msgspec.Struct):
    id: str
    start: float = msgspec.field(name="startTime")
    model: str
    metadata: _Metadata
    status: str = "success"
    end: float = msgspec.field(default=0.0, name="endTime")
    model_group: str | None = None
    end_user: str | None = None
    session_id: str | None = None
    requester_ip_address: str | None = None
    user_agent: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    messages: msgspec.Raw = ABSENT
    response: msgspec.Raw = ABSENT
    model_parameters: msgspec.Raw = ABSENT
    error_information: _Error | None = None


_payload = msgspec.json.Decoder(_Payload)


def read(record: bytes) -> Iterable[Request]:
    """One payload is one request."""
    payload = _payload.decode(record)
    known, address = payload.metadata, payload.requester_ip_address or payload.metadata.requester_ip_address
    response = _response(payload.response)
    cached = response.usage.prompt_tokens_details if response.usage else None
    yield Request(
        request_id=payload.id,
        timestamp=payload.start,
        account_id=account(known.user_api_key_hash, known.user_api_key_alias, known.user_api_key_user_id, address=address),
        model=payload.model_group or payload.model,
        organization_id=known.user_api_key_org_id or known.user_api_key_team_id,
        api_key_id=known.user_api_key_hash,
        end_user_id=payload.end_user or known.user_api_key_end_user_id or None,
        session_id=payload.session_id or None,
        source_ip=address or None,
        user_agent=payload.user_agent or known.user_agent,
        messages=_turns(payload.messages),
        parameters=body(payload.model_parameters).parameters,
        usage=Usage(payload.prompt_tokens, payload.completion_tokens, cached.cached_tokens if cached else None),
        status=_status(payload),
        finish_reason=response.choices[0].finish_reason if response.choices else None,
        latency_ms=max(payload.end - payload.start, 0.0) * 1000 if payload.end else None,
    )


def _turns(raw: msgspec.Raw) -> list[Message] | None:
    """``messages`` is a list of turns, a text, or a body of its own."""
    value = bytes(raw)
    if value[:1] == b"[":
        return body(b'{"messages":' + value + b"}").turns
    if value[:1] == b"{":
        return body(value).turns
    try:
        text = msgspec.json.decode(value, type=str) if value[:1] == b'"' else ""
    except msgspec.MsgspecError:
        return None
    turns = [Message("user", text)]
    return None if not text or redacted(turns) else turns


def _response(raw: msgspec.Raw) -> _Response:
    try:
        return msgspec.json.decode(raw, type=_Response) if bytes(raw)[:1] == b"{" else _Response()
    except msgspec.MsgspecError:
        return _Response()


def _status(payload: _Payload) -> int:
    if payload.status == "success":
        return 200
    code = str(payload.error_information.error_code if payload.error_information else "")
    return int(code) if code.isdigit() and 400 <= int(code) <= 599 else 500


FORMAT = Format(
    name="litellm",
    read=read,
    marks=lambda top: "startTime" in top and "metadata" in top and "call_type" in top,
    source="https://docs.litellm.ai/docs/proxy/logging_spec, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "country", "asn"),
)
