"""Text of our own making: a grammar over subjects, languages and registers, wide enough for lists of any length.

A :class:`Library` is one world's: its topics are drawn once (some of a subject's words and many rare ones, so that vocabularies
grow as they do in real traffic), and sentences about a topic come from a pool with slots, which is fast.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence
from functools import cache

from siphonwatch.detector.simulate.frames import (
    ASKS,
    CHAT_ENDS,
    CHAT_STARTS,
    CONDITIONS,
    FOLLOW_UPS,
    OF_SUBJECT,
    OPENERS,
    SENTENCES,
    SYSTEMS,
)
from siphonwatch.detector.simulate.words import SUBJECTS, SYLLABLES, TONGUES, Tongue

_POOL = 160  # sentences of a topic before their slots are filled
_RARE = 4000  # made-up words of a world, met by Zipf's law


@cache
def parsed(frame: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """(what stands before the first slot, ((slot, what follows it), ...))."""
    head, *rest = frame.split("{")
    return head, tuple((part.partition("}")[0], part.partition("}")[2]) for part in rest)


class Topic:
    """A narrow subject in one language, with its own words."""

    __slots__ = ("asks", "letters", "pool", "rare", "subject", "tongue", "words")

    def __init__(self, rng: random.Random, subject: str, tongue: Tongue | None, rare: list[str]) -> None:
        self.subject, self.tongue = subject, tongue
        if tongue:
            made = ["".join(rng.choices(tongue.syllables, k=rng.choice((2, 2, 3)))) for _ in range(24)]
            self.words, self.asks = made, tongue.asks
            self.rare = ["".join(rng.choices(tongue.syllables, k=rng.choice((2, 3, 4)))) for _ in range(300)]
        else:
            known = SUBJECTS[subject].split()
            self.words = rng.sample(known, min(14, len(known))) + ["".join(rng.choices(SYLLABLES, k=3)) for _ in range(8)]
            self.asks = OF_SUBJECT.get(subject, ()) + ASKS
            self.rare = rare
        self.letters = tongue.letters if tongue else 4.2
        self.pool: list[str] = []


class Library:
    """The topics of a world, from ``rng``; ``foreign`` is the share of them that are not in English."""

    def __init__(self, rng: random.Random, topics: int = 160, foreign: float = 0.2) -> None:
        rare = ["".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4)))) for _ in range(_RARE)]
        languages = rng.sample(list(TONGUES), rng.randint(2, len(TONGUES)))
        weights = [rng.paretovariate(0.8) for _ in languages]
        self.topics: list[Topic] = []
        for _ in range(topics):
            abroad = rng.random() < foreign
            tongue = TONGUES[rng.choices(languages, weights)[0]] if abroad else None
            self.topics.append(Topic(rng, rng.choice(tuple(SUBJECTS)), tongue, rare))
        self.english = [topic for topic in self.topics if not topic.tongue] or [Topic(rng, "travel", None, rare)]
        self.code = [topic for topic in self.english if topic.subject in ("code", "databases", "security")] or self.english
        self.popularity = [1.0 / (rank + 1.0) for rank in range(topics)]

    def some(self, rng: random.Random, count: int, among: Sequence[Topic] | None = None) -> list[Topic]:
        """``count`` topics: popular ones more often, or evenly from ``among``."""
        if among:
            return [among[int(rng.random() * len(among))] for _ in range(count)]
        if count >= len(self.topics):
            return self.topics
        return list({id(topic): topic for topic in rng.choices(self.topics, self.popularity, k=count)}.values())


class Writer:
    """Writes from a seeded source of randomness."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng

    def name(self) -> str:
        """A made-up name."""
        return "".join(self.rng.choices(SYLLABLES, k=2 + int(self.rng.random() * 2))).capitalize()

    def word(self, topic: Topic) -> str:
        """A word of the topic; one in four is a rare one."""
        random = self.rng.random
        if random() < 0.25:
            at = random()
            return topic.rare[int(at * at * len(topic.rare))]  # earlier ones more often
        return topic.words[int(random() * len(topic.words))]

    def fill(self, frame: str, topic: Topic) -> str:
        """A frame with its slots filled."""
        text, slots = parsed(frame)
        random, words, rare = self.rng.random, topic.words, topic.rare
        for slot, rest in slots:
            if slot == "s":
                at = random()
                if at < 0.75:
                    text += words[int(at / 0.75 * len(words))] + rest
                else:
                    at = random()
                    text += rare[int(at * at * len(rare))] + rest
            elif slot == "n":
                text += str(2 + int(random() ** 2 * 400)) + rest
            else:
                text += self.name() + rest
        return text

    def _pick(self, among: Sequence[str]) -> str:
        return among[int(self.rng.random() * len(among))]

    def ask(self, topic: Topic) -> str:
        """One self-contained request in plain words."""
        text = self.fill(self._pick(topic.asks), topic)
        if topic.tongue is None and self.rng.random() < 0.5:
            text = self.fill(self._pick(OPENERS), topic) + text[0].lower() + text[1:]
            text = text[0].upper() + text[1:]
        if topic.tongue is None and self.rng.random() < 0.35:
            text += self.fill(self._pick(CONDITIONS), topic)
        return text

    def task(self, topic: Topic) -> str:
        """An ask as a task list holds it; some with an input below."""
        text = self.ask(topic)
        return text + "\n" + self.document(topic, 4 + int(self.rng.random() * 40)) if self.rng.random() < 0.25 else text

    def question(self, topic: Topic) -> str:
        """What a person types."""
        text = self.ask(topic)
        if topic.tongue:
            return text
        start = self._pick(CHAT_STARTS)
        if start:
            text = start + text[0].lower() + text[1:]
        return text + self._pick(CHAT_ENDS)

    def follow_up(self, topic: Topic) -> str:
        """What a person types next."""
        return self.fill(self._pick(topic.tongue.follow_ups if topic.tongue else FOLLOW_UPS), topic)

    def system(self, topic: Topic) -> str:
        """A product's system prompt."""
        return self.fill(self._pick(SYSTEMS), topic)

    def _sentences(self, topic: Topic) -> list[str]:
        if not topic.pool:
            for _ in range(_POOL):
                if topic.tongue:
                    glue, space = topic.tongue.glue, topic.tongue.space
                    parts = [self.word(topic) if at % 2 else self._pick(glue) for at in range(5 + int(self.rng.random() * 8))]
                    sentence = space.join(parts[:-1]) + space + "%s" + ("。" if not space else ".")
                else:
                    sentence = self.fill(self._pick(SENTENCES), topic) + " %s."
                topic.pool.append(sentence.capitalize())
        return topic.pool

    def document(self, topic: Topic, words: int) -> str:
        """Running text of about so many words."""
        pool, rare, random = topic.pool or self._sentences(topic), topic.rare, self.rng.random
        size, many = len(pool), len(rare)
        return " ".join([pool[int(random() * size)] % rare[int(random() * many)] for _ in range(max(1, words // 11))])

    def answer(self, question: str, topic: Topic, tokens: int) -> str:
        """What the model answers: much the same to the same question, at most 400 tokens of it."""
        pool = topic.pool or self._sentences(topic)
        seed = zlib.crc32(question.encode("utf-8", "replace"))
        asked = question.split()[-40:] or ["it"]
        size, known = len(pool), len(asked)
        text = []
        for _ in range(max(1, min(tokens, 400) // 14)):
            seed = (seed * 1103515245 + 12345) & 0x7FFFFFFF
            text.append(pool[(seed >> 8) % size] % asked[(seed >> 5) % known])
        return " ".join(text)


_HOME = random.Random(20)
DOMAINS: tuple[Topic, ...] = tuple(Library(_HOME, 24, 0.0).topics)
"""A few topics that are always there, for tests that write prompts outside of a world."""


def roughen(text: str, rng: random.Random, amount: float) -> str:
    """Typing slips and carelessness in up to ``amount`` of a text's words."""
    if rng.random() < amount:
        text = text.lower()
    if rng.random() < amount:
        text = text.rstrip(".?!")
    if rng.random() < amount * 2 and len(text) > 12:
        at = 1 + int(rng.random() * (len(text) - 3))
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :] if rng.random() < 0.5 else text[:at] + text[at + 1 :]
    return text
