"""What is free to say excuses nobody: changing every declared field of an account does not lower its odds."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable

import msgspec
import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.plain import READ
from siphonwatch.detector.request.request import Message, Parameters, Part, Request, Usage
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.model import Model
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.streams.common import prior

from tests.property.strategies import columns, request

BOUND = 0.6  # log-odds: what chance in the samples of an account's text may move, when text is put around its own
BOUND_OF_ANSWERS = 2.0  # ... and when it only stands in answers, of which one shingle in 64 is looked at
BOUND_OF_CHAFF = 0.3  # ... and where requests are added that take next to nothing
BOUND_OF_LISTS = 2.6  # ... and by its number, in a list that is sent again: so does who asks ten questions of each document
BOUND_OF_QUOTES = 2.4  # ... and beside earlier ones, which are in the sample as well
BOUND_OF_SEVERAL = 1.0  # ... and when several stand in one request, which are fewer prompts and fewer hours
BOUND_OF_PAGES = 1.6  # ... and when it stands in a text of a few pages, whose phrases take their room in the samples
BOUND_OF_BOOKS = 2.8  # ... and in one of which only a sample is read
MODEL = Model(prior.load())


def odds(requests: list[Request]) -> float:
    rows = fold(columns(requests), np.zeros(len(requests), dtype=np.int64), 1)
    return float(MODEL.log_odds(matrix(View(rows)), MODEL.reference.summary())[0])


many = st.lists(request(span=3 * 86_400.0), min_size=5, max_size=30)
FIELDS: dict[str, st.SearchStrategy[object]] = {
    "end_user_id": st.sampled_from([None, "u1", "u2", "u3"]),
    "session_id": st.sampled_from([None, "s1", "s2"]),
    "user_agent": st.sampled_from([None, "curl", "other/2"]),
    "organization_id": st.sampled_from([None, "o"]),
    "api_key_id": st.sampled_from([None, "k1", "k2"]),
    "request_id": st.text(max_size=4),
    "model": st.sampled_from(["m1", "m2", "m3"]),
}


@settings(max_examples=150, deadline=None)
@given(many, st.data())
def test_fields_that_nobody_pays_for_do_not_lower_the_odds(requests: list[Request], data: st.DataObject) -> None:
    changed = []
    for each in requests:
        fields = {name: data.draw(values) for name, values in FIELDS.items()}
        parameters = each.parameters or Parameters()
        temperature, room = data.draw(st.sampled_from([None, 0.0, 1.0])), data.draw(st.sampled_from([None, 1, 100, 8192]))
        fields["parameters"] = msgspec.structs.replace(parameters, temperature=temperature, max_tokens=room)
        changed.append(msgspec.structs.replace(each, **fields))
    assert odds(changed) >= odds(requests) - 1e-9


SYSTEM = "You are the assistant of a shop. Be kind, be short, and never speak of anything else than what the shop sells. " * 2
SAID = [Message("user", "Hi"), Message("assistant", "Hello!")]
# How a question may be put otherwise, for nothing: in other turns, amid other text, in what a model reads beside the turns, in a code.
WAYS: dict[str, Callable[[str], tuple[list[Message], Parameters | None]]] = {
    "under a system prompt": lambda text: ([Message("system", SYSTEM), Message("user", text)], None),
    "after invented turns": lambda text: ([*SAID, Message("user", text)], None),
    "before a constant turn": lambda text: (
        [Message("user", text), Message("assistant", "Understood."), Message("user", "Please answer.")],
        None,
    ),
    "as an answer": lambda text: ([SAID[0], Message("assistant", text), Message("user", "Answer that.")], None),
    "as the answer's beginning": lambda text: ([Message("user", "go on"), Message("assistant", text)], None),
    "amid constant text": lambda text: ([Message("user", f"{SYSTEM}{text} {SYSTEM}")], None),
    "beside tools": lambda text: ([Message("user", text)], Parameters(tools=tool(SYSTEM))),
    "in a tool's description": lambda text: ([Message("user", "Call it.")], Parameters(tools=tool(text))),
    "in a tool's parameter": lambda text: ([Message("user", "Call it.")], Parameters(tools=parameter(text))),
    "in the answer's form": lambda text: ([Message("user", "Fill it in.")], Parameters(response_format=schema(text))),
    "in a tool's arguments": lambda text: (
        [Message("user", "next"), Message("assistant", "", called(text)), Message("tool", "ok"), Message("user", "go on")],
        None,
    ),
    "in a tool's arguments, as an object": lambda text: (
        [
            Message("user", "next"),
            Message("assistant", "", called_with({"question": text})),
            Message("tool", "ok"),
            Message("user", "go on"),
        ],
        None,
    ),
    "in a function's description": lambda text: ([Message("user", "Call it.")], Parameters(functions=tool(text), tools=tool(SYSTEM))),
    "as a key of JSON": lambda text: ([Message("user", json.dumps({text: ""}))], None),
    "as a picture": lambda text: ([Message("user", [Part("text", "Answer it."), Part("image_url", image_url=picture(text))])], None),
    "as a picture beside a text": lambda text: ([Message("user", [Part("image_url", "Answer it.", image_url=picture(text))])], None),
    "in hexadecimal": lambda text: ([Message("user", text.encode().hex())], None),
    "in hexadecimal, and said": lambda text: ([Message("user", f"Decode and answer: {text.encode().hex()}")], None),
    "in binary": lambda text: ([Message("user", " ".join(f"{byte:08b}" for byte in text.encode()))], None),
    "in numbers": lambda text: ([Message("user", " ".join(map(str, text.encode())))], None),
    "in base32": lambda text: ([Message("user", base64.b32encode(text.encode()).decode())], None),
    "in entities": lambda text: ([Message("user", "".join(f"&#{ord(letter)};" for letter in text))], None),
    "in an address": lambda text: ([Message("user", "".join(f"%{byte:02x}" for byte in text.encode()))], None),
    "in escapes": lambda text: ([Message("user", "".join(f"\\u{ord(letter):04x}" for letter in text))], None),
    "spelled": lambda text: ([Message("user", "-".join(text))], None),
    "spaced": lambda text: ([Message("user", " ".join(text))], None),
}


def tool(text: str) -> msgspec.Raw:
    return msgspec.Raw(json.dumps([{"type": "function", "function": {"name": "answer", "description": text}}]).encode())


def parameter(text: str) -> msgspec.Raw:
    properties = {"answer": {"type": "object", "properties": {"to": {"type": "string", "description": text}}}}
    function = {"name": "answer", "description": "answers", "parameters": {"type": "object", "properties": properties}}
    return msgspec.Raw(json.dumps([{"type": "function", "function": function}]).encode())


def schema(text: str) -> msgspec.Raw:
    return msgspec.Raw(json.dumps({"type": "json_schema", "json_schema": {"schema": {"description": text}}}).encode())


def called(text: str) -> msgspec.Raw:
    return called_with(json.dumps({"question": text}))


def called_with(arguments: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps([{"function": {"name": "answer", "arguments": arguments}}]).encode())


def picture(text: str) -> msgspec.Raw:
    """A question drawn into a picture: other bytes for another question, and nothing that can be read."""
    drawn = np.random.Generator(np.random.PCG64(list(text.encode()))).bytes(3000)
    return msgspec.Raw(json.dumps({"url": f"data:image/png;base64,{base64.b64encode(drawn).decode()}"}).encode())


def harvested(count: int, salt: int, took: int = 400) -> list[Request]:
    """Questions of a list, one every twenty minutes, each with an answer of ``took`` tokens."""
    texts = (" ".join(f"w{(salt + at * 31 + place * 7) % 100_003}" for place in range(14)) for at in range(count))
    return [
        Request(f"r{at}", 1_790_000_000.0 + 1_200.0 * at, "a", "m", messages=[Message("user", text)], usage=Usage(40, took))
        for at, text in enumerate(texts)
    ]


def asked(request: Request) -> str:
    (question,) = request.messages or ()
    return str(question.content)


@settings(max_examples=150, deadline=None)
@given(st.integers(40, 120), st.sampled_from(sorted(WAYS)), st.integers(0, 10**6))
def test_another_way_to_put_a_question_does_not_lower_the_odds_by_more_than_the_bound(count: int, way: str, salt: int) -> None:
    plain, otherwise = harvested(count, salt), []
    for each in plain:
        messages, parameters = WAYS[way](asked(each))
        otherwise.append(msgspec.structs.replace(each, messages=messages, parameters=parameters))
    assert odds(otherwise) >= odds(plain) - (BOUND_OF_ANSWERS if way == "as an answer" else BOUND)


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 150), st.integers(1, 6), st.booleans(), st.integers(0, 12), st.integers(400, 900), st.integers(0, 10**6))
def test_own_questions_before_with_invented_answers_excuse_nobody(
    count: int, turns: int, sliding: bool, words: int, took: int, salt: int
) -> None:
    """They read as a real conversation does, but a real answer is billed again; these are a tenth as long as real ones at most."""
    plain, otherwise, talk = harvested(count, salt, took), [], list[Message]()
    for each in plain:
        question = Message("user", asked(each))
        talk = talk[-2 * turns :] if sliding or len(talk) < 2 * turns else []
        billed = Usage(40 + len(talk) * (20 + words), took)
        otherwise.append(msgspec.structs.replace(each, messages=[*talk, question], usage=billed))
        talk = [*talk, question, Message("assistant", asked(each)[:20] + " well" * words)]
    assert odds(otherwise) >= odds(plain) - BOUND


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 60), st.integers(2, 6), st.integers(300, 900), st.integers(0, 10**6))
def test_several_questions_in_one_request_are_no_fewer(count: int, questions: int, took: int, salt: int) -> None:
    plain, otherwise = harvested(count * questions, salt, took), []
    for first in range(0, count * questions, questions):
        together = plain[first : first + questions]
        text = "\n".join(f"{number}. {asked(each)}" for number, each in enumerate(together, 1))
        billed = Usage(40 * questions, took * questions)
        otherwise.append(msgspec.structs.replace(together[0], messages=[Message("user", text)], usage=billed))
    assert odds(otherwise) >= odds(plain) - BOUND_OF_SEVERAL


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 200), st.integers(10, 60), st.booleans(), st.integers(0, 10**6))
def test_what_is_asked_for_by_its_number_in_a_list_is_new_each_time(count: int, listed: int, apart: bool, salt: int) -> None:
    """A list that is sent again is cheap, as it is cached; and of a long one hardly anything is looked at."""
    plain, otherwise = harvested(count, salt), []
    texts = list(map(asked, plain))
    for at, each in enumerate(plain):
        first = at - at % listed
        tasks = "\n".join(f"{number}. {text}" for number, text in enumerate(texts[first : first + listed], 1))
        wanted = f"Do task {at - first + 1}."
        messages = [Message("system", tasks), Message("user", wanted)] if apart else [Message("user", f"{tasks}\n{wanted}")]
        otherwise.append(msgspec.structs.replace(each, messages=messages))
    assert odds(otherwise) >= odds(plain) - BOUND_OF_LISTS


@settings(max_examples=60, deadline=None)
@given(st.integers(60, 150), st.integers(200, 3 * READ), st.floats(0.0, 1.0), st.integers(0, 10**6))
def test_a_question_in_the_midst_of_a_long_text_is_as_new(count: int, length: int, place: float, salt: int) -> None:
    """Constant text around it is cheap, as far as it is cached."""
    plain, otherwise, before = harvested(count, salt), [], int(place * length)
    constant = " ".join(f"{'aeiou'[at % 5]}{at * 7919 % 5003}{'.' if at % 13 == 0 else ''}" for at in range(length // 4))[:length]
    for each in plain:
        around = f"{constant[:before]}\n{asked(each)}\n{constant[before:]}"
        otherwise.append(msgspec.structs.replace(each, messages=[Message("user", around)]))
    assert odds(otherwise) >= odds(plain) - (BOUND_OF_PAGES if length + 200 < READ else BOUND_OF_BOOKS)


@settings(max_examples=80, deadline=None)
@given(st.integers(40, 150), st.integers(1, 6), st.booleans(), st.sampled_from([0, 3, 5]), st.integers(0, 10**6))
def test_a_question_beside_own_earlier_ones_is_as_new(count: int, quoted: int, last: bool, again: int, salt: int) -> None:
    """None of its phrases comes once then; but hardly a prompt comes twice, even if every third is sent again for a short answer."""
    plain, otherwise = harvested(count, salt), []
    texts = list(map(asked, plain))
    for at, each in enumerate(plain):
        far = [(salt + at * 31 + number * 7) % max(at, 1) for number in range(min(at, quoted))]
        before = texts[max(at - quoted, 0) : at] if last else [texts[place] for place in far]
        text = "\n".join([*before, texts[at]])
        made = msgspec.structs.replace(each, messages=[Message("user", text)], usage=Usage(40 + 20 * len(before), 400))
        otherwise.append(made)
        if again and at % again == 0:
            otherwise.append(msgspec.structs.replace(made, request_id=f"{at}+", timestamp=each.timestamp + 3.0, usage=Usage(40, 130)))
    assert odds(otherwise) >= odds(plain) - BOUND_OF_QUOTES


# What may be added to each request for next to nothing: how many on the mean, and what each asks, beside the text asked before.
CHAFF: dict[str, tuple[int, Callable[[str, str], list[str]]]] = {
    "the same again": (1, lambda text, before: [text]),
    "the same three times more": (3, lambda text, before: [text] * 3),
    "what was asked before": (1, lambda text, before: [before]),
    "greetings": (4, lambda text, before: [("Hi", "ok", "thanks")[len(text) % 3]] * 4),
    "a long text again and again": (2, lambda text, before: [SYSTEM * 3] * 2),
    "a burst now and then": (15, lambda text, before: ["ok"] * (150 if len(text) % 10 == 0 else 0)),
}


@settings(max_examples=100, deadline=None)
@given(
    st.integers(60, 150), st.sampled_from(sorted(CHAFF)), st.sampled_from(["told", "refused", "hung up", "unmetered"]), st.booleans(),
    st.integers(200, 600), st.integers(0, 10**6),
)  # fmt: skip
def test_what_takes_next_to_nothing_excuses_nobody(count: int, chaff: str, end: str, plainly: bool, took: int, salt: int) -> None:
    """A question sent again for one token is no repeat, a hundred greetings are no small talk, and what is refused was not asked.

    Nor is what is hung up on or not metered, whether the harvest's own answers are told or not.
    """
    assume((chaff, end) != ("a burst now and then", "unmetered"))  # what no log tells from a busy hour: see ADR 24
    each, added = CHAFF[chaff]
    tokens = max(min(took // (8 * each), 16), 1)
    plain, beside, before = [], [], "Hi"
    for at in range(count):
        text = " ".join(f"w{(salt + at * 31 + place * 7) % 100_003}" for place in range(14 + at % 5))
        when = 1_790_000_000.0 + 1_200.0 * at
        plain.append(Request(f"r{at}", when, "a", "m", messages=[Message("user", text)], usage=Usage(40, took) if plainly else None))
        for number, said in enumerate(added(text, before)):
            used, status = {"told": (Usage(40, tokens), 200), "refused": (None, 400), "hung up": (Usage(40), 499)}.get(end, (None, 200))
            made = Request(
                f"c{at}-{number}", when + 1 + 0.7 * number, "a", "m", messages=[Message("user", said)], usage=used, status=status
            )
            beside.append(made)
        before = text
    assert odds(plain + beside) >= odds(plain) - BOUND_OF_CHAFF
