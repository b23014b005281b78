"""The log of a chaos run: simulated traffic, and among it records of somebody who means harm."""

from __future__ import annotations

import random
from dataclasses import dataclass

import msgspec
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.demo.traffic import encode

HOSTILE = "acct_hostile"
BREAKS = (
    b'{"msec":[],"remote_addr":"1.1.1.1","request_id":"r","account_id":"a"}',
    b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"attributes":[{"key":"gen_ai.usage.input_tokens","value":{"intValue":null}}]}]}]}]}',
    b'{"x": ' + b"[" * 100_000,
    b"\xff\xfe not json",
)
AHEAD = 23.9 * 3600.0


@dataclass(frozen=True)
class Log:
    """What is produced."""

    requests: list[Request]  # of the traffic itself
    records: list[tuple[bytes, bytes]]  # (key, record), the hostile ones among them
    hostile: dict[str, int]  # how many of each kind


def log(days: float, seed: int) -> Log:
    """``days`` of traffic, a hostile record after every twentieth or so."""
    rng = random.Random(f"log {seed}")
    traffic = simulate(World(accounts=160, days=days, prevalence=0.12, seed=11, start=1_780_000_000.0, harvests=("reasoning", "hydra")))
    records: list[tuple[bytes, bytes]] = []
    hostile: dict[str, int] = {}
    for request in traffic.requests:
        records.append((request.account_id.encode(), encode(request)))
        if rng.random() < 0.05:
            kind, record = _hostile(rng, request, records)
            hostile[kind] = hostile.get(kind, 0) + 1
            records.append(record)
    return Log(traffic.requests, records, hostile)


def _hostile(rng: random.Random, request: Request, before: list[tuple[bytes, bytes]]) -> tuple[str, tuple[bytes, bytes]]:
    own = msgspec.structs.replace(request, account_id=HOSTILE)
    kind = rng.choices(("breaks a decoder", "23.9 h ahead", "constant id", "another's id", "second delivery"), (10, 1, 10, 10, 10))[0]
    if kind == "breaks a decoder":
        return kind, (request.account_id.encode(), rng.choice(BREAKS))
    if kind == "second delivery":
        return kind, rng.choice(before[-20:])
    if kind == "23.9 h ahead":
        own = msgspec.structs.replace(own, timestamp=own.timestamp + AHEAD)
    if kind == "constant id":
        own = msgspec.structs.replace(own, request_id="1")
    # else: the id of another's request, at its very time
    return kind, (request.account_id.encode(), encode(own))  # into the partition of the account that it would harm
