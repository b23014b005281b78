"""Accounts as their gateway logs them, and how a campaign's work falls to one or another of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate.hand import FIELDS, Hand
from siphonwatch.detector.simulate.identity import Identity


@dataclass(slots=True)
class Member:
    """An account that takes part in a behaviour, and what its gateway logs of it."""

    identity: Identity
    logged: frozenset[str]
    respond: float  # share of its requests whose answer is logged
    cut: int  # 0: the whole history; 1: a system prompt and the last two; 2: the last three messages
    true_answers: bool
    sessions: str  # none, conversation, constant
    minute: int = 0
    in_minute: int = 0
    sent: int = 0
    requests: list[Request] = field(default_factory=list)


def member(hand: Hand, rng: random.Random, who: Identity) -> Member:
    """An account as its gateway logs it."""
    logged = frozenset(name for name in FIELDS if hand.has(name, rng))
    sessions = "conversation" if rng.random() < 0.35 else "none"
    respond = rng.choice((0.1, 1.0)) if "response" in logged else 0.0
    cut = rng.choice((1, 2, 2)) if rng.random() < hand.cut else 0
    return Member(who, logged, respond, cut, rng.random() < hand.true_answers, sessions)


Picker = Callable[[float, bool], Member]
"""The account that takes the next conversation, given the time and whether the last one was refused by its limit."""


def alone(one: Member) -> Picker:
    """The picker of a single account."""
    return lambda _at, _refused: one


def balanced(members: Sequence[Member]) -> Picker:
    """A balancer: each in turn."""
    state = [0]

    def pick(_: float, __: bool) -> Member:
        state[0] += 1
        return members[state[0] % len(members)]

    return pick


def uneven(rng: random.Random, members: Sequence[Member]) -> Picker:
    """Some accounts more often than others."""
    weights = [rng.expovariate(1.0) + 0.02 for _ in members]
    return lambda _at, _refused: rng.choices(members, weights)[0]


def handed_over(members: Sequence[Member], quota: int) -> Picker:
    """One account until it is refused or has sent so many, then the next goes on."""
    state = [0, 0]

    def pick(_: float, refused: bool) -> Member:
        if refused or members[state[0]].sent - state[1] >= quota:
            state[0] = (state[0] + 1) % len(members)
            state[1] = members[state[0]].sent
        return members[state[0]]

    return pick
