"""A worker on a topic of a real Kafka, with a real Redis, and what can be seen of it from outside."""

from __future__ import annotations

import sys
import time
import urllib.request
import uuid
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import psutil
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.redis import RedisStore

from tests.services.kafka import Broker
from tests.services.process import Program, free_port, wait_until
from tests.services.redis import RedisServer


class Live:
    """One worker, which judges too."""

    def __init__(self, broker: Broker, redis: RedisServer, folder: Path, topic: str) -> None:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        self.store, self._port = RedisStore(redis.url, topic, prefix), free_port()
        command = [
            sys.executable, "-m", "siphonwatch.streams", "run", "--source", broker.url(topic), "--store", redis.url, "--group", prefix,
            "--prefix", prefix, "--http-port", str(self._port), "--idle-seconds", "2", "--log-level", "error",
            "--verdict-topic", f"{topic}.verdicts",
        ]  # fmt: skip
        self.worker = Program(command, folder / f"{prefix}.log")

    def begun(self) -> None:
        """Wait for the worker's first commit."""
        wait_until(lambda: self.offset() > 0, 60, f"the worker to begin\n{self.worker.tail()}")

    def offset(self) -> int:
        """Records that are committed."""
        position, *_ = self.store.positions(1)[0]
        return position.offset if position else 0

    def judged(self) -> bool:
        """Whether the last tick is judged."""
        position, *_ = self.store.positions(1)[0]
        stored = self.store.context()
        return bool(position and stored and snapshot.unpack_context(stored, DEFAULT).closed >= position.last)

    def metric(self, name: str) -> float:
        """A metric's sum over its labels."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=10) as answer:
            families = text_string_to_metric_families(answer.read().decode())
            return sum(sample.value for family in families for sample in family.samples if sample.name == name)


@dataclass(frozen=True)
class Pace:
    """A worker that read a topic as fast as it could."""

    rate: float  # records/s from the first commit to the last
    worker: float  # seconds of a processor, the judging left out
    judging: float  # seconds of a processor: its share of the time that the worker says it spends
    redis: float  # seconds of a processor
    bytes: float  # of Redis, for each account
    accounts: int
    peak: float  # MiB of the worker


def paced(broker: Broker, redis: RedisServer, folder: Path, topic: str, count: int) -> Pace:
    """One worker through a topic of ``count`` records, to its last tick's judging."""
    before, spent = redis.client().info("memory")["used_memory"], _processor(redis)
    live = Live(broker, redis, folder, topic)
    live.begun()
    first, started = live.offset(), time.perf_counter()
    wait_until(lambda: live.offset() >= count, 300, "the worker to read everything")
    rate = (count - first) / (time.perf_counter() - started)
    wait_until(live.judged, 300, "the last tick to be judged")
    process = psutil.Process(live.worker.process.pid)
    used, judging = process.cpu_times(), live.metric("siphonwatch_judging_seconds_sum")
    share = judging / (judging + live.metric("siphonwatch_batch_seconds_sum"))  # both pass while others have the processor, too
    accounts = len(live.store.top(10_000_000))
    held = (redis.client().info("memory")["used_memory"] - before) / accounts
    peak = process.memory_info().rss / 2**20
    live.worker.stop()
    spent_here = used.user + used.system
    return Pace(rate, spent_here * (1 - share), spent_here * share, _processor(redis) - spent, held, accounts, peak)


def _processor(redis: RedisServer) -> float:
    used = redis.client().info("cpu")
    return float(used["used_cpu_user"] + used["used_cpu_sys"])


def delays(broker: Broker, live: Live, topic: str, values: list[bytes], rate: float) -> np.ndarray:
    """Milliseconds from producing an account's last request of a tick to its verdict in the verdict topic."""
    producer = KafkaProducer(bootstrap_servers=broker.servers, linger_ms=5, batch_size=1 << 17)
    wait_until(lambda: live.store.positions(1)[0][0] is not None, 60, f"the worker to begin\n{live.worker.tail()}")
    consumer = KafkaConsumer(bootstrap_servers=broker.servers, enable_auto_commit=False, auto_offset_reset="latest")
    consumer.assign([TopicPartition(f"{topic}.verdicts", 0)])
    consumer.poll(timeout_ms=500)
    sent: dict[tuple[int, str], float] = {}
    found: list[tuple[float, int, str]] = []

    def collect(timeout: int) -> None:
        for arrived in consumer.poll(timeout_ms=timeout).values():
            now = time.perf_counter()
            for record in arrived:
                finding = msgspec.json.decode(record.value)
                if finding["kind"] == "account":
                    found.append((now, finding["tick"], finding["account_id"]))

    keys = msgspec.json.Decoder(dict)
    named = [(value, int(keys.decode(value)["timestamp"] * 1000) // DEFAULT.tick_ms, keys.decode(value)["account_id"]) for value in values]
    started = time.perf_counter()
    for number, (value, tick, account) in enumerate(named):
        while (ahead := number / rate - (time.perf_counter() - started)) > 0:
            collect(int(min(ahead * 1000, 2)))
        producer.send(topic, value=value, partition=0)
        sent[tick, account] = time.perf_counter()
    producer.flush()
    for _ in range(20):
        collect(100)
    last = max(tick for _, tick, _ in named)
    spent = [1000 * (now - sent[tick, account]) for now, tick, account in found if (tick, account) in sent and tick < last]
    producer.close()
    consumer.close()
    return np.array(spent)
