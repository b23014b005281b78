"""What a harvester could do to the record for free, or a log do by itself: none of it hides who was flagged before."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.replay.run import replay

WORLD = World(accounts=120, days=1.5, prevalence=0.15, seed=42, start=1_780_000_000.0, harvests=("reasoning", "hydra"))
Record = dict[str, Any]


@pytest.fixture(scope="module")
def log() -> tuple[list[Record], set[str]]:
    traffic = simulate(WORLD)
    harvesting = {account for account, label in traffic.labels.items() if label.label == "harvest"}
    return [json.loads(encode(request)) for request in traffic.requests], harvesting


def flagged(records: list[Record], folder: Path) -> set[str]:
    path = folder / "log.jsonl.gz"
    path.write_bytes(gzip.compress(b"".join(json.dumps(record).encode() + b"\n" for record in records), 1))
    engine = Engine(prior.load())
    result = replay([path], engine, decoder("auto"))
    assert result.folded.duplicates == 0
    assert not result.folded.dead
    return {account for account, verdict in engine.verdicts.items() if verdict.level in ("throttle", "block")}


@pytest.fixture(scope="module")
def before(log: tuple[list[Record], set[str]], tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    found = flagged(log[0], tmp_path_factory.mktemp("before"))
    assert found
    return found


def one_id(record: Record, rng: random.Random) -> Record:
    return {**record, "request_id": "always the same"}


def odd_field(record: Record, rng: random.Random) -> Record:
    odd = rng.choice([{"seed": 0.5}, {"temperature": "hot"}, {"stop": 7}, {"n": None}, {"logit_bias": []}])
    return {**record, "parameters": {**(record.get("parameters") or {}), **odd}}


def odd_turn(record: Record, rng: random.Random) -> Record:
    return {**record, "messages": [*(record.get("messages") or []), rng.choice([{"role": "system", "content": 0}, 5, None, {"role": 1}])]}


RECIPES = (one_id, odd_field, odd_turn)


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.__name__)
def test_an_odd_record_hides_nobody(
    recipe: Callable[[Record, random.Random], Record], log: tuple[list[Record], set[str]], before: set[str], tmp_path: Path
) -> None:
    records, harvesting = log
    rng = random.Random(3)
    changed = [recipe(record, rng) if record["account_id"] in harvesting else record for record in records]
    found = flagged(changed, tmp_path)
    assert len(before & harvesting - found) <= len(before & harvesting) // 10, (sorted(before), sorted(found))


def test_a_log_newest_first_is_the_same_log(log: tuple[list[Record], set[str]], before: set[str], tmp_path: Path) -> None:
    assert flagged(log[0][::-1], tmp_path) == before
