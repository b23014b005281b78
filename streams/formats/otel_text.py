"""The text of one span: what was asked and answered, as attributes (whole, in JSON, or numbered) or as events."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Message
from siphonwatch.streams.formats.answers import Answer, answer, finish
from siphonwatch.streams.formats.body import body
from siphonwatch.streams.formats.lenient import NOT_JSON, Reading
from siphonwatch.streams.formats.turns import turns_of

Attributes = dict[str, Any]
PROMPTS = (
    "gen_ai.input.messages", "ai.prompt.messages", "gen_ai.prompt_json", "gen_ai.prompt", "gen_ai.request.messages", "llm.prompts",
    "ai.prompt", "langfuse.observation.input", "gen_ai.content.prompt", "input.value",
)  # fmt: skip
ANSWERS = (
    "gen_ai.output.messages", "gen_ai.completion_json", "gen_ai.completion", "ai.response.text", "langfuse.observation.output",
    "gen_ai.content.completion", "output.value",
)  # fmt: skip
PROSE = ("gen_ai.prompt", "input.value", "ai.prompt", "langfuse.observation.input", "llm.prompts")  # which may be a text as it is


@dataclass(frozen=True, slots=True)
class Call:
    """One span or event as found."""

    name: str
    stamp: int  # nanoseconds
    known: Attributes
    resource: Attributes
    events: list[tuple[str, Attributes]]
    failed: bool
    latency_ms: float | None


def turns(call: Call, reading: Reading) -> list[Message] | None:
    """What was asked; ``None`` where the span does not hold it."""
    known = call.known
    system = parsed(known.get("gen_ai.system_instructions") or known.get("gen_ai.system.instructions"))
    found = turns_of({"role": "system", "content": system}, reading, "system") if system else []
    if any(key.startswith(("gen_ai.prompt.", "llm.prompts.", "llm.input_messages.")) for key in known):
        return [*found, *turns_of(_indexed(known, "gen_ai.prompt", "llm.prompts", "llm.input_messages"), reading)] or None
    for name in PROMPTS:
        given = known.get(name)
        if given in (None, "", [], {}):
            continue
        said = _said(name, given, reading)
        if said:
            return [*found, *said]
    return [*found, *turns_of(list(_of_events(call.events)), reading)] or None


def _said(name: str, given: Any, reading: Reading) -> list[Message]:
    """Turns that an attribute holds as they are, or as JSON in a string: a list of them, or a whole body."""
    held = parsed(given)
    if isinstance(held, str):
        if (name not in PROSE and name != "gen_ai.content.prompt") or held.lstrip()[:1] in ("{", "["):
            reading.note("messages", NOT_JSON)
            return []
        return turns_of(held, reading)
    if isinstance(held, dict):
        if "role" in held or "parts" in held:
            return turns_of(held, reading)
        asked = body(held, reading).turns(reading)
        if asked is None and held and name != "input.value":
            reading.note("messages", "no question in it")
        return asked or []
    return turns_of(held, reading) if isinstance(held, list) else []


def _indexed(known: Attributes, *prefixes: str) -> list[Any]:
    """Attributes with a number in their names (``gen_ai.prompt.0.role``) as a list of turns."""
    tree: dict[int, dict[str, Any]] = {}
    for key, value in known.items():
        prefix = next((prefix for prefix in prefixes if key.startswith(prefix + ".")), None)
        if prefix is None:
            continue
        place, _, rest = key[len(prefix) + 1 :].partition(".")
        if place.isdecimal() and len(place) < 7:
            tree.setdefault(int(place), {})[rest.removeprefix("message.").removeprefix("prompt.")] = value
    return [_indexed_turn(tree[at]) for at in sorted(tree)]


def _indexed_turn(held: dict[str, Any]) -> dict[str, Any]:
    content: Any = _parsed_list(held.get("content", held.get("text")))
    contents = sorted(
        (int(place), key) for key in held if key.startswith("contents.") and (place := key.split(".")[1]).isdecimal() and len(place) < 7
    )
    if content is None and contents:
        parts: dict[int, dict[str, Any]] = {}
        for number_of, key in contents:
            parts.setdefault(number_of, {})[key.rpartition(".")[2]] = held[key]
        content = [part if "text" in part else {"type": part.get("type", "image")} for _, part in sorted(parts.items())]
    return {"role": held.get("role") or "user", "content": content, "type": "message"}


def _parsed_list(value: Any) -> Any:
    """A turn's parts, which OpenLLMetry writes as JSON in a string; any other text stays text."""
    held = parsed(value)
    return held if isinstance(held, list) and held and isinstance(held[0], dict) and ("type" in held[0] or "text" in held[0]) else value


def _of_events(events: Iterable[tuple[str, Attributes]]) -> Iterable[dict[str, Any]]:
    """Turns from a span's message events (version 1.36 and before): ``gen_ai.user.message`` with its ``content``."""
    for name, held in events:
        if name.startswith("gen_ai.") and name.endswith(".message") and held.get("content"):
            yield {"role": held.get("role") or name.split(".")[1], "content": _parsed_list(held["content"])}


def answered(call: Call, reading: Reading) -> Answer:
    """What was answered, as far as the span holds it."""
    known = call.known
    if any(key.startswith(("gen_ai.completion.", "llm.completions.", "llm.output_messages.")) for key in known):
        texts = [
            each["content"]
            for each in _indexed(known, "gen_ai.completion", "llm.completions", "llm.output_messages")
            if isinstance(each["content"], str)
        ]
        return Answer(text="\n".join(texts) or None)
    for name in ANSWERS:
        given = parsed(known.get(name))
        if given in (None, "", [], {}):
            continue
        if isinstance(given, list):
            turns = turns_of(given, Reading("otel"))
            texts = [
                part.text
                for turn in turns
                for part in (turn.content if isinstance(turn.content, list) else [])
                if part.text and part.type == "text"
            ]
            texts += [turn.content for turn in turns if isinstance(turn.content, str) and turn.content]
            ends = [each.get("finish_reason") for each in given if isinstance(each, dict)]
            if texts:
                return Answer(text="\n".join(texts), finish=finish(next((one for one in ends if one), None)))
        found = answer(given, reading)
        if found.text:
            return found
    for name, held in call.events:
        if name == "gen_ai.choice":
            message = parsed(held.get("message"))
            found = answer(message if isinstance(message, dict) else held.get("content"), reading)
            return Answer(text=found.text, finish=finish(held.get("finish_reason")))
    return Answer()


def parsed(value: Any) -> Any:
    """JSON that was written as a string; anything else as it is."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return value
    return value
