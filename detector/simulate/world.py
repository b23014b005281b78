"""A world of accounts over some days: who there is, what they send, and who harvests."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import crowds, groups, hand, kinds
from siphonwatch.detector.simulate.hand import Hand
from siphonwatch.detector.simulate.members import Member
from siphonwatch.detector.simulate.pacing import DAY
from siphonwatch.detector.simulate.text import Writer
from siphonwatch.detector.simulate.works import WORKS, Item

INNOCENTS = kinds.INNOCENTS
HARVESTS = (*kinds.HARVESTS, "hydra")
_SIZES = (3, 5, 8, 12, 18, 30, 60, 100, 150)  # accounts of a hydra


class Label(msgspec.Struct, frozen=True):
    """What an account really is; ``traits`` are what was drawn for it, as ``name:value``."""

    label: str  # "benign" or "harvest"
    kind: str
    campaign: str | None = None
    traits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class World:
    """What to simulate. With ``variety`` 0 a plain world: a full log, no disguises, the kinds' own weights; with 1 a hand of its own."""

    accounts: int = 1000
    days: float = 2.0
    prevalence: float = 0.015  # share of accounts that harvest
    seed: int = 1
    start: float = 1_790_000_000.0
    harvests: tuple[str, ...] = HARVESTS
    innocents: tuple[str, ...] = tuple(INNOCENTS)
    variety: float = 1.0


@dataclass(slots=True)
class Traffic:
    """Requests in order of time, and the truth about their accounts."""

    requests: list[Request]
    labels: dict[str, Label] = field(default_factory=dict)


def varied(seeds: Iterable[int], accounts: int = 1200) -> list[World]:
    """One world a seed, of its own length, size and prevalence: training over many is training over many hands."""
    made = []
    for seed in seeds:
        rng = random.Random(seed)
        days, prevalence = rng.choice((1.0, 2.0, 3.0, 4.0, 7.0)), rng.choice((0.01, 0.02, 0.03, 0.06, 0.12))
        size = int(accounts * rng.uniform(0.6, 1.5))
        made.append(World(size, days, prevalence, seed, 1.79e9 + rng.random() * 7 * DAY, variety=rng.uniform(0.5, 1.2)))
    return made


def simulate(world: World) -> Traffic:
    """All requests of a world. Equal worlds give equal traffic."""
    rng = random.Random(world.seed)
    drawn = hand.draw(rng, world.start, world.days, world.variety)
    cast = _Cast(drawn)
    _harvests(world, drawn, cast, round(world.accounts * world.prevalence))
    viral = _viral(drawn)
    _crowds(world, drawn, cast, viral, int((world.accounts - len(cast.labels)) * rng.uniform(0.05, 0.4)))
    weights = [INNOCENTS[kind].share * rng.lognormvariate(0, 0.7 * world.variety) for kind in world.innocents]
    while len(cast.labels) < world.accounts:
        kind = rng.choices(world.innocents, weights)[0]
        one, traits = groups.innocent(drawn, random.Random(rng.getrandbits(64)), kind, viral)
        cast.add(one, Label("benign", kind, None, traits))
    return cast.traffic()


class _Cast:
    """Everybody who was made so far."""

    def __init__(self, drawn: Hand) -> None:
        self.hand = drawn
        self.requests: list[Request] = []
        self.labels: dict[str, Label] = {}

    def add(self, one: Member, label: Label) -> None:
        """An account, if it sent anything: signed up before its first request."""
        if not one.requests:
            return
        first = min(request.timestamp for request in one.requests)
        created = int(min(one.identity.created, float(first) - 40 - self.hand.rng.random() * 2000))
        if "created" in one.logged:
            for request in one.requests:
                request.account_created_at = created
        self.requests += one.requests
        self.labels[one.identity.account] = label

    def traffic(self) -> Traffic:
        """All of it, in order of time."""
        self.requests.sort(key=lambda request: (request.timestamp, request.account_id, request.request_id))
        return Traffic(self.requests, self.labels)


def _viral(drawn: Hand) -> list[Item]:
    """What everybody asks these days."""
    rng = drawn.rng
    writer = Writer(rng)
    found = []
    for _ in range(rng.randint(20, 200)):
        topic = drawn.library.some(rng, 1)[0]
        found.append(WORKS[rng.choice(("chat", "search", "tasks", "chat"))](writer, topic)(topic))
    return found


def _harvests(world: World, drawn: Hand, cast: _Cast, wanted: int) -> None:
    """Hydras for a share of the harvesting accounts that differs from world to world, and single harvesters of every kind in turn."""
    rng = drawn.rng
    singles = [kind for kind in world.harvests if kind != "hydra"]
    share = 0.0 if "hydra" not in world.harvests else (1.0 if not singles else rng.uniform(0.2, 0.8))
    heads, made = round(wanted * share), 0
    while heads - made >= (3 if singles else 1):
        size = min(heads - made, rng.choice(_SIZES))
        size = heads - made if heads - made - size < 3 else size
        own = random.Random(rng.getrandbits(64))
        work = groups.any_harvest(own, [kind for kind in singles if kind != "pivot"] if len(singles) < len(HARVESTS) - 1 else [])
        members, traits = groups.hydra(drawn, own, work, size)
        for one in members:
            cast.add(one, Label("harvest", "hydra", f"hydra-{made}", (f"kind:{work}", *traits)))
        made += size
    # likelier kinds come first (weighted sampling without replacement, Efraimidis and Spirakis 2006)
    order = sorted(singles, key=lambda kind: -(rng.random() ** (1.0 / kinds.HARVESTS[kind].share)))
    number = 0
    while len(cast.labels) < wanted and singles and number < 3 * wanted + 30:
        kind = order[number % len(order)]
        one, traits = groups.harvester(drawn, random.Random(rng.getrandbits(64)), kind)
        cast.add(one, Label("harvest", kind, f"{kind}-{number}", traits))
        number += 1


def _crowds(world: World, drawn: Hand, cast: _Cast, viral: list[Item], accounts: int) -> None:
    """Groups of innocents that share what a hydra's accounts share."""
    rng, until = drawn.rng, len(cast.labels) + accounts
    number = 0
    while until - len(cast.labels) >= 5:
        name = rng.choices(tuple(crowds.CROWDS), tuple(crowds.CROWDS.values()))[0]
        size = min(int(rng.lognormvariate(3.0, 0.8)) + 3, 200, until - len(cast.labels))
        for one, kind, traits in crowds.crowd(drawn, random.Random(rng.getrandbits(64)), name, size, viral):
            cast.add(one, Label("benign", kind, None, (f"crowd:{name}-{number}", *traits)))
        number += 1
    del world
