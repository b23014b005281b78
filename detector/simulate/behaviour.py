"""A behaviour: traits drawn for one account, or for one campaign whose accounts work alike."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from siphonwatch.detector.request.request import Parameters
from siphonwatch.detector.simulate import demand, parameters
from siphonwatch.detector.simulate.demand import Law
from siphonwatch.detector.simulate.disguise import Costume, worn
from siphonwatch.detector.simulate.hand import Hand
from siphonwatch.detector.simulate.kinds import Kind
from siphonwatch.detector.simulate.pacing import PACES, Pace
from siphonwatch.detector.simulate.text import Topic, Writer
from siphonwatch.detector.simulate.works import ONE_TOKEN, WORKS, Item, Maker

LAWS = ("fresh", "zipf", "fashion", "rounds", "viral")  # what a surprised innocent may have; lists are drawn by their kinds
SHAPES = ("single", "talk", "script", "agent")
SYSTEMS = ("none", "one", "several", "by_user", "ever_new")
USERS = ("none", "constant", "random", "zipf")
_FOLLOWS = {"single": 1.0, "talk": 2.2, "script": 3.5, "agent": 6.0}  # requests of a conversation, about


@dataclass(slots=True)
class Behaviour:
    """Everything about what is asked; who asks is a :class:`detector.simulate.play.Member`."""

    label: str
    kind: str
    law: Law
    shape: str
    pace: Pace
    count: int  # requests
    costume: Costume
    writer: Writer
    home: list[Topic]
    asked: list[Parameters]
    models: list[str]
    systems: list[str]
    system: str = "none"
    users: str = "none"
    user_names: list[str] = field(default_factory=list)
    user_weights: list[float] = field(default_factory=list)
    turns: float = 0.5  # chance of one more turn of a talk
    scripted: int = 3  # turns of a scripted dialogue
    length: float = 1.0  # factor on the length of answers
    spread: float = 0.5
    rough: float = 0.0
    moves_at: float = math.inf  # when it turns to the model that was just released
    swept: bool = False  # biases swept over tokens
    traits: tuple[str, ...] = ()


def works(hand: Hand, rng: random.Random, kind: Kind, writer: Writer, home: Topic) -> tuple[str, Maker]:
    """(name, maker) of one work, or of several mixed where the kind does many things."""
    options = kind.works
    several = rng.random() < (0.5 if options.count(":") > 8 else 0.12)
    names = [hand.choose(rng, options, tuple(WORKS) if kind.purpose == "text" else ()) for _ in range(rng.randint(2, 6) if several else 1)]
    makers = [WORKS[name](writer, home) for name in dict.fromkeys(names)]
    if len(makers) == 1:
        return names[0], makers[0]

    def make(topic: Topic) -> Item:
        return makers[int(rng.random() * len(makers))](topic)

    return "several", make


def subjects(hand: Hand, rng: random.Random, kind: Kind) -> list[Topic]:
    """The topics of an account, its favourite first; code works on code."""
    count = int(math.exp(rng.uniform(math.log(kind.topics[0]), math.log(kind.topics[1] + 1))))
    if any(name in kind.works for name in ("code:", "sql", "review")) and rng.random() < 0.6:
        return hand.library.some(rng, count, hand.library.code)
    if rng.random() < 0.5 and count < 12:  # one language and one field
        first = hand.library.topics[int(rng.random() * len(hand.library.topics))]
        alike = [topic for topic in hand.library.topics if topic.tongue is first.tongue]
        return [first, *hand.library.some(rng, count - 1, alike)]
    return hand.library.some(rng, count)


def law(
    hand: Hand, rng: random.Random, name: str, make: Maker, topics: list[Topic], count: int, viral: Sequence[Item] = (), times: int = 1
) -> Law:  # fmt: skip
    """The law of demand of that name, for about ``count`` items."""
    if name == "list":
        order = rng.choices(("shuffled", "alphabet", "length", "subject"), (6, 1, 1, 2))[0]
        return demand.TaskList(rng, make, topics, count, order, times)
    if name == "rounds":
        return demand.rounds(rng, make, topics, max(3, int(count / rng.choice((1.5, 2, 3, 5, 8, 20)))), rng.choice((0.0, 0.02, 0.2)))
    if name in ("zipf", "fashion"):
        size = max(4, int(count * rng.uniform(0.2, 3)))
        return demand.zipf(
            rng, make, topics, size, rng.uniform(0.6, 1.3), rng.random() ** 2 * 0.7, rng.uniform(1, 40) if name == "fashion" else 0.0
        )
    own = demand.fresh(rng, make, topics)
    if name == "viral" and viral:
        weights = list(accumulate(1.0 / (rank + 1) for rank in range(len(viral))))
        return demand.mixed(rng, own, lambda _: rng.choices(viral, cum_weights=weights)[0], rng.uniform(0.2, 1.0))
    return own


def pace(hand: Hand, rng: random.Random, name: str) -> Pace:
    """A habit in time; what loops may run for a part of the days only."""
    begin, end = hand.start, hand.end
    if name not in ("sessions", "users") and rng.random() < 0.6:
        share = rng.uniform(0.15, 1.0)
        begin += rng.random() * (1 - share) * (end - begin)
        end = begin + share * (hand.end - hand.start)
    return Pace(
        name, begin, end, zone=hand.zone + rng.gauss(0, 3), weekend=min(hand.weekend * math.exp(rng.gauss(0, 0.3)), 1.3),
        lanes=rng.choice((1, 1, 1, 2, 4, 4, 8, 16)), pause=rng.choice((0.0, 0.05, 0.3, 1, 3, 10, 30, 90, 300, 1200)),
            gap=math.exp(rng.gauss(4, 0.6)),
        sitting=rng.choice((0.5, 1, 2, 3, 5, 9)) * hand.sitting,
    )  # fmt: skip


def _purpose(kind: Kind, work: str) -> str:
    return "short" if kind.purpose == "text" and work in ONE_TOKEN else kind.purpose


def behave(
    hand: Hand, rng: random.Random, label: str, name: str, kind: Kind, *,
    count: int | None = None, viral: Sequence[Item] = (), times: int = 1, system: str = "", retries: bool = True,
) -> Behaviour:  # fmt: skip
    """A behaviour of that kind; ``system`` is a prompt that is given from outside (a plugin's)."""
    writer, topics = Writer(rng), subjects(hand, rng, kind)
    work, make = works(hand, rng, kind, writer, topics[0])
    if count is None:
        size = kind.volume * hand.volume[label] * math.sqrt(hand.days / 2.0)
        count = max(1, min(int(math.exp(rng.gauss(math.log(size), kind.spread))), 9000))
    surprised = label == "benign"
    shape = hand.choose(rng, kind.shapes, SHAPES)
    items = max(1, round(count / _FOLLOWS[shape]))
    law_name = hand.choose(rng, kind.laws, LAWS if surprised else ())
    taken = law(hand, rng, law_name, make, topics, items, viral, times)
    if retries and rng.random() < (0.35 if surprised else 0.15):
        taken = demand.repeating(rng, taken, rng.random() ** 2 * 0.3, lambda text: f"{text} {writer.word(topics[0])}")
    habits = worn(rng, hand.habits[label]) if rng.random() < hand.dressed[label] else set()
    purpose = _purpose(kind, work)
    mode, system_names = _system(rng, kind, habits, writer, topics[0], system)
    users, names, shares = _end_users(rng, kind, habits)
    asked = [parameters.parameters(rng, purpose, 0.3) for _ in range(rng.choice((1, 1, 1, 1, 2, 4)))]
    if "cold" in habits:
        asked = [parameters.cold(one) for one in asked]
    if "tools" in habits or (shape == "agent" and rng.random() < 0.85):
        asked = [parameters.with_tools(one) for one in asked]
    models = [hand.market.one(rng) for _ in range(rng.choice((2, 3, 5)) if "models" in habits or rng.random() < 0.12 else 1)]
    timing = hand.choose(rng, kind.paces, PACES)
    moves = hand.market.released + rng.expovariate(1 / 30) * 3600 if rng.random() < 0.12 else math.inf
    if name == "pivot":
        moves = hand.market.released + rng.uniform(0.5, 24) * 3600
    return Behaviour(
        label, name, taken, shape, pace(hand, rng, timing), count, Costume(rng, habits, writer, topics[0]), writer, topics, asked, models,
        system_names, mode, users, names, shares,
        turns=min(rng.betavariate(4, 4) if rng.random() < 0.85 else rng.betavariate(1.2, 6), 0.93),
        scripted=rng.choice((2, 2, 3, 4, 6, 10)),
        length=hand.length[label] * math.exp(rng.gauss(0, 0.5)),
        spread=rng.choice((0.2, 0.4, 0.6, 0.8)),
        rough=hand.rough * 2 * rng.random() ** 2 if hand.rough else 0.0,
        moves_at=moves,
        swept=name == "logits" or (kind.purpose == "scored" and rng.random() < 0.03),
        traits=(f"work:{work}", f"law:{law_name}", f"shape:{shape}", f"pace:{timing}", f"system:{mode}", f"users:{users}",
                *(f"habit:{habit}" for habit in sorted(habits))),
    )  # fmt: skip


def _system(rng: random.Random, kind: Kind, habits: set[str], writer: Writer, home: Topic, given: str) -> tuple[str, list[str]]:
    if given:
        return "one", [given]
    mode = "none" if rng.random() > kind.system else rng.choices(SYSTEMS[1:], (7, 2, 1, 1))[0]
    mode = "ever_new" if "personas" in habits else mode
    long = int(rng.random() ** 3 * 250)
    count = {"none": 0, "one": 1, "several": rng.randint(2, 5), "by_user": 12, "ever_new": 60}[mode]
    return mode, [writer.system(home) + (" " + writer.document(home, long) if long > 10 else "") for _ in range(count)]


def _end_users(rng: random.Random, kind: Kind, habits: set[str]) -> tuple[str, list[str], list[float]]:
    mode = "none" if rng.random() > kind.users else rng.choices(USERS[1:], (1, 1, 5))[0]
    mode = next((habit.removeprefix("end_user_") for habit in sorted(habits) if habit.startswith("end_user_")), mode)
    if mode == "zipf":
        count = int(math.exp(rng.uniform(math.log(3), math.log(400))))
        prefix = rng.choice(("u", "user_", "id:", "", "m"))
        exponent = rng.uniform(0.5, 1.4)
        return mode, [f"{prefix}{rng.getrandbits(24)}" for _ in range(count)], list(accumulate((k + 1) ** -exponent for k in range(count)))
    return mode, [rng.choice(("u1", "user", "default", f"u{rng.getrandbits(20)}"))] if mode == "constant" else [], []
