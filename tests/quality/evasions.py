"""What a harvester can do about it, applied to the harvesting accounts of a simulated stream, and what it costs them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable

from siphonwatch.detector.request.request import Message, Parameters, Request
from siphonwatch.detector.simulate import Label, Traffic
from siphonwatch.detector.simulate.identity import address
from siphonwatch.detector.simulate.text import DOMAINS, Writer

Evasion = Callable[[list[Request], random.Random], list[Request]]


def _question(request: Request) -> Message:
    assert request.messages
    return request.messages[-1]


def slower(requests: list[Request], rng: random.Random) -> list[Request]:
    """One ask in five."""
    return [request for request in requests if rng.random() < 0.2]


def cover(requests: list[Request], rng: random.Random) -> list[Request]:
    """As much ordinary dialogue as harvest."""
    writer, made = Writer(rng), []
    for request in requests:
        if rng.random() < 0.5:
            made.append(request)
            continue
        other = copy.deepcopy(request)
        text, turn = (writer.question(rng.choice(DOMAINS)), False) if rng.random() < 0.55 else (writer.follow_up(rng.choice(DOMAINS)), True)
        other.messages = [Message("user", "…"), Message("assistant", "…")] if turn else []
        other.messages.append(Message("user", text))
        made.append(other)
    return made


def paraphrased(requests: list[Request], rng: random.Random) -> list[Request]:
    """Another wording for every beginning and end."""
    writer = Writer(rng)
    for request in requests:
        message = _question(request)
        words = str(message.content).split(" ")
        message.content = " ".join([writer.name().lower(), *words[1:-1], writer.name().lower(), writer.name().lower()])
    return requests


def human_hours(requests: list[Request], rng: random.Random) -> list[Request]:
    """Only from nine to six, some time zone's."""
    zone = rng.randrange(24)
    return [request for request in requests if 9 <= (float(request.timestamp) / 3600 + zone) % 24 < 18]


def residential(requests: list[Request], rng: random.Random) -> list[Request]:
    """Another address for every request."""
    for request in requests:
        request.source_ip = address(rng)
    return requests


def personas(requests: list[Request], rng: random.Random) -> list[Request]:
    """Another system prompt for every request."""
    writer = Writer(rng)
    for request in requests:
        assert request.messages is not None
        request.messages = [Message("system", writer.system(rng.choice(DOMAINS))), *[m for m in request.messages if m.role != "system"]]
    return requests


def random_parameters(requests: list[Request], rng: random.Random) -> list[Request]:
    """Other sampling parameters for every request."""
    for request in requests:
        request.parameters = Parameters(temperature=round(rng.random(), 2), max_tokens=rng.choice((300, 700, 1500, 3000)))
    return requests


EVASIONS: dict[str, tuple[Evasion | None, str]] = {
    "none": (lambda requests, _: requests, ""),
    "ten times the accounts": (None, "ten sign-ups and payments for one"),
    "slower": (slower, ""),
    "cover traffic": (cover, ""),
    "paraphrased prompts": (paraphrased, "a second model for every prompt"),
    "human hours": (human_hours, ""),
    "residential addresses": (residential, "a proxy's fee for every request"),
    "personas": (personas, ""),
    "random parameters": (random_parameters, "answers of uneven quality"),
    "all of a single account's": (
        lambda requests, rng: random_parameters(
            personas(residential(paraphrased(human_hours(cover(requests, rng), rng), rng), rng), rng), rng
        ),
        "all of the above",
    ),
}  # fmt: skip


def evade(traffic: Traffic, name: str, seed: int) -> tuple[Traffic, float]:
    """(the stream with its harvesters evading, share of their asks that they still get through)."""
    rng = random.Random(f"{name} {seed}")
    change, _ = EVASIONS[name]
    labels = dict(traffic.labels)
    mine: dict[str, list[Request]] = {account: [] for account, label in labels.items() if label.label == "harvest"}
    rest = []
    for request in traffic.requests:
        if request.account_id in mine:
            mine[request.account_id].append(copy.deepcopy(request))
        else:
            rest.append(request)
    before = sum(map(len, mine.values()))
    made: list[Request] = []
    for account, requests in mine.items():
        if change is not None:
            made += change(requests, rng)
            continue
        label = labels.pop(account)
        bodies = [f"{account}_{head}" for head in range(10)]
        facts = {body: ([address(rng)], f"pm_{rng.getrandbits(40):010x}") for body in bodies}
        for body in bodies:
            labels[body] = Label("harvest", label.kind, label.campaign)
        for request in requests:
            request.account_id = rng.choice(bodies)
            request.source_ip, request.payment_fingerprint = facts[request.account_id][0][0], facts[request.account_id][1]
            made.append(request)
    kept = len(made) * (0.5 if name in ("cover traffic", "all of a single account's") else 1.0)
    everything = sorted([*rest, *made], key=lambda request: (request.timestamp, request.request_id))
    return Traffic(everything, labels), kept / max(before, 1)
