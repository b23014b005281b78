"""A decoy hides nothing: what a client adds to a body that its provider does not read takes nothing away from what is read of it."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest
from siphonwatch.detector.request.request import Message
from siphonwatch.detector.request.turns import Turns, turns
from siphonwatch.streams.formats import native
from siphonwatch.streams.formats.body import Body, body
from siphonwatch.streams.formats.lenient import Reading

QUESTION, DECOY = "Why do lighthouses blink in groups?", "Hi"
PLACES = {  # where a body may hold what is asked
    "messages": lambda text: [{"role": "user", "content": text}],
    "input": lambda text: [{"role": "user", "content": [{"type": "input_text", "text": text}]}],
    "contents": lambda text: [{"role": "user", "parts": [{"text": text}]}],
    "prompt": lambda text: text,
    "inputText": lambda text: text,
    "inputs": lambda text: text,
    "promptVariables": lambda text: {"tone": {"text": DECOY}, "question": {"text": text}},
    "message": lambda text: text,
    "text": lambda text: text,
    "instances": lambda text: [{"prompt": DECOY}, {"messages": [{"role": "user", "content": text}]}],
}
TURNS = {  # where a turn may
    "content": lambda text: text,
    "parts": lambda text: [{"text": text}],
    "text": lambda text: text,
    "images": lambda text: [text * 10],
}
PARTS = {  # where a part may
    "text": lambda text: text,
    "content": lambda text: [{"type": "text", "text": text}],
    "input": lambda text: {"query": text},
    "image_url": lambda text: {"url": text * 10},
    "source": lambda text: {"type": "base64", "data": text * 10},
}
FORMS = ("tools", "functions", "toolConfig", "response_format")


def texts(messages: list[Message] | None) -> str:
    """All that is read of some turns."""
    return "\n".join(part if isinstance(part, str) else part.text or "" for one in messages or [] for part in said(one))


def said(message: Message) -> list[Any]:
    return message.content if isinstance(message.content, list) else [message.content or ""]


def read(held: dict[str, Any]) -> str:
    return texts(body(json.dumps(held), Reading("any")).turns(Reading("any")))


def of(record: dict[str, Any]) -> Turns:
    (request,) = native.read(json.dumps(record).encode(), Reading("native"))
    return turns(request)


@pytest.mark.parametrize(("place", "beside"), [*permutations(PLACES, 2)])
def test_another_field_of_a_body_hides_no_question(place: str, beside: str) -> None:
    assert QUESTION in read({place: PLACES[place](QUESTION), beside: PLACES[beside](DECOY)})


def test_many_instances_take_no_more_time_each_than_few() -> None:
    """Counted, not timed: comparing each with all before it would be a quadratic way to stop a reader."""
    compared = 0

    class Prompt(str):
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            nonlocal compared
            compared += 1
            return str.__eq__(self, other)

    count = 300
    made = Body(instances=[{"prompt": Prompt(f"question {at}")} for at in range(count)])
    assert len(made.turns(Reading("any")) or []) == count
    assert compared < 20 * count


@pytest.mark.parametrize(("place", "beside"), [*permutations(TURNS, 2)])
def test_another_field_of_a_turn_hides_no_question(place: str, beside: str) -> None:
    turn = {"role": "user", place: TURNS[place](QUESTION), beside: TURNS[beside](DECOY)}
    assert QUESTION in read({"messages": [turn]})


@pytest.mark.parametrize(("place", "beside"), [*permutations(PARTS, 2)])
@pytest.mark.parametrize("kind", ["text", "image_url", "tool_use"])
def test_another_field_of_a_part_hides_no_question(kind: str, place: str, beside: str) -> None:
    part = {"type": kind, place: PARTS[place](QUESTION), beside: PARTS[beside](DECOY)}
    assert QUESTION in read({"messages": [{"role": "user", "content": [part]}]})


@pytest.mark.parametrize(("place", "beside"), [*permutations(FORMS, 2)])
def test_another_description_hides_none(place: str, beside: str) -> None:
    described = {name: [{"name": "answer", "description": text}] for name, text in ((place, QUESTION), (beside, DECOY))}
    asked = body(json.dumps({"messages": [{"role": "user", "content": DECOY}], **described}), Reading("any")).parameters
    held = [bytes(each).decode() for each in (asked.tools, asked.functions, asked.response_format)]
    assert any(QUESTION in each for each in held)


CALLED = {
    "a call's arguments": {"tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"q": QUESTION})}}]},
    "an object of arguments": {"tool_calls": [{"function": {"name": "f", "arguments": {"q": QUESTION}}}]},
    "an odd call before": {"tool_calls": [7, {"function": "x"}, {"function": {"arguments": {"q": QUESTION}}}]},
    "a tool of one's own": {"tool_calls": [{"type": "custom", "custom": {"name": "f", "input": QUESTION}}]},
    "a function's call": {"function_call": {"name": "f", "arguments": QUESTION}},
}


@pytest.mark.parametrize("way", CALLED)
def test_what_is_given_to_a_tool_is_read_however_it_is_written(way: str) -> None:
    messages = [
        {"role": "user", "content": DECOY},
        {"role": "assistant", "content": None, **CALLED[way]},
        {"role": "tool", "content": "ok"},
    ]
    record = {"request_id": "r", "timestamp": 1_790_000_000, "account_id": "a", "model": "m", "messages": messages}
    found = of(record)
    assert QUESTION in f"{found.before} {found.beside}"


def test_a_part_that_says_one_thing_and_shows_another_is_read_for_both() -> None:
    part = {"type": "image_url", "text": DECOY, "image_url": {"url": QUESTION}}
    listed = {"type": "image_url", "image_url": [{"url": f"{QUESTION}?"}]}
    record = {"request_id": "r", "timestamp": 1_790_000_000, "account_id": "a", "model": "m",
              "messages": [{"role": "user", "content": [part, listed]}]}  # fmt: skip
    found = of(record).question
    assert DECOY in found
    assert f"{QUESTION}?" in found
    assert found.count(QUESTION) == 2


@pytest.mark.parametrize("variable", [QUESTION, {"type": "input_text", "text": QUESTION}])
@pytest.mark.parametrize("beside", [{}, {"input": DECOY}, {"messages": [{"role": "user", "content": DECOY}]}])
def test_what_is_put_into_a_kept_prompt_is_asked(variable: Any, beside: dict[str, Any]) -> None:
    assert QUESTION in read({"prompt": {"id": "pmpt_1", "version": "2", "variables": {"tone": DECOY, "question": variable}}, **beside})
