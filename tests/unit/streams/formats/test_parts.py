"""What a model reads beside words is read of every dialect: what tools are called with, pictures, and what tools are to be like."""

from __future__ import annotations

import json
from typing import Any

import pytest
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.request.turns import along, turns
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.formats.lenient import Reading
from siphonwatch.streams.formats.turns import turns_of

ASKED = "what is a lighthouse for"
DATA = "iVBORw0KGgo" * 20


def said(*items: Any) -> str:
    """All that the turns of a conversation say, as the detector reads it."""
    found = turns(Request("r", 1.0, "a", "m", messages=turns_of(list(items), Reading("native"))))
    return "\n".join([found.question, found.beside, found.before, found.answers])


@pytest.mark.parametrize(
    "call",
    [
        {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": json.dumps({"question": ASKED})}}]},
        {"role": "assistant", "function_call": {"name": "f", "arguments": json.dumps({"question": ASKED})}},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "f", "input": {"question": ASKED}}]},
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "f", "input": {"question": ASKED}}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"question": ASKED}}}]},
        {"type": "function_call", "name": "f", "call_id": "c", "arguments": json.dumps({"question": ASKED})},
    ],
)
def test_what_a_tool_is_called_with_is_read(call: dict[str, Any]) -> None:
    assert ASKED in said({"role": "user", "content": "go on"}, call, {"role": "user", "content": "and then?"})


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{DATA}"}},
        {"type": "image_url", "image_url": f"https://example.com/{DATA}.png"},
        {"type": "input_audio", "input_audio": {"data": DATA, "format": "wav"}},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
        {"image": {"format": "png", "source": {"bytes": DATA}}},
        {"inline_data": {"mime_type": "image/png", "data": DATA}},
        {"inlineData": {"mimeType": "image/png", "data": DATA}},
    ],
)
def test_a_picture_or_a_sound_stands_for_itself(part: dict[str, Any]) -> None:
    assert DATA in said({"role": "user", "content": [{"text": "look"}, part]})


def test_a_native_record_with_a_picture_is_read_in_the_quick_way_too() -> None:
    parts = [{"type": "text", "text": "look"}, {"type": "image_url", "image_url": {"url": DATA}}]
    record = {
        "request_id": "r",
        "timestamp": 1_790_000_000,
        "account_id": "a",
        "model": "m",
        "messages": [{"role": "user", "content": parts}],
    }
    for extra in ({}, {"status": [200]}):  # a status of another type takes the way for odd records
        (request,) = decoder("native").decode([json.dumps(record | extra).encode()]).requests
        assert turns(request).question == f"look\n{DATA}"


def described(name: str, record: dict[str, Any]) -> str:
    (request,) = decoder(name).decode([json.dumps(record).encode()]).requests
    assert request.parameters is not None
    return along([turns(request)], [request.parameters.tools], [request.parameters.response_format])[0]


def test_descriptions_are_read_of_a_span() -> None:
    given = {
        "gen_ai.request.model": "m", "gen_ai.operation.name": "chat", "enduser.id": "a",
        "gen_ai.input.messages": json.dumps([{"role": "user", "parts": [{"type": "text", "content": "call it"}]}]),
        "gen_ai.tool.definitions": json.dumps([{"name": "f", "description": ASKED}]),
    }  # fmt: skip
    attributes = [{"key": key, "value": {"stringValue": value}} for key, value in given.items()]
    span = {"traceId": "1" * 32, "spanId": "2" * 16, "startTimeUnixNano": "1790000000000000000", "attributes": attributes}
    assert ASKED in described("otel", {"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})
