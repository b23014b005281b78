"""What stands in one span, in the words of each dialect that instrumentations and gateways write.

- The GenAI conventions, https://opentelemetry.io/docs/specs/semconv/gen-ai/ (read 2026-11-24), with those of version 1.36 and before;
- OpenLLMetry's indexed attributes (``gen_ai.prompt.1.content``, ``llm.request.type``), https://www.traceloop.com/docs/openllmetry;
- OpenInference (``llm.input_messages.0.message.content``), https://arize-ai.github.io/openinference/spec/, also written by Envoy AI
  Gateway;
- Cloudflare AI Gateway (``gen_ai.prompt_json``), OpenRouter's broadcast, Portkey, Kong: the GenAI conventions with names of their own for
  the text;
- Vercel's AI SDK (``ai.prompt.messages``), Langfuse (``langfuse.observation.input``).

Numbers may be written as strings in all of them.
"""

from __future__ import annotations

import re

import msgspec
from siphonwatch.detector.request.request import ABSENT, Parameters, Request, Usage
from siphonwatch.streams.formats.answers import count, finish
from siphonwatch.streams.formats.base import ACCOUNT_KEYS, account, named
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import MissingError, OddError, Reading, number, truth
from siphonwatch.streams.formats.otel_text import Attributes, Call, answered, parsed, turns

STATUS_OF_ERROR = {"RateLimitError": 429, "AuthenticationError": 401, "PermissionDeniedError": 403, "BadRequestError": 400, "timeout": 408}

MODEL = (
    "gen_ai.request.model", "gen_ai.response.model", "llm.model_name", "llm.request.model", "llm.response.model", "ai.model.id",
    "langfuse.observation.model.name", "gen_ai.model.id", "model",
)  # fmt: skip
ACCOUNTS = ("siphonwatch.account", "enduser.id", "user.id")
ACCOUNTS_OF_DIALECTS = (
    "gen_ai.user.id", "gen_ai.user", "traceloop.association.properties.user_id", "langfuse.user.id", "langfuse.trace.user_id",
    "ai.telemetry.metadata.userId",
    "trace.metadata.user_id", "metadata.user_id", "user_id", "x-account-id", "openrouter.user_id",
)  # fmt: skip
SESSION = (
    "gen_ai.conversation.id", "session.id", "traceloop.association.properties.session_id", "langfuse.session.id",
    "langfuse.trace.session_id", "ai.telemetry.metadata.sessionId", "thread.id",
)  # fmt: skip
IN = (
    "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens", "llm.token_count.prompt", "llm.usage.prompt_tokens",
    "ai.usage.promptTokens", "ai.usage.inputTokens",
)  # fmt: skip
OUT = (
    "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens", "llm.token_count.completion", "llm.usage.completion_tokens",
    "ai.usage.completionTokens", "ai.usage.outputTokens",
)  # fmt: skip
CACHED = (
    "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens", "gen_ai.usage.input_tokens.cached",
    "gen_ai.usage.cached_input_tokens", "llm.token_count.prompt_details.cache_read", "llm.usage.cache_read_input_tokens",
    "ai.usage.cachedInputTokens", "gen_ai.usage.prompt_tokens_details.cached_tokens",
)  # fmt: skip


def other_than_question(known: Attributes, name: str) -> str | None:
    """What else than a question a span stands for, ``None`` for a question."""
    kind = _first(known, "openinference.span.kind")
    if kind:
        return None if kind.upper() == "LLM" else other(kind) or "other spans"
    operation = _first(known, "gen_ai.operation.name", "llm.request.type")
    if operation:
        if (found := other(operation)) is not None:
            return found
        return None if _model(known) or operation.lower() in KNOWN_OPERATIONS else "other spans"
    if kind := _first(known, "traceloop.span.kind"):
        return None if kind.lower() == "llm" else "agents"
    if operation := _first(known, "ai.operationId", "operation.name"):
        words = operation.split(" ")[0].split(".")
        if words[0] == "ai":
            return None if words[-1] in ("doGenerate", "doStream") else other(operation) or "agents"
    if kind := _first(known, "langfuse.observation.type"):
        return None if kind.lower() == "generation" else other(kind) or "other spans"
    if kind := other(name.split(" ", maxsplit=1)[0]):
        return kind
    billed = any(key in known for key in (*IN, *OUT)) and (_model(known) or "gen_ai.request.id" in known)
    return None if billed or "gen_ai.system" in known or "gen_ai.provider.name" in known else "other spans"


KNOWN_OPERATIONS = ("chat", "text_completion", "generate_content", "completion", "responses", "messages", "converse")


def request(call: Call, reading: Reading) -> Request:
    """The request that a span tells of."""
    known, resource = call.known, call.resource
    said = answered(call, reading)
    model = _model(known) or said.model
    if not model:
        raise MissingError("the span names no model: gen_ai.request.model is needed")
    address = _first(known, "client.address", "network.peer.address", "net.peer.ip")
    reasons = known.get("gen_ai.response.finish_reasons")
    reasons = parsed(reasons)
    names = [_first(known, key) or _first(resource, key) for key in ACCOUNTS]
    names += [
        *named(known, (), reading),
        *(_first(known, key) for key in ACCOUNTS_OF_DIALECTS),
        *named(known, ACCOUNT_KEYS, reading),
        *named(_metadata(known), ACCOUNT_KEYS, reading),
    ]
    end_user = _first(known, "enduser.id", "user.id") if names[0] else None
    return Request(
        request_id=call.name,
        timestamp=call.stamp / 1e9,
        account_id=account(
            *names, _first(resource, "service.name"), address=address, looked_for=", ".join((*ACCOUNTS, "service.name", "client.address"))
        ),
        model=model,
        end_user_id=end_user,
        session_id=_first(known, *SESSION),
        source_ip=address,
        user_agent=_first(known, "user_agent.original", "http.user_agent"),
        messages=turns(call, reading),
        parameters=_parameters(known, reading),
        usage=Usage(_count(known, *IN), _count(known, *OUT), _count(known, *CACHED)),
        status=_status(known, call.failed),
        finish_reason=finish(reasons[0] if isinstance(reasons, list) and reasons else reasons)
        or finish(
            _first(
                known, "gen_ai.completion.0.finish_reason", "ai.response.finishReason", "llm.finish_reason", "gen_ai.response.finish_reason"
            )
        )
        or said.finish,
        latency_ms=call.latency_ms,
        response=said.text,
    )


def _model(known: Attributes) -> str | None:
    return _first(known, *MODEL[:-1])


def _first(known: Attributes, *names: str) -> str | None:
    for name in names:
        value = known.get(name)
        if value is not None and not isinstance(value, list | dict | bool) and str(value).strip():
            return str(value)
    return None


def _count(known: Attributes, *names: str) -> int | None:
    return next((found for name in names if (found := count(known.get(name))) is not None), None)


def _number(known: Attributes, *names: str) -> float | None:
    for name in names:
        try:
            if known.get(name) is not None:
                return number(known[name])
        except OddError:
            continue
    return None


def _parameters(known: Attributes, reading: Reading) -> Parameters:
    held = _first(known, "llm.invocation_parameters", "langfuse.observation.model.parameters", "gen_ai.request.parameters")
    made = body(held, reading).parameters if held and held.lstrip()[:1] == "{" else Parameters()
    given = Parameters(
        temperature=_number(known, "gen_ai.request.temperature", "llm.temperature", "ai.settings.temperature"),
        top_p=_number(known, "gen_ai.request.top_p", "llm.top_p", "ai.settings.topP"),
        max_tokens=_count(
            known, "gen_ai.request.max_tokens", "llm.request.max_tokens", "ai.settings.maxTokens", "ai.settings.maxOutputTokens"
        ),
        n=_count(known, "gen_ai.request.choice.count", "gen_ai.request.n"),
        seed=_count(known, "gen_ai.request.seed", "gen_ai.openai.request.seed"),
    )
    for name in ("temperature", "top_p", "max_tokens", "n", "seed"):
        if getattr(given, name) is not None:
            setattr(made, name, getattr(given, name))
    output = _first(known, "gen_ai.output.type", "gen_ai.openai.request.response_format")
    if output and "json" in output:
        made.response_format = msgspec.Raw(msgspec.json.encode(output))
    tools = [
        f"{value}"
        for key, value in known.items()
        if value and (key in ("gen_ai.tool.definitions", "ai.prompt.tools") or key.startswith(("llm.tools.", "llm.request.functions.")))
    ]
    if tools:
        made.tools = msgspec.Raw(msgspec.json.encode(tools))
    made.tools = made.tools if bytes(made.tools) else ABSENT
    for name in ("gen_ai.request.stream", "llm.is_streaming", "gen_ai.is_streaming"):
        try:
            made.stream = truth(known[name]) if name in known else made.stream
        except OddError:
            reading.note("stream", "wrong type")
    return made


def _status(known: Attributes, failed: bool) -> int:
    code = _count(known, "http.response.status_code", "http.status_code", "response_code")
    if code:
        return code
    if not failed:
        return 200
    words = re.findall(r"\w+", str(known.get("error.type", "")))  # 429, RateLimitError, or <class 'openai.RateLimitError'>
    kind = words[-1] if words else ""
    return int(kind) if kind.isdecimal() and len(kind) == 3 else STATUS_OF_ERROR.get(kind, 500)


def _metadata(known: Attributes) -> dict[str, object] | None:
    """OpenInference's ``metadata``: JSON in a string."""
    held = parsed(known.get("metadata"))
    return held if isinstance(held, dict) else None
