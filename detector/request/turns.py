"""What the turns of a request say, and whether they say it now or said it before.

Everything that a model reads counts, wherever the client puts it: the turns in all roles, the arguments of the tools that a turn calls,
the descriptions of tools and of the answer's form, and what stands for a picture, a sound or a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from siphonwatch.detector.request.request import ABSENT, NOTHING, Part, Request

FILE, FILE_LEAST = 1024, 12  # characters at either end of a picture, sound or file that stand for it; fewer say nothing
DEEPEST = 8  # values within values of what a picture, sound or file is described by
_FORM = frozenset({"type", "detail", "format", "mimetype", "mime_type", "media_type", "mediatype", "filename"})


_ARGUMENTS = ("arguments", "input", "args", "parameters")  # what is given to a tool that is called ...
_TOOL = ("function", "custom")  # ... under what names the tool stands in the call
_any = msgspec.json.Decoder()


@dataclass(slots=True)
class Turns:
    """What the turns of one request say."""

    question: str = ""  # the last turn of the user
    beside: str = ""  # what else is said now: the system's words, and all since the last answer
    before: str = ""  # the client's turns up to the last answer
    answers: str = ""  # what it says was answered before
    system: str | None = None
    earlier: str | None = None  # the user's turn before the question
    answer: str | None = None  # the assistant's last turn
    replies: int = 0  # how many turns it says were answered before
    called: int = 0  # bytes of what turns give to the tools that they call: a model wrote them, as it did answers
    follow_up: bool = False
    tool: bool = False  # a tool answered
    image: bool = False


def turns(request: Request) -> Turns:
    """What a request says, and where."""
    messages = request.messages
    if not messages:
        prompt = request.prompt
        return Turns(prompt if isinstance(prompt, str) else "\n".join(prompt or ()))
    if len(messages) == 1 and messages[0].role == "user" and isinstance(content := messages[0].content, str):
        return Turns(content)  # most of many logs
    found, answered = Turns(), False
    now: list[str] = []  # since the last answer
    before: list[str] = []
    system: list[str] = []
    answers: list[str] = []
    for place, message in enumerate(messages):
        role, content = message.role, message.content
        text = content if isinstance(content, str) else _content(content)
        if message.tool_calls is not ABSENT or message.function_call is not ABSENT:
            called = [*_called(message.tool_calls), *_called(message.function_call)]
            found.called += length(*called)
            now += called
        if role == "user":
            if found.question:
                (before if answered else now).append(found.question)
                found.earlier = found.question
            answered = False
            found.question = text
            found.image = found.image or (isinstance(content, list) and any("image" in part.type for part in content))
        elif role == "assistant":
            found.follow_up, found.answer = True, text
            if place < len(messages) - 1:
                before += now
                now.clear()
                answers.append(text)
                found.replies += 1
                answered = True
            else:  # the beginning of what is to be answered
                now.append(text)
        elif role in ("system", "developer"):
            found.system = text
            system.append(text)
        else:
            found.tool = found.follow_up = True
            now.append(text)
    found.beside, found.before, found.answers = "\n".join(system + now), "\n".join(before), "\n".join(answers)
    return found


def length(*texts: str) -> int:
    """Bytes of texts."""
    return sum(len(text.encode(errors="surrogatepass")) for text in texts)


def along(said: Sequence[Turns], *raws: Sequence[msgspec.Raw]) -> list[str]:
    """What tools, and the form of the answer, say of each request: a model reads their descriptions as it reads a turn.

    Nothing where the log holds no prompt of it: descriptions alone do not tell what was asked.
    """
    found = []
    for each, row in zip(said, zip(*raws, strict=True), strict=True):
        given = [bytes(raw).decode("utf-8", "replace") for raw in row if raw is not ABSENT and bytes(raw) not in NOTHING]
        found.append(f"[{','.join(given)}]" if given and (each.question or each.beside or each.before) else "")
    return found


def stands_for(value: Any, depth: int = DEEPEST) -> str:
    """Text that stands for a picture, a sound or a file, of what a request holds of it: equal for equal ones, and as new as they are.

    Nothing where the log keeps only what form it had.
    """
    if isinstance(value, str):
        held = value if len(value) <= 2 * FILE else f"{value[:FILE]} {value[-FILE:]}"
        return held if len(value) >= FILE_LEAST else ""
    if isinstance(value, dict) and depth:
        parts = (stands_for(each, depth - 1) for name, each in value.items() if f"{name}".lower() not in _FORM)
        return "\n".join(text for text in parts if text)
    if isinstance(value, list) and depth:
        return "\n".join(text for each in value if (text := stands_for(each, depth - 1)))
    return ""


def _content(content: str | list[Part] | None) -> str:
    if isinstance(content, str):
        return content
    if content is None:
        return ""
    return "\n".join([text for part in content for text in (part.text, _file(part)) if text])


def _file(part: Part) -> str:
    """What stands for a part that is no text, or that says it is one and is not; nothing where the log keeps its kind alone."""
    held = [each for each in (part.image_url, part.input_audio, part.file) if each is not ABSENT]
    return "\n".join(stands_for(_read(each)) for each in held) if held else ""


def _called(raw: msgspec.Raw) -> list[str]:
    """What is given to the tools that a turn calls, as text or as an object."""
    calls = _read(raw) if raw is not ABSENT else None
    found = []
    for call in calls if isinstance(calls, list) else [calls]:
        if isinstance(call, dict):
            for held in (call, *(call.get(name) for name in _TOOL)):
                found += [held[name] for name in _ARGUMENTS if held.get(name)] if isinstance(held, dict) else []
    texts = [each if isinstance(each, str) else msgspec.json.encode(each).decode() for each in found]
    return [text for text in texts if text != "{}"]


def _read(raw: msgspec.Raw) -> Any:
    """What a client wrote into a raw field, which nobody has looked at yet; ``None`` where it is no JSON."""
    try:
        return _any.decode(bytes(raw).decode("utf-8", "replace"))
    except (msgspec.MsgspecError, RecursionError):
        return None
