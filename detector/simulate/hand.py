"""The hand of a world: everything that whoever composes a stream decides, drawn anew for each world."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from siphonwatch.detector.simulate.disguise import DISGUISES
from siphonwatch.detector.simulate.kinds import weights
from siphonwatch.detector.simulate.pacing import DAY
from siphonwatch.detector.simulate.parameters import Market, market
from siphonwatch.detector.simulate.text import Library

LABELS = ("benign", "harvest")
FIELDS = (
    "messages", "response", "created", "addresses", "agents", "payment", "organization", "key", "limits", "latency", "country",
        "parameters",
)  # fmt: skip


@dataclass(slots=True)
class Hand:
    """One world's choices."""

    rng: random.Random
    variety: float
    start: float
    days: float
    library: Library
    market: Market
    fields: dict[str, float] = field(default_factory=dict)  # share of the accounts whose records have it
    habits: dict[str, dict[str, float]] = field(default_factory=dict)  # label -> disguise -> how many wear it
    dressed: dict[str, float] = field(default_factory=dict)  # label -> share of accounts with any of them
    young: dict[str, float] = field(default_factory=dict)  # label -> share of accounts made for what they do now
    volume: dict[str, float] = field(default_factory=dict)  # label -> factor on the number of requests
    length: dict[str, float] = field(default_factory=dict)  # label -> factor on the length of answers
    rough: float = 0.1  # carelessness of typing, of everybody alike
    surprise: float = 0.05  # how often a trait is drawn from everything there is
    true_answers: float = 0.9  # share of clients whose histories hold the answers that were given
    cut: float = 0.5  # share of gateways that log the last three messages only
    zone: float = 0.0
    weekend: float = 0.6
    enforced: bool = True  # whether limits are
    refusals: float = 0.0  # of requests, by limits of the provider's own, whatever the account's are
    limits: float = 1.0  # factor on the accounts' limits: a free tier has small ones
    sitting: float = 1.0  # factor on how much people ask at a time
    errors: float = 0.004
    filtered: float = 0.002

    @property
    def end(self) -> float:
        """Seconds since the epoch."""
        return self.start + self.days * DAY

    def choose(self, rng: random.Random, text: str, everything: Sequence[str] = ()) -> str:
        """One of ``name:weight`` pairs, or with the world's surprise any of ``everything``."""
        if everything and rng.random() < self.surprise:
            return everything[int(rng.random() * len(everything))]
        names, shares = weights(text)
        return names[0] if len(names) == 1 else rng.choices(names, shares)[0]

    def has(self, name: str, rng: random.Random) -> bool:
        """Whether an account's records have a field."""
        return rng.random() < self.fields[name]


def _share(rng: random.Random, never: float, always: float) -> float:
    at = rng.random()
    return 0.0 if at < never else 1.0 if at < never + always else rng.random()


def draw(rng: random.Random, start: float, days: float, variety: float) -> Hand:
    """A hand; with ``variety`` 0 a plain one: a full log, no disguises, usual lengths."""
    library = Library(rng, rng.randint(60, 240), min(rng.betavariate(0.7, 3.0) * variety, 0.9) if variety else 0.05)
    hand = Hand(rng, variety, start, days, library, market(rng, start, days, variety))
    common = dict.fromkeys(FIELDS, 1.0) | {"response": 0.0}
    if variety:
        rare = 0.06 * min(variety, 1.0)
        hand.fields = {name: _share(rng, rare, 0.75) for name in FIELDS}
        hand.fields["messages"] = _share(rng, rare / 2, 0.93)
        hand.fields["response"] = rng.choice((0.0, 0.0, 0.05, 0.1, 0.3, 1.0))
        hand.fields["created"] = _share(rng, 3 * rare, 0.7)
    else:
        hand.fields = common
    for label in LABELS:
        # the same law for both labels, drawn apart: in one world harvesters wear a habit, in the next one innocents do
        hand.dressed[label] = rng.random() * min(variety, 1.0)
        hand.habits[label] = {name: min(rng.paretovariate(1.3) * 0.03, 0.6) if rng.random() < 0.7 else 0.0 for name in DISGUISES}
        hand.volume[label] = math.exp(rng.gauss(0, 0.4 * variety))
        hand.length[label] = math.exp(rng.gauss(0, 0.35 * variety))
    hand.young = {"benign": rng.uniform(0.02, 0.3), "harvest": rng.uniform(0.1, 0.9)}
    hand.rough = rng.random() * 0.25 * variety
    hand.surprise = rng.random() * 0.15 * variety
    hand.true_answers = 1.0 if not variety else rng.choice((1.0, 0.95, 0.8, 0.3))
    hand.cut = rng.choice((0.0, 0.5, 1.0, 1.0)) if variety else 0.0
    hand.zone, hand.weekend = rng.uniform(-11, 12), rng.uniform(0.3, 1.1)
    hand.enforced = rng.random() < 0.7
    if variety:
        hand.refusals = rng.choice((0.0, 0.0, 0.002, 0.01, 0.02))
        hand.limits = rng.choice((1.0, 1.0, 0.3, 0.06))
        hand.sitting = rng.choice((0.2, 0.5, 1.0, 1.5))
    hand.errors, hand.filtered = rng.random() * 0.01, rng.random() * 0.006
    return hand
