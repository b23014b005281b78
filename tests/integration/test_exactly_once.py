"""Never lost, never twice: against a real Kafka and a real Redis, whatever dies."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from siphonwatch.detector.request.request import Request

from tests.integration.harness import Outcome, Pipeline, keyed, replayed, same
from tests.services.kafka import Broker
from tests.services.redis import RedisServer

Make = Callable[..., Pipeline]


@pytest.fixture
def pipeline(broker: Broker, redis_server: RedisServer, tmp_path: Path) -> Iterator[Make]:
    made: list[Pipeline] = []

    def make(partitions: int, *options: str) -> Pipeline:
        made.append(Pipeline(broker, redis_server, tmp_path, partitions, options or ("--batch", "400")))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def trickle(live: Pipeline, records: list[tuple[bytes | None, bytes]]) -> None:
    """Write ``records`` bit by bit, each when the one before is nearly read: the workers are never far from the end."""
    for part in range(20):
        live.has_read((part - 1) * len(records) // 20)
        live.broker.produce(live.topic, records[part * len(records) // 20 : (part + 1) * len(records) // 20], 3)


@pytest.mark.parametrize("size", [1_000_000, 61])
def test_batch_sizes_do_not_change_a_replay(requests: list[Request], expected: Outcome, size: int) -> None:
    same(replayed(requests, size), expected)


def test_live_equals_replay(pipeline: Make, requests: list[Request], expected: Outcome) -> None:
    live = pipeline(1)
    live.broker.produce(live.topic, keyed(requests, "account"))
    live.worker()
    live.finish(len(requests))
    same(live.outcome(), expected)
    sent = live.broker.read(f"{live.topic}.verdicts")
    assert len(sent) >= len(expected.verdicts)


def test_a_worker_killed_ten_times(pipeline: Make, requests: list[Request], expected: Outcome) -> None:
    rng = random.Random(5)
    live = pipeline(2, "--batch", "150")
    live.broker.produce(live.topic, keyed(requests, "account"))
    for death in range(10):
        worker = live.worker()
        share = (death + 2) * len(requests) // 12 - rng.randrange(len(requests) // 12)
        live.has_read(min(max(share, live.read + 1), len(requests)))  # it may have read more than its share before it was killed
        worker.kill()
    live.worker()
    live.finish(len(requests))
    same(live.outcome(), expected)


@pytest.mark.parametrize("key", ["account", "request", "none"])
def test_three_workers_that_die_and_come_back(pipeline: Make, requests: list[Request], expected: Outcome, key: str) -> None:
    rng = random.Random(key)
    live = pipeline(3, "--batch", "200")
    records = keyed(requests, key)
    writing = threading.Thread(target=trickle, args=(live, records))
    writing.start()
    alive = [live.worker() for _ in range(3)]
    for death in range(4):
        live.has_read((death + 1) * len(records) // 6)
        alive.pop(rng.randrange(len(alive))).kill()
        alive.append(live.worker())
    writing.join()
    assert alive.pop(0).stop() == 0
    live.finish(len(requests))
    same(live.outcome(), expected)
