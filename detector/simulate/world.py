"""A world of accounts over some days: who there is, what they send, and who harvests."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import harvesters, innocents
from siphonwatch.detector.simulate.actor import DAY, Actor, address, some_parameters

INNOCENTS: dict[str, tuple[Callable[[Actor], None], float]] = {  # kind -> (how it behaves, its share of the accounts)
    "person": (innocents.person, 0.38),
    "passer_by": (innocents.passer_by, 0.36),
    "newcomer": (innocents.newcomer, 0.05),
    "pupil": (innocents.pupil, 0.035),
    "hackathon": (innocents.hackathon, 0.01),
    "coding_agent": (innocents.coding_agent, 0.012),
    "product": (innocents.product, 0.02),
    "nightly_batch": (innocents.nightly_batch, 0.008),
    "benchmark_run": (innocents.benchmark_run, 0.012),
    "chatbot_product": (innocents.chatbot_product, 0.006),
    "service_desk": (innocents.service_desk, 0.005),
    "content_writer": (innocents.content_writer, 0.02),
    "translator": (innocents.translator, 0.01),
    "scorer": (innocents.scorer, 0.006),
    "grader": (innocents.grader, 0.01),
    "researcher": (innocents.researcher, 0.01),
    "dataset_builder": (innocents.dataset_builder, 0.006),
}
HARVESTS = (*harvesters.KINDS, "hydra")
CROWDS = ("office", "class", "wave")  # innocents who share an address, a client or a sign-up day


class Label(msgspec.Struct, frozen=True):
    """What an account really is."""

    label: str  # "benign" or "harvest"
    kind: str
    campaign: str | None = None


@dataclass(frozen=True, slots=True)
class World:
    """What to simulate. Shares of kinds are varied by ``variety`` so that no two seeds have one mix."""

    accounts: int = 1000
    days: float = 2.0
    prevalence: float = 0.015  # share of accounts that harvest
    seed: int = 1
    start: float = 1_790_000_000.0
    harvests: tuple[str, ...] = HARVESTS
    innocents: tuple[str, ...] = tuple(INNOCENTS)
    variety: float = 0.6


@dataclass(slots=True)
class Traffic:
    """Requests in order of time, and the truth about their accounts."""

    requests: list[Request]
    labels: dict[str, Label] = field(default_factory=dict)


def simulate(world: World) -> Traffic:
    """All requests of a world. Equal worlds give equal traffic."""
    rng = random.Random(world.seed)
    actors: list[Actor] = []
    labels: dict[str, Label] = {}

    # a model comes out in the middle of most longer worlds
    released = world.start + rng.uniform(0.3, 0.6) * world.days * DAY if world.days >= 1 and rng.random() < 0.7 else math.inf

    def actor() -> Actor:
        own = random.Random(rng.getrandbits(64))
        one = Actor(own, f"acct_{rng.getrandbits(48):012x}", world.start, world.days, released=released)
        actors.append(one)
        return one

    wanted = round(world.accounts * world.prevalence)
    _harvests(world, rng, actor, labels, wanted)
    weights = [INNOCENTS[kind][1] * rng.lognormvariate(0, world.variety) for kind in world.innocents]
    benign = world.accounts - len(actors)
    _crowds(rng, actor, labels, benign // 20)
    while len(actors) < world.accounts:
        kind = rng.choices(world.innocents, weights)[0]
        one = actor()
        INNOCENTS[kind][0](one)
        labels[one.account] = Label("benign", kind)
    requests = [request for one in actors for request in one.requests]
    requests.sort(key=lambda request: (request.timestamp, request.request_id))
    return Traffic(requests, labels)


def _harvests(world: World, rng: random.Random, actor: Callable[[], Actor], labels: dict[str, Label], wanted: int) -> None:
    """Single harvesters of every kind in turn, and hydras for about half of the harvesting accounts."""
    kinds = [kind for kind in world.harvests if kind != "hydra"]
    heads = 0 if "hydra" not in world.harvests else (wanted if not kinds else wanted // 2)
    made = 0
    while made + 3 <= heads:
        size = min(heads - made, rng.choice((6, 12, 24, 40, 80)))
        body = [actor() for _ in range(size)]
        shared = rng.random() < 0.7
        harvesters.hydra(body, shared)
        for one in body:
            labels[one.account] = Label("harvest", "hydra", f"hydra-{made}")
        made += size
    order = rng.sample(kinds, len(kinds))
    for number in range(wanted - made if kinds else 0):
        kind, one = order[number % len(order)], actor()
        harvesters.KINDS[kind](one)
        labels[one.account] = Label("harvest", kind, f"{kind}-{number}")


def _crowds(rng: random.Random, actor: Callable[[], Actor], labels: dict[str, Label], accounts: int) -> None:
    """Groups of innocents that share what a hydra's accounts share."""
    made = 0
    while accounts - made >= 5:
        crowd, size = rng.choice(CROWDS), min(rng.randint(5, 60), accounts - made)
        addresses, agent = [address(rng)], None
        payment, day = f"pm_{rng.getrandbits(40):010x}", rng.uniform(0, 2) * DAY
        parameters = some_parameters(rng)
        homework = innocents.homework(rng)
        for _ in range(size):
            one = actor()
            one.addresses = addresses
            if crowd == "office":
                one.payment = payment
                innocents.person(one)
            elif crowd == "class":
                one.agent, one.parameters, one.created = agent or one.agent, parameters, one.start - day
                agent = one.agent
                innocents.pupil(one, homework)
            else:
                one.created = one.start - day
                innocents.newcomer(one)
            labels[one.account] = Label("benign", crowd)
        made += size
