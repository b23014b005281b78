"""What a model answered, where a log has it: text, why it ended, and the tokens, in the shapes of all the APIs.

Whole or as streamed chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Usage
from siphonwatch.streams.formats.kinds import other_answer
from siphonwatch.streams.formats.lenient import NOT_JSON, OddError, Reading, integer, loads
from siphonwatch.streams.formats.turns import PLACEHOLDERS, text_of

STOPS = {
    "end_turn": "stop", "stop_sequence": "stop", "eos": "stop", "eos_token": "stop", "complete": "stop", "completed": "stop",
    "finish": "stop",
    "finished": "stop", "endoftext": "stop", "stop": "stop", "end": "stop",
    "max_tokens": "length", "length": "length", "max_output_tokens": "length", "max_new_tokens": "length", "model_length": "length",
    "model_context_window_exceeded": "length", "max_completion_tokens": "length",
    "tool_use": "tool_calls", "tool_call": "tool_calls", "tool_calls": "tool_calls", "function_call": "tool_calls",
    "requires_action": "tool_calls",
    "guardrail_intervened": "content_filter", "content_filtered": "content_filter", "content_filter": "content_filter",
    "safety": "content_filter",
    "refusal": "content_filter", "recitation": "content_filter", "blocklist": "content_filter", "prohibited_content": "content_filter",
    "spii": "content_filter",
    "error_toxic": "content_filter", "filtered": "content_filter",
}  # fmt: skip
ENDS = ("finish_reason", "finishReason", "stop_reason", "stopReason", "completionReason", "native_finish_reason", "done_reason")
IN = (
    "prompt_tokens", "input_tokens", "promptTokenCount", "inputTokens", "prompt_token", "inputTokenCount", "prompt_eval_count",
    "promptTokens", "inputTextTokenCount", "prompt_token_count",
)  # fmt: skip
OUT = (
    "completion_tokens", "output_tokens", "candidatesTokenCount", "outputTokens", "completion_token", "outputTokenCount", "eval_count",
    "completionTokens", "generation_token_count", "tokenCount",
)  # fmt: skip
CACHED = (
    "cached_tokens", "cache_read_input_tokens", "cachedContentTokenCount", "cacheReadInputTokens", "cacheReadInputTokenCount",
    "prompt_cache_hit_tokens", "cache_read_input_token_count",
)  # fmt: skip
# What is counted beside the question's own tokens and not among them, in the words of the APIs that do so (Anthropic's and Bedrock's).
APART = {
    "input_tokens": ("cache_read_input_tokens", "cache_creation_input_tokens"),
    "inputTokens": ("cacheReadInputTokens", "cacheWriteInputTokens"),
    "inputTokenCount": ("cacheReadInputTokenCount", "cacheWriteInputTokenCount"),
}
DETAILS = ("prompt_tokens_details", "input_tokens_details", "prompt_token_details", "prompt_details")

PROSE = (
    "output", "message", "content", "text", "generation", "completion", "outputText", "output_text", "response", "delta",
    "generated_text", "contentBlockDelta", "answer", "data",
)  # fmt: skip


@dataclass(slots=True)
class Answer:
    """An answer as far as the log has it."""

    text: str | None = None
    finish: str | None = None
    usage: Usage | None = None
    model: str | None = None
    other: str | None = None  # what else than an answer to a question this is
    latency_ms: float | None = None


def finish(reason: Any) -> str | None:
    """Why an answer ended, in OpenAI's words; what is unknown as it is, if it is short."""
    if isinstance(reason, dict):
        reason = reason.get("type") or reason.get("reason")
    if not isinstance(reason, str) or not reason or len(reason) > 64:
        return None
    return STOPS.get(reason.lower(), reason.lower())


def count(value: Any) -> int | None:
    """A count of tokens that may be a number or digits; ``None`` where it is neither."""
    try:
        return None if value in (None, "", "-") else max(integer(value), 0)
    except OddError:
        return None


def usage_of(value: Any) -> Usage | None:
    """Tokens in any API's words; the question's with those that came from a cache or went into one, however the API counts them."""
    if not isinstance(value, dict):
        return None

    def first(names: tuple[str, ...], held: dict[str, Any]) -> int | None:
        return next((found for name in names if (found := count(held.get(name))) is not None), None)

    nested: dict[str, Any] = next((value[name] for name in DETAILS if isinstance(value.get(name), dict)), {})
    made = Usage(None, first(OUT, value), first(CACHED, value) or first(CACHED, nested))
    asked = next((name for name in IN if count(value.get(name)) is not None), None)
    if asked:
        made.prompt_tokens = sum(count(value.get(name)) or 0 for name in (asked, *APART.get(asked, ())))
    thought = count(value.get("thoughtsTokenCount"))  # Gemini counts its thinking apart, and bills it as output
    if thought and made.completion_tokens is not None:
        made.completion_tokens += thought
    return made if (made.prompt_tokens, made.completion_tokens, made.cached_tokens) != (None, None, None) else None


def answer(value: Any, reading: Reading, field: str = "response") -> Answer:
    """What stands in an answer: JSON (also within a string), the list of a stream's chunks, or the stream as server-sent events."""
    if isinstance(value, msgspec.Raw | bytes):
        value = bytes(value)
        if not value:
            return Answer()
        try:
            value = loads(value, reading)
        except (ValueError, RecursionError):
            value = value.decode("utf-8", "replace")
    if isinstance(value, str):
        if value.strip().lower() in PLACEHOLDERS or not value.strip():
            return Answer()
        opened = _opened(value)
        if opened is None:
            if value.lstrip()[:1] in ("{", "["):
                reading.note(field, NOT_JSON)
                return Answer()
            return Answer(text=value)
        value = opened
    if isinstance(value, list):
        return _joined([_whole(each) for each in value if isinstance(each, dict)], value)
    return _whole(value) if isinstance(value, dict) else Answer()


def _opened(text: str) -> Any:
    start = text.lstrip()
    if start[:5] in ("data:", "event"):
        return [each for line in start.splitlines() if line.startswith("data:") and (each := _json(line[5:])) is not None]
    if start[:1] in ("{", "[", '"'):
        found = _json(start)
        if found is not None:
            return _opened(found) if isinstance(found, str) and found[:1] in "{[" else found
        lines = [each for line in start.splitlines() if (each := _json(line)) is not None]  # chunks line by line
        return lines or None
    return None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text.strip())
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def _joined(chunks: list[Answer], raw: list[Any]) -> Answer:
    """The chunks of a stream as one answer."""
    made = Answer(other=other_answer(raw) if len(raw) == 1 else None)
    texts = []
    for chunk in chunks:
        if chunk.text:
            texts.append(chunk.text)
        made.finish = chunk.finish or made.finish
        made.model = made.model or chunk.model
        made.latency_ms = chunk.latency_ms or made.latency_ms
        if chunk.usage:
            have = made.usage or Usage()
            made.usage = Usage(*(new if new is not None else old for new, old in zip(_numbers(chunk.usage), _numbers(have), strict=True)))
    made.text = "".join(texts) or None
    return made


def _numbers(usage: Usage) -> tuple[int | None, int | None, int | None]:
    return usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens


def _whole(value: dict[str, Any]) -> Answer:
    made = Answer(other=other_answer(value))
    held = [
        value,
        *(
            value[name]
            for name in ("response", "message", "delta", "output", "messageStop", "metadata", "message_stop", "body", "data")
            if isinstance(value.get(name), dict)
        ),
    ]
    candidates = [
        each
        for name in ("choices", "candidates", "results", "generations", "outputs", "completions")
        if isinstance(value.get(name), list)
        for each in value[name]
        if isinstance(each, dict)
    ]
    for one in [*candidates[:1], *held]:
        made.finish = made.finish or next((found for name in ENDS if (found := finish(one.get(name)))), None)
        incomplete = one.get("incomplete_details")
        if isinstance(incomplete, dict):
            made.finish = finish(incomplete.get("reason")) or made.finish
        if one.get("object") == "response" or "output" in one:
            made.finish = made.finish or ("stop" if one.get("status") == "completed" else None)
        for name in ("usage", "usageMetadata", "usage_metadata", "meta_info", "amazon-bedrock-invocationMetrics", "meta"):
            made.usage = made.usage or usage_of(one.get(name))
        if isinstance(info := one.get("meta_info"), dict):
            made.finish = made.finish or finish(info.get("finish_reason"))
        made.model = made.model or (
            one["model"] if isinstance(one.get("model"), str) else one["modelVersion"] if isinstance(one.get("modelVersion"), str) else None
        )
        if isinstance(metrics := one.get("metrics"), dict) and isinstance(latency := metrics.get("latencyMs"), int | float):
            made.latency_ms = float(latency)
    made.usage = made.usage or usage_of(value)
    made.text = "\n".join(_texts(value, candidates)) or None
    return made


def _texts(value: dict[str, Any], candidates: list[dict[str, Any]]) -> Iterator[str]:
    """The text of each choice, or of the one answer."""
    if candidates:
        for each in candidates:
            held = next(
                (each[name] for name in ("message", "delta", "text", "content", "outputText", "data") if each.get(name) is not None), None
            )
            if isinstance(held, dict):
                held = held.get("content") if held.get("content") is not None else held.get("parts") or held.get("text")
            if found := _prose(held):
                yield found
        return
    for name in PROSE:
        held = value.get(name)
        if isinstance(held, dict):
            inner: dict[str, Any] = next((each for each in (held.get("message"), held.get("delta")) if isinstance(each, dict)), held)
            held = next((inner[name] for name in ("content", "text", "output", "choices") if inner.get(name)), None)
        if found := _prose(held):
            yield found
            return


def _prose(held: Any) -> str | None:
    """Text of content: a string, or parts of which only those of prose count."""
    if isinstance(held, str):
        return held or None
    if isinstance(held, list):
        found = []
        for part in held:
            if isinstance(part, str):
                found.append(part)
            elif isinstance(part, dict) and part.get("type") not in (
                "tool_use",
                "function_call",
                "reasoning",
                "thinking",
                "redacted_thinking",
                "tool_call",
                "image",
            ):
                inner = next((part[name] for name in ("text", "content", "message") if part.get(name) is not None), None)
                if inner is not None and (
                    text := inner if isinstance(inner, str) else _prose(inner) if isinstance(inner, list) else text_of(inner)
                ):
                    found.append(text)
        return "\n".join(found) or None
    return None
