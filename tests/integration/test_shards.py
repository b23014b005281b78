"""Live, each worker keeps its own shards of the accounts: nobody loads what is not theirs, and a death moves them."""

from __future__ import annotations

import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.stores.base import PARTS, shards_of

from tests.integration.harness import Outcome, Pipeline, keyed, replayed, same
from tests.services.kafka import Broker
from tests.services.process import Program, free_port, wait_until
from tests.services.redis import RedisServer

PARTITIONS = 3
SHARD = re.compile(r":s(\d+)\}:(?:accounts|verdicts|redo)")
PART = re.compile(r"\}:pane:\d+:(\d+)")


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return simulate(World(accounts=120, days=1.0, prevalence=0.2, seed=3, start=1_780_000_000.0, harvests=("reasoning", "hydra"))).requests


@pytest.fixture(scope="module")
def expected(requests: list[Request]) -> Outcome:
    return replayed(requests)


class Fleet:
    """Three workers, and what they say of themselves."""

    def __init__(self, live: Pipeline) -> None:
        self.live = live
        self.workers: list[tuple[Program, int]] = []

    def start(self) -> None:
        port = free_port()
        self.workers.append((self.live.worker("--http-port", str(port)), port))

    def health(self) -> list[dict[str, Any]]:
        found = []
        for _, port in self.workers:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                    found.append(json.loads(answer.read()))
            except (urllib.error.URLError, OSError):
                found.append({"partitions": [], "shards": 0, "judging": False})
        return found

    def settled(self) -> bool:
        """Whether everybody owns partitions, each has one owner, and all shards are kept."""
        found = self.health()
        owned = sorted(partition for each in found for partition in each["partitions"])
        kept = all(each["shards"] == sum(len(shards_of(one, PARTITIONS)) for one in each["partitions"]) for each in found)
        busy = all(each["partitions"] for each in found)  # who has just begun has none, and takes some soon
        return busy and owned == list(range(PARTITIONS)) and kept and sum(each["judging"] for each in found) == 1

    def settle(self) -> None:
        wait_until(self.settled, 60, f"every partition and every shard to have one worker\n{self.health()}")


@pytest.fixture
def fleet(broker: Broker, redis_server: RedisServer, tmp_path: Path) -> Iterator[Fleet]:
    live = Pipeline(broker, redis_server, tmp_path, PARTITIONS, ("--batch", "300"))
    made = Fleet(live)
    yield made
    live.stop()


class Watched:
    """What every connection asks of the server."""

    def __init__(self, server: RedisServer) -> None:
        self.asked: list[tuple[int, str]] = []  # (the client's port, command)
        self._client: Any = server.client()
        self._ends = threading.Event()
        ready = threading.Event()

        def listen() -> None:
            with self._client.monitor() as monitor:
                ready.set()
                for one in monitor.listen():
                    if self._ends.is_set():
                        return
                    if one["client_type"] == "tcp":
                        self.asked.append((int(one["client_port"]), one["command"]))

        self._thread = threading.Thread(target=listen, daemon=True)
        self._thread.start()
        assert ready.wait(30)

    def end(self, server: RedisServer) -> None:
        self._ends.set()
        while self._thread.is_alive():
            server.client().ping()  # the last thing that it hears
            self._thread.join(0.1)


def ports(program: Program) -> set[int]:
    return {each.laddr.port for each in psutil.Process(program.process.pid).net_connections("tcp") if each.raddr}


def test_nobody_loads_or_writes_what_is_not_theirs(fleet: Fleet, requests: list[Request], expected: Outcome) -> None:
    live, records = fleet.live, keyed(requests, "account")
    live.environment["SIPHONWATCH_SESSION_SECONDS"] = "30"  # nobody dies here, however slow the machine is
    for _ in range(PARTITIONS):
        fleet.start()
    fleet.settle()
    watched = Watched(live.redis)
    before = [ports(program) for program, _ in fleet.workers]
    live.broker.produce(live.topic, records[: len(records) * 3 // 4])
    live.has_read(len(records) * 3 // 4)
    wait_until(lambda: len(live.store.top(1000)) > 50, 60, "most accounts to be judged")
    assert fleet.settled()
    after = [ports(program) for program, _ in fleet.workers]  # a connection may have been made anew
    owned = [(old | new, each["partitions"]) for old, new, each in zip(before, after, fleet.health(), strict=True)]
    watched.end(live.redis)
    seen = set()
    for of, partitions in owned:
        mine = {shard for partition in partitions for shard in shards_of(partition, PARTITIONS)}
        # but for a sidecar's or the desk's reading, which no worker does; commits write panes of whoever sent something
        commands = [command for port, command in watched.asked if port in of and not command.startswith("EVALSHA")]
        scripts = [command for port, command in watched.asked if port in of and command.startswith("EVALSHA")]
        touched = {int(shard) for command in [*commands, *scripts] for shard in SHARD.findall(command)}
        read = {int(part) for command in commands for part in PART.findall(command)}
        assert touched, "each has judged"
        assert touched <= mine
        assert read <= {shard % PARTS for shard in mine}
        seen |= touched
    assert len(seen) > 50
    live.broker.produce(live.topic, records[len(records) * 3 // 4 :])
    live.finish(len(records))
    same(live.outcome(), expected)


def test_the_shards_of_a_dead_worker_are_kept_by_others(fleet: Fleet, requests: list[Request], expected: Outcome) -> None:
    live, records = fleet.live, keyed(requests, "request")
    for _ in range(PARTITIONS):
        fleet.start()
    fleet.settle()
    live.broker.produce(live.topic, records[: len(records) // 2])
    wait_until(lambda: len(live.store.top(1000)) > 20, 60, "accounts to be judged")
    for judges in (False, True):
        fleet.settle()
        at = next(at for at, each in enumerate(fleet.health()) if each["judging"] is judges and each["shards"] > 0)
        fleet.workers.pop(at)[0].kill()
        fleet.settle()
        assert sum(each["shards"] for each in fleet.health()) == SHARDS
    live.broker.produce(live.topic, records[len(records) // 2 :])
    live.finish(len(records))
    same(live.outcome(), expected)
