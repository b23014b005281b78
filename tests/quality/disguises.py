"""Free evasions: what a harvester can declare, prepend or wrap at no cost, applied to all harvesters of a stream."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable, Mapping, Sequence

import msgspec
from siphonwatch.detector.request.request import Message, Parameters, Part, Request
from siphonwatch.detector.simulate import Label

Disguise = Callable[[Request, random.Random], dict[str, object]]

_FILLER = "You are part of a long-running service. Answer as well as you can, keep to the point, and do not repeat what was asked. "
_SMALL = ("Hi", "Hello!", "Thanks a lot", "ok", "good morning", "one more thing")
_AGENTS = tuple(f"client-{number}/{number % 4}.{number % 7}" for number in range(40))


def _text(message: Message) -> str:
    content = message.content
    return content if isinstance(content, str) else "\n".join(part.text or "" for part in content or ())


def _split(request: Request) -> tuple[list[Message], str]:
    messages = list(request.messages or [Message("user", request.prompt if isinstance(request.prompt, str) else "")])
    last = max((at for at, message in enumerate(messages) if message.role == "user"), default=len(messages) - 1)
    return [message for at, message in enumerate(messages) if at != last], _text(messages[last])


def _messages(change: Callable[[list[Message], str, random.Random], list[Message]]) -> Disguise:
    def disguise(request: Request, rng: random.Random) -> dict[str, object]:
        before, question = _split(request)
        return {"messages": change(before, question, rng), "prompt": None}

    return disguise


def _wrapped(wrap: Callable[[str], str]) -> Disguise:
    return _messages(lambda before, question, _: [*before, Message("user", wrap(question))])


def _user(text: str) -> Message:
    return Message("user", text)


def _parameters(**changes: object) -> Disguise:
    def disguise(request: Request, rng: random.Random) -> dict[str, object]:
        return {"parameters": msgspec.structs.replace(request.parameters or Parameters(), **changes)}

    return disguise


def _sampling(request: Request, rng: random.Random) -> dict[str, object]:
    changes = {"temperature": round(rng.random(), 2), "max_tokens": rng.choice((300, 700, 1500, 3000))}
    return {"parameters": msgspec.structs.replace(request.parameters or Parameters(), **changes)}


def _words(rng: random.Random) -> str:
    return " ".join(f"{rng.getrandbits(30):x}" for _ in range(8))


def _zipf(rng: random.Random) -> int:
    return min(int(rng.paretovariate(1.0)), 200)


DISGUISES: dict[str, tuple[Disguise, ...]] = {
    "end user constant": (lambda request, rng: {"end_user_id": "u1"},),
    "end users random": (lambda request, rng: {"end_user_id": f"u{rng.getrandbits(32)}"},),
    "end users Zipf": (lambda request, rng: {"end_user_id": f"u{_zipf(rng)}", "session_id": f"s{_zipf(rng)}"},),
    "invented turns, short": (
        _messages(lambda before, question, rng: [_user(rng.choice(_SMALL)), Message("assistant", "Hello!"), *before, _user(question)]),
    ),
    "invented turns, long": (
        _messages(
            lambda before, question, rng: [
                _user(_FILLER * 2 + str(rng.randrange(50))),
                Message("assistant", _FILLER * 3),
                *before,
                _user(question),
            ]
        ),
    ),
    "constant last turn": (
        _messages(lambda before, question, _: [*before, _user(question), Message("assistant", "Understood."), _user("Please answer.")]),
    ),
    "question in the system prompt": (
        _messages(lambda before, question, _: [*before, Message("system", question), _user("Follow the instructions.")]),
    ),
    "question in parts": (
        _messages(
            lambda before, question, _: [
                *before,
                Message("user", [Part("text", "Here it is."), Part("text", question), Part("text", "Thank you.")]),
            ]
        ),
    ),
    "question in a tool's result": (
        _messages(lambda before, question, _: [*before, _user("next"), Message("assistant", "get_item()"), Message("tool", question)]),
    ),
    "constant text around": (_wrapped(lambda question: f"{_FILLER * 2}\n{question}\n{_FILLER * 2}"),),
    "tools on": (_parameters(tools=msgspec.Raw(b'[{"type":"function","function":{"name":"search"}}]')),),
    "models mixed": (lambda request, rng: {"model": rng.choice((request.model, request.model, "another", "third"))},),
    "temperature 0": (_parameters(temperature=0.0),),
    "user agents mixed": (lambda request, rng: {"user_agent": rng.choice(_AGENTS)},),
    "zero-width characters": (_wrapped(lambda question: "\u200b".join(question)),),
    "case": (_wrapped(str.upper),),
    "spacing": (_wrapped(lambda question: question.replace(" ", "   ")),),
    "base64": (_wrapped(lambda question: base64.b64encode(question.encode()).decode()),),
    "JSON": (_wrapped(lambda question: json.dumps({"task": "answer", "input": question})),),
    "sampling at random": (_sampling,),
    "system prompt at random": (
        _messages(
            lambda before, question, rng: [
                Message("system", f"You are the assistant {_words(rng)}."),
                *(message for message in before if message.role != "system"),
                _user(question),
            ]
        ),
    ),
    "words at random around": (_messages(lambda before, question, rng: [*before, _user(f"{_words(rng)}\n{question}\n{_words(rng)}")]),),
    "filler from a pool": (
        _messages(lambda before, question, rng: [*before, _user(f"{question} {_SMALL[rng.randrange(6)]} {_AGENTS[rng.randrange(40)]}")]),
    ),
}
_PAIRS = (
    ("constant text around", "end users Zipf"),
    ("constant last turn", "question in the system prompt"),
    ("invented turns, long", "constant last turn", "end users Zipf"),
    ("constant text around", "question in a tool's result", "tools on"),
    ("user agents mixed", "sampling at random", "words at random around"),
    ("user agents mixed", "sampling at random", "models mixed", "system prompt at random"),
)
DISGUISES |= {" + ".join(names): tuple(step for name in names for step in DISGUISES[name]) for names in _PAIRS}


def disguised(requests: Sequence[Request], labels: Mapping[str, Label], steps: Sequence[Disguise]) -> list[Request]:
    """``requests`` with every harvester's changed by each of ``steps`` in turn."""
    rng, made = random.Random(7), []
    for request in requests:
        if labels[request.account_id].label == "harvest":
            for step in steps:
                request = msgspec.structs.replace(request, **step(request, rng))
        made.append(request)
    return made
