"""Free habits: what a client can write as it likes, worn by harvesters and innocents alike.

Each is drawn independently of what the account does, at a rate that each world draws anew for each label, so that over worlds none of them
tells the labels apart. Products really send constant last turns, JSON wrapping, tools that are never called and end users called "user".
"""

from __future__ import annotations

import base64
import json
import random
import unicodedata
from collections.abc import Callable

from siphonwatch.detector.request.request import Message, Part
from siphonwatch.detector.simulate.text import Topic, Writer

DISGUISES = (
    "end_user_constant", "end_user_random", "end_user_zipf", "turns_short", "turns_long", "last_turn", "in_system", "in_parts", "in_tool",
    "scaffold", "tools", "models", "cold", "agents", "ids", "zero_width", "case", "spacing", "unicode", "base64", "json", "sessions",
        "personas",
)  # fmt: skip
_PLACES = ("in_system", "in_parts", "in_tool")
_LAST = ("Please answer.", "Go ahead.", "Answer the question above.", "Respond in full.", "OK?", "Begin.")
_GREETINGS = (("Hi", "Hello! How can I help?"), ("Are you there?", "Yes."), ("Ready?", "Ready when you are."), ("test", "ok"))


class Costume:
    """The habits of one account, or of a campaign whose members run one client."""

    def __init__(self, rng: random.Random, worn: set[str], writer: Writer, home: Topic) -> None:
        self.rng, self.worn = rng, worn
        self.place = next((name for name in _PLACES if name in worn), "")
        self.before = self.after = ""
        if "scaffold" in worn:
            side, first, second = rng.random(), int(10 + 140 * rng.random() ** 2), int(10 + 140 * rng.random() ** 2)
            self.before = writer.document(home, first) + rng.choice(("\n", "\n\n", " ", "\n###\n")) if side < 0.7 else ""
            self.after = rng.choice(("\n", "\n\n", " ")) + writer.document(home, second) if side > 0.4 else ""
        self.last = rng.choice(_LAST)
        self.greeting = rng.choice(_GREETINGS)
        self.turns: list[Message] = []
        if "turns_short" in worn:
            self.turns = [Message("user", self.greeting[0]), Message("assistant", self.greeting[1])]
        if "turns_long" in worn:
            self.writer, self.home, self.varied = writer, home, rng.random() < 0.6
            self.turns = self._invented()
        self.carrier = writer.document(home, 12) if self.place else ""
        self.encoders = [name for name in ("unicode", "case", "spacing", "zero_width", "json", "base64") if name in worn]
        self.plain = not (self.encoders or self.before or self.after)
        self.flat = not (self.turns or self.place or "last_turn" in worn)

    def _invented(self) -> list[Message]:
        question = self.writer.question(self.home)
        return [Message("user", question), Message("assistant", self.writer.answer(question, self.home, 60 + int(self.rng.random() * 200)))]

    def text(self, text: str) -> str:
        """A question as this client writes it: encoded, between constant texts."""
        if self.plain:
            return text
        for name in self.encoders:
            text = _ENCODERS[name](text, self.rng)
        return self.before + text + self.after

    def dress(self, messages: list[Message]) -> list[Message]:
        """The conversation as this client sends it; the last message is the question."""
        if self.flat:
            return messages
        question = messages[-1]
        rest = messages[:-1]
        if isinstance(question.content, str):
            if self.place == "in_system":
                rest = [message for message in rest if message.role != "system"]
                messages = [Message("system", question.content), *rest, Message("user", self.last)]
            elif self.place == "in_tool":
                messages = [*rest, Message("user", self.carrier), Message("assistant", ""), Message("tool", question.content)]
            elif self.place == "in_parts":
                parts = [Part("text", self.carrier), Part("text", question.content)] if self.carrier else [Part("text", question.content)]
                messages = [*rest, Message("user", parts)]
        if self.turns:
            turns = self._invented() if "turns_long" in self.worn and self.varied else self.turns
            head = 1 if messages[0].role == "system" else 0
            messages = [*messages[:head], *turns, *messages[head:]]
        if "last_turn" in self.worn:
            messages = [*messages, Message("user", self.last)]
        return messages


def _zero_width(text: str, rng: random.Random) -> str:
    at = int(rng.random() * len(text))
    mark = "\u200b\u200c\u2060\ufeff"[int(rng.random() * 4)]
    return text[:at] + mark + text[at : at + 9] + mark + text[at + 9 :]


def _case(text: str, rng: random.Random) -> str:
    at = rng.random()
    return text.upper() if at < 0.3 else text.lower() if at < 0.6 else text.title() if at < 0.8 else text.swapcase()


def _spacing(text: str, rng: random.Random) -> str:
    return text.replace(" ", ("  ", " \n", "\u00a0", "\t")[int(rng.random() * 4)], 1 + int(rng.random() * 6)) + " " * int(rng.random() * 4)


def _unicode(text: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return unicodedata.normalize("NFD", text)
    return "".join([chr(ord(c) + 0xFEE0) if "a" <= c <= "z" and rng.random() < 0.15 else c for c in text[:200]]) + text[200:]


_ENCODERS: dict[str, Callable[[str, random.Random], str]] = {
    "zero_width": _zero_width,
    "case": _case,
    "spacing": _spacing,
    "unicode": _unicode,
    "base64": lambda text, _: base64.b64encode(text.encode("utf-8", "replace")).decode(),
    "json": lambda text, rng: json.dumps({("query", "input", "text")[int(rng.random() * 3)]: text, "v": 1}),
}


def worn(rng: random.Random, rates: dict[str, float]) -> set[str]:
    """Which habits an account has; of those that exclude each other it keeps one."""
    found = {name for name in DISGUISES if rng.random() < rates.get(name, 0.0)}
    for group in (("end_user_constant", "end_user_random", "end_user_zipf"), _PLACES, ("turns_short", "turns_long")):
        both = [name for name in group if name in found]
        if len(both) > 1:
            found -= set(both) - {both[int(rng.random() * len(both))]}
    return found
