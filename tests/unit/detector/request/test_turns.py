"""What a request says now is told from what it says again, and nothing that a model reads is left out."""

from __future__ import annotations

import json

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Message, Parameters, Part, Request, Usage
from siphonwatch.detector.request.turns import along, stands_for, turns
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View

SYSTEM, ASKED, ANSWERED = Message("system", "S"), Message("user", "q1"), Message("assistant", "a1")
CALLED = Message("assistant", "", msgspec.Raw(b'[{"id":"c1","type":"function","function":{"name":"f","arguments":"{\\"x\\": 1}"}}]'))


@pytest.mark.parametrize(
    ("messages", "question", "beside", "before", "answers"),
    [
        ([ASKED], "q1", "", "", ""),
        ([SYSTEM, ASKED], "q1", "S", "", ""),
        ([SYSTEM, ASKED, ANSWERED, Message("user", "q2")], "q2", "S", "q1", "a1"),
        ([ASKED, Message("user", "q2")], "q2", "q1", "", ""),
        ([Message("user", "go on"), Message("assistant", "the rest of it is")], "go on", "the rest of it is", "", ""),
        ([ASKED, Message("assistant", "call"), Message("tool", "found")], "q1", "found", "", "call"),
        ([ASKED, CALLED, Message("tool", "found")], "q1", "found", '{"x": 1}', ""),
        ([ASKED, ANSWERED, Message("developer", "D"), Message("user", "q2")], "q2", "D", "q1", "a1"),
        ([Message("user", [Part("text", "what is"), Part("text", "this?")])], "what is\nthis?", "", "", ""),
    ],
)
def test_what_is_said_now_is_told_from_what_was_said_before(
    messages: list[Message], question: str, beside: str, before: str, answers: str
) -> None:
    found = turns(Request("r", 1.0, "a", "m", messages=messages))
    assert (found.question, found.beside, found.before, found.answers) == (question, beside, before, answers)


@pytest.mark.parametrize("written", [b"null", b"[]", b"{}", b'"text"', b'[{"function":null}]', b'[{"function":{"arguments":{"a":1}}}]'])
def test_calls_that_are_written_otherwise_cost_nothing_else(written: bytes) -> None:
    message = Message("assistant", "so", msgspec.Raw(written))
    assert turns(Request("r", 1.0, "a", "m", messages=[ASKED, message, Message("user", "q2")])).answers == "so"


@pytest.mark.parametrize(
    "raw", [b'{"url":"\xff\xfe and a picture"}', b'{"a":' * 400 + b'"and a picture"' + b"}" * 400, b"1" * 60, b"[[[]]]", b'"\\ud800"']
)
def test_nothing_that_a_client_puts_into_a_raw_field_stops_a_batch(raw: bytes) -> None:
    part, call = (
        Part("image_url", image_url=msgspec.Raw(raw)),
        Message("assistant", "so", msgspec.Raw(b'[{"function":{"arguments":' + raw + b"}}]")),
    )
    made = batch([Request("r", 1.0, "a", "m", messages=[Message("user", [Part("text", "look"), part]), call, ASKED])], [1000])
    assert made.text.words[0] >= 2


def test_a_picture_stands_for_itself_and_its_form_for_nothing() -> None:
    data = "data:image/png;base64," + "ab12" * 4000
    assert stands_for({"url": data, "detail": "high"}) == stands_for(data)
    assert len(stands_for(data)) < 2100
    assert stands_for({"type": "base64", "media_type": "image/png"}) == stands_for(None) == stands_for(["x"]) == ""
    part = Part("image_url", image_url=msgspec.Raw(json.dumps({"url": data}).encode()))
    found = turns(Request("r", 1.0, "a", "m", messages=[Message("user", [Part("text", "look"), part])]))
    assert found.image
    assert found.question == f"look\n{stands_for(data)}"


def test_tools_alone_do_not_make_a_log_hold_prompts() -> None:
    tools, none = msgspec.Raw(b'[{"function":{"description":"finds a thing"}}]'), msgspec.Raw(b"")
    said = [turns(Request("r", 1.0, "a", "m", messages=messages)) for messages in (None, [ASKED])]
    assert along(said, [tools, tools], [none, none]) == ["", f"[{bytes(tools).decode()}]"]
    logged = batch([Request("r", 1.0, "a", "m", parameters=Parameters(tools=tools))], [1000])
    assert logged.text.prompt.tolist() == [0]


@pytest.mark.parametrize(
    ("messages", "billed", "replies", "carried"),
    [
        ([ASKED], 900, 0, 0),
        ([ASKED, ANSWERED], 900, 0, 0),  # the beginning of what is to be answered
        ([ASKED, ANSWERED, Message("user", "q2")], 900, 1, 899),  # though the log cut the answer short
        ([ASKED, ANSWERED, Message("user", "and " * 900)], 900, 1, 0),
        ([ASKED, Message("assistant", "long " * 80), Message("user", "q2")], None, 1, 100),
        ([ASKED, CALLED, Message("tool", "found" * 80)], 400, 1, 300),  # what a tool found is no answer, what it was asked is one
        ([ASKED, CALLED, Message("tool", "found" * 80)], None, 1, 2),
    ],
)  # fmt: skip
def test_answers_before_took_what_was_billed_beyond_all_other_text(
    messages: list[Message], billed: int | None, replies: int, carried: int
) -> None:
    made = batch([Request("r", 1.0, "a", "m", messages=messages, usage=Usage(billed, 10))], [1000])
    assert (made.replies.tolist(), made.carried.tolist()) == ([replies], [carried])


def test_a_question_is_no_shorter_than_what_was_cached_of_it() -> None:
    messages = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    made = batch([Request("r", 1.0, "a", "m", messages=messages, usage=Usage(3, 7, 400))], [1000])
    assert (made.tokens_in.tolist(), made.carried.tolist()) == ([400], [400])


def new_share(requests: list[Request]) -> float:
    paid = [msgspec.structs.replace(each, usage=Usage(40, 400)) for each in requests]
    made = batch(paid, [round(float(each.timestamp) * 1000) for each in requests])
    return float(View(fold(made, np.zeros(len(requests), np.int64), 1)).once[0])


def text(at: int) -> str:
    return " ".join(f"w{at * 17 + place}" for place in range(14))


def test_a_conversation_that_is_sent_again_was_not_asked_again() -> None:
    """And to ask again is: the same words in the turns before, and as a question."""
    single, chained, again = [], [], []
    for at in range(60):
        before = [turn for back in range(max(at - 4, 0), at) for turn in (Message("user", text(back)), Message("assistant", "done"))]
        single.append(Request(f"r{at}", 60.0 * at, "a", "m", messages=[Message("user", text(at))]))
        chained.append(Request(f"r{at}", 60.0 * at, "a", "m", messages=[*before, Message("user", text(at))]))
        again.append(Request(f"r{at}", 60.0 * at, "a", "m", messages=[Message("user", text(at // 5))]))
    assert new_share(chained) >= new_share(single) - 0.05
    assert new_share(again) < 0.3 < 0.9 < new_share(single)
