"""AWS Bedrock model invocation logs, as CloudWatch and S3 hold them.

Field names: https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html, read 2026-11-24.
The account is ``requestMetadata.account_id`` where callers set it, else the caller's ARN without its session name. Bodies over
100 KB lie in S3 of their own and are not read. Throttled calls are not in this log at all.
It cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage
from siphonwatch.streams.formats.base import Format, account
from siphonwatch.streams.formats.body import body


class _Identity(msgspec.Struct):
    arn: str | None = None


class _Input(msgspec.Struct):
    body: msgspec.Raw = msgspec.field(default=ABSENT, name="inputBodyJson")
    tokens: int | None = msgspec.field(default=None, name="inputTokenCount")
    cached: int | None = msgspec.field(default=None, name="cacheReadInputTokenCount")


class _Metrics(msgspec.Struct):
    latency: float | None = msgspec.field(default=None, name="latencyMs")


class _Delta(msgspec.Struct):
    stop: str | None = msgspec.field(default=None, name="stop_reason")


class _Said(msgspec.Struct):
    converse: str | None = msgspec.field(default=None, name="stopReason")
    invoke: str | None = msgspec.field(default=None, name="stop_reason")
    delta: _Delta | None = None  # of a streamed chunk
    metrics: _Metrics | None = None

    @property
    def stop(self) -> str | None:
        return self.converse or self.invoke or (self.delta.stop if self.delta else None)


class _Output(msgspec.Struct):
    body: msgspec.Raw = msgspec.field(default=ABSENT, name="outputBodyJson")
    tokens: int | None = msgspec.field(default=None, name="outputTokenCount")


class _Log(msgspec.Struct):
    timestamp: str
    request: str = msgspec.field(name="requestId")
    model: str = msgspec.field(name="modelId")
    aws_account: str | None = msgspec.field(default=None, name="accountId")
    identity: _Identity | None = None
    operation: str = ""
    error: str | None = msgspec.field(default=None, name="errorCode")
    input: _Input | None = None
    output: _Output | None = None
    metadata: dict[str, str] | None = msgspec.field(default=None, name="requestMetadata")


_log = msgspec.json.Decoder(_Log)
STOPS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "tool_calls",
         "guardrail_intervened": "content_filter", "content_filtered": "content_filter"}  # fmt: skip
ERRORS = {"ThrottlingException": 429, "AccessDeniedException": 403, "ValidationException": 400, "ModelTimeoutException": 408}


def principal(arn: str | None) -> str | None:
    """The caller without the name of its session: an assumed role is one account however often it is assumed."""
    if not arn or ":assumed-role/" not in arn:
        return arn
    return "/".join(arn.split("/")[:2])


def _said(output: _Output) -> _Said:
    """The answer's end; a streamed answer is logged as the list of its chunks."""
    raw = bytes(output.body)
    try:
        if raw[:1] == b"[":
            chunks = msgspec.json.decode(raw, type=list[_Said])
            return next((chunk for chunk in reversed(chunks) if chunk.stop), _Said())
        return msgspec.json.decode(raw, type=_Said) if raw else _Said()
    except msgspec.MsgspecError:
        return _Said()


def read(record: bytes) -> Iterable[Request]:
    """An invocation is one request; embeddings and images are skipped where they say so."""
    log = _log.decode(record)
    known, given, answered = log.metadata or {}, log.input or _Input(), log.output or _Output()
    asked, said = body(given.body), _said(answered)
    yield Request(
        request_id=log.request,
        timestamp=log.timestamp,
        account_id=account(known.get("account_id"), principal(log.identity.arn if log.identity else None), log.aws_account),
        model=log.model,
        organization_id=log.aws_account,
        end_user_id=known.get("end_user_id") or asked.user,
        session_id=known.get("session_id"),
        messages=asked.turns,
        parameters=asked.parameters,
        usage=Usage(given.tokens, answered.tokens, given.cached),
        status=ERRORS.get(log.error, 500) if log.error else 200,
        finish_reason=STOPS.get(said.stop, said.stop) if said.stop else None,
        latency_ms=said.metrics.latency if said.metrics else None,
    )


FORMAT = Format(
    name="bedrock",
    read=read,
    marks=lambda top: top.get("schemaType") == "ModelInvocationLog",
    source="https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
)
