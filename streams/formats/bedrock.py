"""AWS Bedrock model invocation logs, as CloudWatch, Firehose and S3 hold them.

Field names: https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html, read 2026-11-24. The account is
``requestMetadata.account_id`` where callers set it, else the caller's ARN without its session name; behind a role of IAM Identity Center
the session is the person who signed in, and the account. Bodies over 100 KB lie in S3 of their own and are not read. Throttled calls are
not in this log. It cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer
from siphonwatch.streams.formats.base import Format, Found, Skip, account, named
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.lenient import ELSEWHERE, Reader, Reading

ERRORS = {"ThrottlingException": 429, "AccessDeniedException": 403, "ValidationException": 400, "ModelTimeoutException": 408}
SIGNED_IN = ("AWSReservedSSO_",)  # roles that only IAM Identity Center assumes: the session's name is the person's, not the caller's choice


class _Identity(msgspec.Struct):
    arn: str | None = None


class _Input(msgspec.Struct):
    body: Any = msgspec.field(default=None, name="inputBodyJson")
    path: str | None = msgspec.field(default=None, name="inputBodyS3Path")
    tokens: int | None = msgspec.field(default=None, name="inputTokenCount")
    cached: int | None = msgspec.field(default=None, name="cacheReadInputTokenCount")
    written: int | None = msgspec.field(default=None, name="cacheWriteInputTokenCount")

    @property
    def billed(self) -> int | None:
        """The question's tokens with those that a cache held, or holds now, which are counted apart."""
        return None if self.tokens is None else self.tokens + (self.cached or 0) + (self.written or 0)


class _Output(msgspec.Struct):
    body: Any = msgspec.field(default=None, name="outputBodyJson")
    path: str | None = msgspec.field(default=None, name="outputBodyS3Path")
    tokens: int | None = msgspec.field(default=None, name="outputTokenCount")


class _Log(msgspec.Struct):
    timestamp: str
    request: str | None = msgspec.field(default=None, name="requestId")
    model: str | None = msgspec.field(default=None, name="modelId")
    aws_account: str | None = msgspec.field(default=None, name="accountId")
    identity: _Identity | None = None
    operation: str = ""
    error: str | None = msgspec.field(default=None, name="errorCode")
    input: _Input | None = None
    output: _Output | None = None
    metadata: dict[str, Any] | None = msgspec.field(default=None, name="requestMetadata")


_reader = Reader(_Log)


def principal(arn: str | None) -> str | None:
    """The caller without the name of its session: an assumed role is one account however often it is assumed.

    But for a person who signed in.
    """
    if not arn or ":assumed-role/" not in arn:
        return arn
    parts = arn.split("/")
    return arn if len(parts) > 2 and parts[1].startswith(SIGNED_IN) else "/".join(parts[:2])


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """An invocation is one request, unless its answer is vectors or pictures."""
    log = _reader.read(record, reading)
    given, answered = log.input or _Input(), log.output or _Output()
    said, asked = answer(answered.body, reading), body(given.body, reading)
    if kind := said.other or ("images" if asked.picture else None):
        return (Skip(kind),)
    for name, half in (("body", given), ("response", answered)):
        if half.path and half.body is None:
            reading.note(name, ELSEWHERE)
    return (_request(log, given, answered, asked, said, reading),)


def _request(log: _Log, given: _Input, answered: _Output, asked: Any, said: Any, reading: Reading) -> Request:
    known = log.metadata or {}
    names = named(known, ("account_id", "accountId"), reading)
    user = named(known, ("end_user_id", "endUserId"), Reading("bedrock"))
    session = named(known, ("session_id",), Reading("bedrock"))
    return assemble.request(
        reading,
        request_id=log.request,
        timestamp=log.timestamp,
        account_id=account(
            *names,
            principal(log.identity.arn if log.identity else None),
            log.aws_account,
            looked_for="requestMetadata.account_id, identity.arn and accountId",
        ),
        model=log.model or asked.model or "unknown",
        body=asked,
        answer=said,
        organization_id=log.aws_account,
        end_user_id=user[0] if user else None,
        session_id=session[0] if session else None,
        usage=Usage(given.billed, answered.tokens, given.cached),
        status=ERRORS.get(log.error, 500) if log.error else 200,
    )


FORMAT = Format(
    name="bedrock",
    read=read,
    marks=lambda top: top.get("schemaType") == "ModelInvocationLog" or {"modelId", "requestId", "operation"} <= top.keys(),
    source="https://docs.aws.amazon.com/bedrock/latest/userguide/model-invocation-logging.html, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
    title="AWS Bedrock: model invocation log in CloudWatch, Firehose, S3",
    account="requestMetadata.account_id, else the caller's role, user or signed-in person",
)
