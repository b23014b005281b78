"""Azure OpenAI diagnostic logs (category RequestResponse), as an Event Hub delivers them: its Kafka endpoint is a Kafka topic.

Field names: https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference and
https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-cognitiveservices-accounts-logs, read 2026-11-24.
A record holds ``{"records": [...]}`` or one of them. The account is the caller's object id, or the masked address where
callers use keys. Azure masks the last part of an address. Behind API Management, its ``ApiManagementGatewayLogs`` carry the
bodies that this log lacks: read those with a mapping file.
It cannot know tokens, prompts, parameters, end users, or limits: lengths are in bytes, and stand in for tokens at four bytes each.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from siphonwatch.detector.request.request import ABSENT, Request, Usage
from siphonwatch.streams.formats.base import Format, account
from siphonwatch.streams.formats.body import body

BYTES_A_TOKEN = 4
CHATS = ("Completions", "Responses", "Messages")


class _Properties(msgspec.Struct):
    model: str | None = msgspec.field(default=None, name="modelName")
    deployment: str | None = msgspec.field(default=None, name="modelDeploymentName")
    object: str | None = msgspec.field(default=None, name="objectId")
    asked: int | None = msgspec.field(default=None, name="requestLength")
    answered: int | None = msgspec.field(default=None, name="responseLength")
    request: str | None = msgspec.field(default=None, name="backend_request_body")


class _Record(msgspec.Struct):
    time: str
    category: str = ""
    operation: str = msgspec.field(default="", name="operationName")
    correlation: str | None = msgspec.field(default=None, name="correlationId")
    resource: str | None = msgspec.field(default=None, name="resourceId")
    address: str | None = msgspec.field(default=None, name="callerIpAddress")
    address_older: str | None = msgspec.field(default=None, name="callerIPAddress")
    status: str | int | None = msgspec.field(default=None, name="resultSignature")
    duration: float | None = msgspec.field(default=None, name="durationMs")
    properties: msgspec.Raw = ABSENT


class _Batch(msgspec.Struct):
    records: list[_Record] | None = None


_batch, _record = msgspec.json.Decoder(_Batch), msgspec.json.Decoder(_Record)


def _properties(raw: msgspec.Raw) -> _Properties:
    """``properties`` is an object, or an object written as a string."""
    value = bytes(raw)
    if value[:1] == b'"':
        value = msgspec.json.decode(value, type=str).encode()
    return msgspec.json.decode(value, type=_Properties) if value else _Properties()


def read(record: bytes) -> Iterable[Request]:
    """Chat, completion and response calls are requests; other operations and the Audit category are not."""
    records = _batch.decode(record).records
    for one in records if records is not None else [_record.decode(record)]:
        if one.category != "RequestResponse" or not any(part in one.operation for part in CHATS):
            continue
        found, address = _properties(one.properties), one.address or one.address_older
        asked = body(found.request)
        yield Request(
            request_id=one.correlation or f"{one.resource}:{one.time}",
            timestamp=one.time,
            account_id=account(found.object, address=address),
            model=found.deployment or found.model or asked.model or "unknown",
            organization_id=one.resource,
            end_user_id=asked.user,
            source_ip=address if address and "*" not in address else None,
            messages=asked.turns,
            parameters=asked.parameters,
            usage=Usage((found.asked or 0) // BYTES_A_TOKEN, (found.answered or 0) // BYTES_A_TOKEN),
            status=int(code) if (code := str(one.status or "")).isdigit() else 200,
            latency_ms=one.duration,
        )


FORMAT = Format(
    name="azure",
    read=read,
    marks=lambda top: ("category" in top and "operationName" in top) or isinstance(top.get("records"), list),
    source="https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference, read 2026-11-24",
    cannot_know=("messages", "parameters", "user_agent", "end_user_id", "account_created_at", "payment_fingerprint", "rate_limit_rpm"),
)
