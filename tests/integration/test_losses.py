"""Nothing is lost when the store loses something: what workers wrote is compared with what is there, and the rest is read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.request import Request

from tests.integration.damage import Harm
from tests.integration.harness import Outcome, Pipeline, keyed, same
from tests.services.kafka import Broker
from tests.services.process import wait_until
from tests.services.redis import RedisServer


@pytest.fixture
def live(broker: Broker, redis_server: RedisServer, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(broker, redis_server, tmp_path, 2, ("--batch", "100"))
    yield made
    made.stop()


def in_parts(live: Pipeline, requests: list[Request], parts: int, harm: Callable[[int], None]) -> None:
    """Write ``requests`` in parts, and do harm in the middle of each."""
    records = keyed(requests, "account")
    for part in range(parts):
        start, end = part * len(records) // parts, (part + 1) * len(records) // parts
        live.broker.produce(live.topic, records[start:end])
        live.has_read((start + end) // 2)
        harm(part)
        live.has_read(end)


def said(live: Pipeline) -> str:
    """All that workers said: the lines looked for may stand far before the end."""
    return "\n".join(worker.output.read_text(encoding="utf-8", errors="replace") for worker in live.workers)


def test_redis_falls_back_and_is_back_at_once(
    broker: Broker, own_redis: RedisServer, tmp_path: Path, requests: list[Request], expected: Outcome
) -> None:
    live = Pipeline(broker, own_redis, tmp_path, 2, ("--batch", "100"))
    for _ in range(2):
        live.worker()

    def harm(part: int) -> None:
        own_redis.remember()
        read = live.read
        wait_until(lambda: live.read > read, 30, "more to be read")
        own_redis.fall_back()

    in_parts(live, requests, 4, harm)
    live.finish(len(requests))
    same(live.outcome(), expected)


PARTS = {
    "everything": "{TOPIC", "partitions and shards": "{TOPIC:", "shards": "{TOPIC:s", "some shards": "{TOPIC:s1", "judging": "{TOPIC}:",
}  # fmt: skip  # and whose keys they are


@pytest.mark.parametrize("part", PARTS)
def test_a_part_of_the_store_falls_back(live: Pipeline, requests: list[Request], expected: Outcome, part: str) -> None:
    for _ in range(2):
        live.worker()
    harmful, which = Harm(live), PARTS[part].replace("TOPIC", live.topic)

    def harm(number: int) -> None:
        closed = live.closed
        harmful.remember(which)
        live.has_read(min(live.read + 150, (number + 1) * len(requests) // 4))
        wait_until(lambda: live.closed > closed, 60, "more to be judged")
        harmful.fall_back(which)

    in_parts(live, requests, 4, harm)
    live.finish(len(requests))
    assert "fell_back" in said(live)
    same(live.outcome(), expected)


LOST = {"all": "", "panes": ":pane:", "ids": ":ids:", "what gateways read": ":verdict:"}  # many keys at once; see test_keys.py for each


@pytest.mark.parametrize("what", LOST)
def test_keys_are_evicted(live: Pipeline, requests: list[Request], expected: Outcome, what: str) -> None:
    for _ in range(2):
        live.worker()
    harmful = Harm(live)

    def harm(number: int) -> None:
        wait_until(lambda: harmful.lose(LOST[what]) > 0 or number == 0, 30, "there to be something to lose")

    in_parts(live, requests, 3, harm)
    if what == "what gateways read":  # what was lost may have been written anew before it was looked at in its turn
        live.stop()
        harmful.lose(LOST[what])
    live.finish(len(requests))
    assert '"event": "the store is not as it was written"' in said(live)
    same(live.outcome(), expected)


@pytest.mark.parametrize("what", ["all", "panes"])
def test_keys_are_lost_while_nobody_works(live: Pipeline, requests: list[Request], expected: Outcome, what: str) -> None:
    harmful = Harm(live)
    live.worker()

    def harm(number: int) -> None:
        live.workers[-1].kill()
        harmful.lose(LOST[what])
        live.worker()

    in_parts(live, requests, 3, harm)
    live.finish(len(requests))
    same(live.outcome(), expected)


def test_rulings_are_put_back_though_nothing_is_judged(live: Pipeline, requests: list[Request]) -> None:
    kept, taken_back = Ruling("1", "nobody", False, "someone", 10.0), Ruling("2", "nobody", True, "someone", 20.0)
    live.store.rule(kept)
    live.store.rule(taken_back)
    live.broker.produce(live.topic, keyed(requests[: len(requests) // 3], "account"))
    live.worker()
    wait_until(lambda: all(ruling.at is not None for ruling in live.store.rulings()), 30, "the rulings to have a place in the log")
    live.has_read(len(requests) // 3)
    wait_until(lambda: live.closed == min(each.position.watermark for each in live.store.positions(2) if each.position) - 1, 60, "judging")
    before, client, base = live.store.rulings(), live.redis.client(), f"{Harm(live).base}{{{live.topic}}}:"
    closed = client.hget(f"{base}judge", "closed")
    assert client.delete(f"{base}rulings", f"{base}placed") == 2
    wait_until(lambda: live.store.rulings() == before, 30, "the rulings to be back")
    assert client.hget(f"{base}judge", "closed") == closed, "nothing was judged meanwhile"
