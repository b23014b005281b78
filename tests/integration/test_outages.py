"""What a worker does while a broker or a store is away, with bad records, and with signals."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from pathlib import Path

import msgspec
import pytest
import redis
from siphonwatch.detector.request.request import Request

from tests.integration.harness import Outcome, Pipeline, keyed, replayed, same, traffic
from tests.services.kafka import Broker
from tests.services.process import Program, free_port, wait_until
from tests.services.redis import RedisServer

TEXT = "quibbledorf zanzimarck flumergast"


def page(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=3) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def waits(port: int, what: str) -> float:
    _, text = page(port, "metrics")
    return next((float(line.split()[1]) for line in text.splitlines() if line.startswith(f'siphonwatch_waits_total{{what="{what}"}}')), 0.0)


def test_redis_and_the_broker_go_away_and_come_back(
    own_broker: Broker, own_redis: RedisServer, tmp_path: Path, requests: list[Request], expected: Outcome
) -> None:
    port = free_port()
    live = Pipeline(own_broker, own_redis, tmp_path, 2, ("--batch", "150"))
    third = len(requests) // 3
    live.broker.produce(live.topic, keyed(requests[:third], "account"))
    worker = live.worker("--http-port", str(port))
    wait_until(lambda: page(port, "readyz")[0] == 200, 30, "the worker to be ready")
    assert page(port, "healthz") == (200, "ok\n")

    own_redis.stop()
    live.broker.produce(live.topic, keyed(requests[third : 2 * third], "account"))
    wait_until(lambda: page(port, "readyz")[0] == 503 and waits(port, "store") >= 2, 30, "the worker to say that it waits for Redis")
    assert "Redis" in page(port, "readyz")[1]
    own_redis.start()
    wait_until(lambda: page(port, "readyz")[0] == 200, 30, "the worker to be ready again")

    own_broker.stop()
    wait_until(lambda: page(port, "readyz")[0] == 503 and waits(port, "broker") >= 1, 60, "the worker to say that it waits for Kafka")
    own_broker.start()
    wait_until(lambda: page(port, "readyz")[0] == 200, 90, "the worker to be ready again")
    live.broker.produce(live.topic, keyed(requests[2 * third :], "account"))
    live.has_read(len(requests))
    assert worker.stop() == 0
    live.finish(len(requests), 120)
    same(live.outcome(), expected)


def test_bad_records_go_to_the_dead_letter_topic_and_the_stream_goes_on(
    broker: Broker, redis_server: RedisServer, tmp_path: Path, requests: list[Request]
) -> None:
    good = keyed(requests[:300], "none")
    bad = [
        b"not json " + TEXT.encode(), b'{"prompt": "' + TEXT.encode() + b'"}', b'{"x": ' + b"[" * 100_000,
        b'{"a": "' + b"x" * (1 << 20) + b'"}',
        msgspec.json.encode({"request_id": "r", "timestamp": "yesterday", "account_id": "a", "model": "m", "prompt": TEXT}),
        msgspec.json.encode({"request_id": "r", "timestamp": 1.0, "account_id": TEXT, "model": "m"}),
        msgspec.json.encode({"request_id": "r", "timestamp": 1.78e9, "account_id": {"x": 7}, "model": "m", "prompt": TEXT}),
    ]  # fmt: skip
    live = Pipeline(broker, redis_server, tmp_path, 1)
    live.broker.produce(live.topic, good[:150] + [(None, record) for record in bad] + good[150:])
    worker = live.worker()
    live.finish(len(good) + len(bad))
    letters = [msgspec.json.decode(value) for value in live.broker.read(f"{live.topic}.dead")]
    assert sorted(letter["reason"] for letter in letters) == sorted(
        ["not_json", "missing_field", "too_deep", "unknown_format", "bad_time", "bad_time", "wrong_type"]
    )
    assert [letter["offset"] for letter in letters] == list(range(150, 157))
    assert {letter["source"] for letter in letters} == {live.topic}
    assert {letter["partition"] for letter in letters} == {0}
    everything = "".join(map(str, letters)) + worker.tail(1000)
    assert TEXT not in everything
    same(live.outcome(), replayed(requests[:300]))


def everything(client: redis.Redis, key: bytes) -> bytes:
    """A key and all that it holds, as it was written (a DUMP would be compressed)."""
    readers = {
        b"string": lambda: [client.get(key)],
        b"hash": lambda: [part for pair in client.hgetall(key).items() for part in pair],
        b"set": lambda: list(client.smembers(key)),
        b"zset": lambda: client.zrange(key, 0, -1),
        b"list": lambda: client.lrange(key, 0, -1),
        b"stream": lambda: [part for _, fields in client.xrange(key) for pair in fields.items() for part in pair],
    }
    return b"\n".join([key, *readers[client.type(key)]()])


def test_no_prompt_is_stored(broker: Broker, redis_server: RedisServer, tmp_path: Path) -> None:
    from siphonwatch.streams.demo.traffic import encode

    world = traffic()[:400]
    for request in world:
        request.messages[-1].content = f"{TEXT} {request.request_id}"
    live = Pipeline(broker, redis_server, tmp_path, 1)
    live.broker.produce(live.topic, [(None, encode(request)) for request in world])
    worker = live.worker()
    live.finish(len(world))
    client = redis_server.client()
    stored = b"\n".join(everything(client, key) for key in client.scan_iter(f"{live.prefix}:*"))
    assert world[0].account_id.encode() in stored, "what is stored is read as it was written"
    for word in TEXT.split():
        assert word.encode() not in stored
    assert TEXT not in worker.tail(1000)


def test_sigterm_while_waiting_for_a_broker(redis_server: RedisServer, tmp_path: Path, broker: Broker) -> None:
    live = Pipeline(broker, redis_server, tmp_path, 1)
    port = free_port()
    worker = live.worker("--source", f"kafka://127.0.0.1:{free_port()}/nobody", "--http-port", str(port))
    wait_until(lambda: waits(port, "broker") >= 1, 30, "the worker to say that it waits for Kafka")
    assert worker.stop() == 0


@pytest.mark.parametrize("command", [["run", "--source", "kafka://127.0.0.1:9/nobody"], ["sidecar"], ["demo"]])
def test_a_signal_since_the_first_line_of_main_ends_a_program_with_0(command: list[str], tmp_path: Path) -> None:
    program = Program([sys.executable, "-m", "siphonwatch.streams", *command], tmp_path / "program.log")
    wait_until(lambda: not program.running or program.armed, 15, "the first line of main")
    assert program.stop() == 0, program.tail()
