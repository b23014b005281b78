"""Azure.

Diagnostic logs of Azure OpenAI (RequestResponse) and of API Management's AI gateway (GatewayLlmLogs), as an Event Hub or storage delivers
them.

Field names: https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference,
https://learn.microsoft.com/azure/azure-monitor/reference/supported-logs/microsoft-cognitiveservices-accounts-logs and
https://learn.microsoft.com/azure/azure-monitor/reference/tables/apimanagementgatewayllmlog, read 2026-11-24. A record holds ``{"records":
[...]}`` or one of them; rows of a Log Analytics export have the same names in capitals. The account is the caller's object id or API
Management's subscription, or the address (masked in its last part) where callers use keys. The RequestResponse log holds no tokens,
prompts, parameters or end users: lengths in bytes stand in for tokens at four bytes each. GatewayLlmLogs hold tokens and text. Neither
holds limits.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from siphonwatch.detector.request.columns import BYTES_A_TOKEN
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer
from siphonwatch.streams.formats.base import Format, Found, Skip, account
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, Reader, Reading

LLM = ("GatewayLlmLogs", "ApiManagementGatewayLlmLog")
LOOKED_FOR = "properties.objectId, apimSubscriptionId, userId and callerIpAddress"


class _Properties(msgspec.Struct):
    model: str | None = msgspec.field(default=None, name="modelName")
    deployment: str | None = msgspec.field(default=None, name="modelDeploymentName")
    deployment_llm: str | None = msgspec.field(default=None, name="deploymentName")
    object: str | None = msgspec.field(default=None, name="objectId")
    subscription: str | None = msgspec.field(default=None, name="apimSubscriptionId")
    subscription_other: str | None = msgspec.field(default=None, name="subscriptionId")
    user: str | None = msgspec.field(default=None, name="userId")
    request_id: str | None = msgspec.field(default=None, name="requestId")
    asked: int | None = msgspec.field(default=None, name="requestLength")
    answered: int | None = msgspec.field(default=None, name="responseLength")
    tokens_in: int | None = msgspec.field(default=None, name="promptTokens")
    tokens_out: int | None = msgspec.field(default=None, name="completionTokens")
    sequence: int | None = msgspec.field(default=None, name="sequenceNumber")
    turns: Any = msgspec.field(default=None, name="requestMessages")
    answers: Any = msgspec.field(default=None, name="responseMessages")
    request: Any = msgspec.field(default=None, name="backend_request_body")
    request_newer: Any = msgspec.field(default=None, name="requestBody")
    response: Any = msgspec.field(default=None, name="backend_response_body")


class _Record(msgspec.Struct):
    time: str | float | None = None
    generated: str | None = msgspec.field(default=None, name="TimeGenerated")
    category: str | None = None
    kind: str | None = msgspec.field(default=None, name="Type")
    operation: str | None = msgspec.field(default=None, name="operationName")
    correlation: str | None = msgspec.field(default=None, name="correlationId")
    resource: str | None = msgspec.field(default=None, name="resourceId")
    address: str | None = msgspec.field(default=None, name="callerIpAddress")
    address_older: str | None = msgspec.field(default=None, name="callerIPAddress")
    status: str | int | None = msgspec.field(default=None, name="resultSignature")
    duration: float | None = msgspec.field(default=None, name="durationMs")
    properties: _Properties | None = None


_reader = Reader(_Record)


def _lowered(value: dict[str, Any]) -> dict[str, Any]:
    """A row of Log Analytics, flat and in capitals, as a diagnostic record."""
    low = {name[:1].lower() + name[1:]: each for name, each in value.items() if name not in ("TimeGenerated", "Type")}
    return {**low, "TimeGenerated": value.get("TimeGenerated"), "Type": value.get("Type"), "properties": low}


def read(record: bytes, reading: Reading) -> Iterable[Found]:
    """Chat, completion and response calls are requests; other operations and the Audit category are not."""
    one = _reader.read(record, reading)
    if one.category is None and one.generated:
        one = _reader.convert(_lowered(msgspec.json.decode(record)), reading)
    found = one.properties or _Properties()
    if (one.category or one.kind) in LLM:
        if found.sequence:
            return (Skip("later parts of a long record"),)
    elif one.category != "RequestResponse":
        return (Skip("files, models and settings" if one.category == "Audit" else "other logs"),)
    elif kind := other((one.operation or "").replace("_Create", "").replace("_", "/")):
        return (Skip(kind),)
    said = answer(found.answers or found.response, reading, "responseMessages")
    return (Skip(said.other),) if said.other else (_request(one, found, said, reading),)


def _request(one: _Record, found: _Properties, said: Any, reading: Reading) -> Request:
    stamp = one.time or one.generated
    if stamp is None:
        raise MissingError("the record names no time")
    address = one.address or one.address_older
    asked = body(found.turns or found.request or found.request_newer, reading)
    counted = found.tokens_in is not None or found.tokens_out is not None
    return assemble.request(
        reading,
        request_id=one.correlation or found.request_id or f"{one.resource}:{stamp}",
        timestamp=stamp,
        account_id=account(found.object, found.subscription, found.subscription_other, found.user, address=address, looked_for=LOOKED_FOR),
        model=found.deployment or found.deployment_llm or found.model or asked.model or "unknown",
        body=asked,
        answer=said,
        organization_id=one.resource,
        source_ip=address if address and "*" not in address else None,
        usage=Usage(found.tokens_in, found.tokens_out)
        if counted
        else Usage((found.asked or 0) // BYTES_A_TOKEN, (found.answered or 0) // BYTES_A_TOKEN),
        status=int(code) if (code := str(one.status or "")).isdecimal() else 200,
        latency_ms=one.duration,
    )


FORMAT = Format(
    name="azure",
    read=read,
    marks=lambda top: ("category" in top and "operationName" in top) or top.get("Type") == "ApiManagementGatewayLlmLog",
    source="https://learn.microsoft.com/azure/ai-services/openai/monitor-openai-reference, read 2026-11-24",
    cannot_know=("user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm"),
    title="Azure OpenAI diagnostic log; API Management's GatewayLlmLogs",
    account="caller's object id, else API Management subscription, address",
)
