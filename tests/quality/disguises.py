"""Evasions that are free or nearly so: what a harvester can declare, prepend, wrap or repeat, applied to all harvesters of a stream."""

from __future__ import annotations

import base64
import copy
import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

import msgspec
from siphonwatch.detector.request.request import Message, Parameters, Part, Request, Usage, epoch_ms
from siphonwatch.detector.simulate import Label

Changes = dict[str, object]
Disguise = Callable[[Request, random.Random], Changes | None]  # ``None``: the request is not sent

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
    def disguise(request: Request, rng: random.Random) -> Changes:
        before, question = _split(request)
        return {"messages": change(before, question, rng), "prompt": None}

    return disguise


def _wrapped(wrap: Callable[[str], str]) -> Disguise:
    return _messages(lambda before, question, _: [*before, Message("user", wrap(question))])


def _user(text: str) -> Message:
    return Message("user", text)


def _parameters(**changes: object) -> Disguise:
    def disguise(request: Request, rng: random.Random) -> Changes:
        return {"parameters": msgspec.structs.replace(request.parameters or Parameters(), **changes)}

    return disguise


def _sampling(request: Request, rng: random.Random) -> Changes:
    changes = {"temperature": round(rng.random(), 2), "max_tokens": rng.choice((300, 700, 1500, 3000))}
    return {"parameters": msgspec.structs.replace(request.parameters or Parameters(), **changes)}


class _Conversation:
    """Own earlier questions sent again as the turns before, each with an answer cut short: a real conversation by the log."""

    def __init__(self, turns: int, sliding: bool) -> None:
        self.turns, self.sliding = turns, sliding
        self.sent: dict[str, list[str]] = defaultdict(list)

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        before, question = _split(request)
        sent = self.sent[request.account_id]
        past = [turn for text in sent[-self.turns :] for turn in (_user(text), Message("assistant", f"As to {text[:40]}: done."))]
        if len(sent) >= self.turns and not self.sliding:
            sent.clear()
        sent.append(question)
        words = sum(len(_text(turn).split()) for turn in past)
        return {"messages": [*_of_system(before), *past, _user(question)], "prompt": None, "usage": _billed(request, words * 4 // 3, 0)}


class _AtOnce:
    """Several questions asked in one request, which is billed for all of them."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self.waiting: dict[str, list[tuple[str, Usage]]] = defaultdict(list)

    def __call__(self, request: Request, rng: random.Random) -> Changes | None:
        before, question = _split(request)
        waiting = self.waiting[request.account_id]
        waiting.append((question, request.usage or Usage(0, 0)))
        if len(waiting) < self.questions:
            return None
        *others, _ = waiting
        text = "\n\n".join(f"{number}. {each}" for number, (each, _) in enumerate(waiting, 1))
        tokens_in, tokens_out = (sum(getattr(used, name) or 0 for _, used in others) for name in ("prompt_tokens", "completion_tokens"))
        waiting.clear()
        return {"messages": [*_of_system(before), _user(text)], "prompt": None, "usage": _billed(request, tokens_in, tokens_out)}


class _ByNumber:
    """Questions asked by their number in a list of those to come, which stands before each of them and is cached."""

    def __init__(self, questions: int) -> None:
        self.questions = questions
        self.asked: dict[str, list[str]] = defaultdict(list)
        self.sent: Counter[str] = Counter()

    def look(self, requests: Sequence[Request]) -> None:
        """Learn what will be asked."""
        for request in requests:
            self.asked[request.account_id].append(_split(request)[1])

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        place = self.sent[request.account_id]
        self.sent[request.account_id] += 1
        number = place % self.questions
        listed = self.asked[request.account_id][place - number : place - number + self.questions]
        text = "Here is a numbered list of tasks.\n" + "\n".join(f"{at}. {each}" for at, each in enumerate(listed, 1))
        more = len(text) // 4
        used = msgspec.structs.replace(_billed(request, more, 0), cached_tokens=more)
        return {"messages": [Message("system", text), _user(f"Do task {number + 1}.")], "prompt": None, "usage": used}


class _Chaff:
    """Requests added beside each for next to nothing: repeats, small talk, bursts; what a log counts, and nobody wanted answered.

    Of no tokens at all where the client hangs up before the first comes.
    """

    def __init__(self, tokens: int, added: Callable[[str, list[str], random.Random], list[str]]) -> None:
        self.tokens, self.added = tokens, added
        self.sent: dict[str, list[str]] = defaultdict(list)

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        return {}

    def beside(self, original: Request, request: Request, rng: random.Random) -> list[Request]:
        """What is sent in the seconds after ``request``."""
        question, sent = _split(request)[1], self.sent[request.account_id]
        texts, began = self.added(question, sent, rng), epoch_ms(request.timestamp) / 1000
        sent.append(question)
        told = self.tokens > 0
        return [
            msgspec.structs.replace(
                request, request_id=f"{request.request_id}+{number}", timestamp=began + 1.5 + number, messages=[_user(text)], prompt=None,
                parameters=Parameters(max_tokens=self.tokens) if told else request.parameters, response=None, status=200 if told else 499,
                usage=Usage(8 + len(text) // 4, self.tokens) if told else None, finish_reason="length" if told else None,
            )
            for number, text in enumerate(texts)
        ]  # fmt: skip


class _Again:
    """Every so many requests are sent again as they are, for an answer that is short and yet long enough to count."""

    def __init__(self, every: int, tokens: int) -> None:
        self.every, self.tokens = every, tokens
        self.sent: Counter[str] = Counter()

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        return {}

    def beside(self, original: Request, request: Request, rng: random.Random) -> list[Request]:
        """The same once more, a moment later, where it is its turn."""
        self.sent[request.account_id] += 1
        if self.sent[request.account_id] % self.every:
            return []
        used, when = request.usage or Usage(), epoch_ms(request.timestamp) / 1000 + 2.5
        billed = Usage(used.prompt_tokens, min(used.completion_tokens or 0, self.tokens))
        name = f"{request.request_id}+again"
        return [msgspec.structs.replace(request, request_id=name, timestamp=when, response=None, usage=billed, finish_reason="length")]


class _Quoted:
    """The questions just before, or any that were sent before, quoted in front of each, so that hardly a phrase of them comes once."""

    def __init__(self, questions: int, any_before: bool = False) -> None:
        self.questions, self.any_before = questions, any_before
        self.sent: dict[str, list[str]] = defaultdict(list)

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        before, question = _split(request)
        sent = self.sent[request.account_id]
        quoted = "\n".join(rng.sample(sent, min(len(sent), self.questions)) if self.any_before else sent[-self.questions :])
        sent.append(question)
        return {"messages": [*before, _user(f"{quoted}\n{question}")], "prompt": None, "usage": _billed(request, len(quoted) // 4, 0)}


class _Pieces:
    """Each answer taken in pieces: the account goes on from its own question and what it really was answered so far."""

    def __init__(self, tokens: int, most: int) -> None:
        self.tokens, self.most = tokens, most

    def __call__(self, request: Request, rng: random.Random) -> Changes:
        used = request.usage or Usage()
        return {"usage": Usage(used.prompt_tokens, min(used.completion_tokens or 0, self.tokens)), "finish_reason": "length"}

    def beside(self, original: Request, request: Request, rng: random.Random) -> list[Request]:
        """The other pieces of the answer to ``original``, each asked for when the one before is there."""
        used, (before, question), began = original.usage or Usage(), _split(original), epoch_ms(original.timestamp) / 1000
        left, shown, found = (used.completion_tokens or 0) - self.tokens, f"As to {question[:200]}", list[Request]()
        while left > 0:
            piece = min(left, self.tokens) if len(found) + 2 < self.most else left
            left -= piece
            messages = [*before, _user(question), Message("assistant", f"{shown} {len(found)}"), _user("Please go on.")]
            billed = Usage((used.prompt_tokens or 0) + 8 + self.tokens * (len(found) + 1), piece)
            name, when = f"{original.request_id}+{len(found)}", began + 9.0 * (len(found) + 1)
            found.append(msgspec.structs.replace(request, request_id=name, timestamp=when, messages=messages, prompt=None, usage=billed))
        return found


def _of_a_person(request: Request, rng: random.Random) -> Changes:
    """The same requests a day, between nine and nine, most of them about three: costs nothing where limits have room."""
    second = epoch_ms(request.timestamp) / 1000
    share = second % 86_400 / 86_400
    of_the_day = 0.5 - math.sin(math.asin(1 - 2 * share) / 3)  # the quantile of what rises and falls as 6x(1 - x)
    return {"timestamp": second - second % 86_400 + 9 * 3600 + 12 * 3600 * of_the_day}


def _billed(request: Request, tokens_in: int, tokens_out: int) -> Usage:
    used = request.usage or Usage()
    return Usage((used.prompt_tokens or 0) + tokens_in, (used.completion_tokens or 0) + tokens_out)


def _of_system(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.role == "system"]


def _described(request: Request, rng: random.Random) -> Changes:
    before, question = _split(request)
    tools = json.dumps([{"type": "function", "function": {"name": "answer", "description": question}}])
    parameters = msgspec.structs.replace(request.parameters or Parameters(), tools=msgspec.Raw(tools.encode()))
    return {"messages": [*_of_system(before), _user("Call the tool.")], "prompt": None, "parameters": parameters}


def _drawn(question: str) -> Part:
    """A question drawn into a picture: other bytes for another question, and nothing that can be read."""
    drawn = random.Random(question).randbytes(3000)
    return Part("image_url", image_url=msgspec.Raw(json.dumps({"url": base64.b64encode(drawn).decode()}).encode()))


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
    "hexadecimal": (_wrapped(lambda question: question.encode().hex()),),
    "entities": (_wrapped(lambda question: "".join(f"&#{ord(letter)};" for letter in question)),),
    "spelled": (_wrapped("-".join),),
    "question in a tool's description": (_described,),
    "question in an answer": (
        _messages(lambda before, question, _: [*_of_system(before), _user("Hi"), Message("assistant", question), _user("Answer that.")]),
    ),
    "question in a picture": (
        _messages(lambda before, question, _: [*before, Message("user", [Part("text", "Answer the picture."), _drawn(question)])]),
    ),
    "own turns before, four": (_Conversation(4, sliding=True),),
    "conversations of six": (_Conversation(5, sliding=False),),
    "five questions at once": (_AtOnce(5),),
    "last question quoted": (_Quoted(1),),
    "last three questions quoted": (_Quoted(3),),
    "three earlier questions quoted": (_Quoted(3, any_before=True),),
    "one in three again, for 130 tokens": (_Again(3, 130),),
    "answers in pieces of 128": (_Pieces(128, 4),),
    "hours of a person": (_of_a_person,),
    "by number from a list": (_ByNumber(50),),
    "in the midst of a long text": (_wrapped(lambda question: f"{(_FILLER * 6)[:400]}\n{question[:700]}\n{(_FILLER * 30)[:2600]}"),),
    "each question again, for one token": (_Chaff(1, lambda question, sent, rng: [question]),),
    "unmetered": (lambda request, rng: {"usage": None},),
    "each question again, hung up on": (_Chaff(0, lambda question, sent, rng: [question]),),
    "earlier questions again, for one token": (_Chaff(1, lambda question, sent, rng: rng.sample(sent, min(len(sent), 2))),),
    "greetings between, for one token": (_Chaff(1, lambda question, sent, rng: [rng.choice(_SMALL) for _ in range(3)]),),
    "greetings in bursts, for one token": (_Chaff(1, lambda question, sent, rng: ["ok"] * (60 if len(sent) % 20 == 0 else 0)),),
    "a word after each, for 16 tokens": (_Chaff(16, lambda question, sent, rng: [f"{question}\nShorter, please."]),),
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
_COSTLY = (("last three questions quoted", "one in three again, for 130 tokens"),)
# Which cost tokens of input, or the worth of the answers.
NOT_FREE = (
    "own turns before, four", "conversations of six", "five questions at once", "last question quoted", "last three questions quoted",
    "three earlier questions quoted", "one in three again, for 130 tokens", *(" + ".join(names) for names in _COSTLY),
    "answers in pieces of 128", "hours of a person", "by number from a list", "in the midst of a long text",
    "each question again, for one token", "earlier questions again, for one token", "greetings between, for one token",
    "greetings in bursts, for one token", "a word after each, for 16 tokens",
)  # fmt: skip
_PAIRS = (
    ("own turns before, four", "user agents mixed", "sampling at random"),
    ("constant text around", "end users Zipf"),
    ("constant last turn", "question in the system prompt"),
    ("invented turns, long", "constant last turn", "end users Zipf"),
    ("constant text around", "question in a tool's result", "tools on"),
    ("user agents mixed", "sampling at random", "words at random around"),
    ("unmetered", "each question again, hung up on"),
    ("user agents mixed", "sampling at random", "models mixed", "system prompt at random"),
)
DISGUISES |= {" + ".join(names): tuple(step for name in names for step in DISGUISES[name]) for names in (*_PAIRS, *_COSTLY)}


def disguised(requests: Sequence[Request], labels: Mapping[str, Label], steps: Sequence[Disguise]) -> list[Request]:
    """``requests`` with every harvester's changed by each of ``steps`` in turn."""
    rng, worn, made = random.Random(7), copy.deepcopy(steps), []  # some remember what was sent
    for step in worn:
        if isinstance(step, _ByNumber):
            step.look([request for request in requests if labels[request.account_id].label == "harvest"])
    for request in requests:
        if labels[request.account_id].label == "harvest":
            changed = _changed(request, worn, rng)
            if changed is not None:
                made.append(changed)
                made += [
                    each for step in worn if isinstance(step, _Chaff | _Pieces | _Again) for each in step.beside(request, changed, rng)
                ]
        else:
            made.append(request)
    return sorted(made, key=lambda each: epoch_ms(each.timestamp))


def _changed(request: Request, steps: Sequence[Disguise], rng: random.Random) -> Request | None:
    for step in steps:
        changes = step(request, rng)
        if changes is None:
            return None
        request = msgspec.structs.replace(request, **changes)
    return request
