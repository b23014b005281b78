"""Where chaos happens: a broker, a Redis, three workers, and a log that is written all the while."""

from __future__ import annotations

import contextlib
import random
import re
import threading
import time
import urllib.request
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import redis
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.stores.redis.server import LAYOUT, shard_in
from siphonwatch.streams.worker import wire

from tests.integration.harness import Pipeline
from tests.services.kafka import Broker
from tests.services.process import Program, free_port, wait_until
from tests.services.redis import RedisServer

WORKERS, PARTITIONS = 3, 3
HASH_KEY = "given, as a store that is emptied takes one of its own along"
COUNTED = re.compile(r"^siphonwatch_(store_faults|waits|dead_letters)_total\{(.*)\} ([0-9.]+)$", re.MULTILINE)
LABEL = re.compile(r'"([^"]*)"')


@dataclass
class Living:
    """A worker, and what its metrics said when they were last read."""

    name: str
    program: Program
    port: int
    counts: dict[str, float] = field(default_factory=dict)
    judges: bool = False

    def read(self) -> None:
        """Read its metrics, if it answers."""
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=2) as answer:
            text = answer.read().decode()
            found = COUNTED.findall(text)
            self.counts = {f"{what}: {', '.join(LABEL.findall(labels))}": float(count) for what, labels, count in found if float(count)}
            self.judges = "\nsiphonwatch_judge 1.0\n" in text


@dataclass
class Scene:
    """Everything that deeds are done to."""

    folder: Path
    rng: random.Random
    records: list[tuple[bytes, bytes]]
    seconds: float  # that the log is written for

    def __post_init__(self) -> None:
        self.broker, self.redis = Broker(self.folder / "kafka"), RedisServer(self.folder / "redis")
        if self.broker.external or self.redis.external:
            raise SystemExit("chaos needs services of its own: unset SIPHONWATCH_TEST_KAFKA and SIPHONWATCH_TEST_REDIS")
        self.live = self.pipeline(self.folder)
        self.prefix = f"{self.live.prefix}:{LAYOUT}:"
        self.living: list[Living] = []
        self.ended: list[Living] = []
        self.written = 0
        self._stop = threading.Event()
        self._writing = threading.Thread(target=self._write, daemon=True)

    def pipeline(self, folder: Path, topic: str = "") -> Pipeline:
        """Workers with keys of their own on the topic."""
        given, kept = {"SIPHONWATCH_PRIVACY_HASH_KEY": HASH_KEY}, HashKey(HASH_KEY).kept
        return Pipeline(self.broker, self.redis, folder, PARTITIONS, ("--batch", "200"), topic, secret=kept, environment=given)

    # ------------------------------------------------------------------------------------------------ the log

    def begin(self) -> None:
        """Start to write the log, and the workers."""
        self._writing.start()
        for _ in range(WORKERS):
            self.start()

    def _write(self) -> None:
        """Write the log evenly over the run. What a broker does not acknowledge is written again, so some of it may be there twice."""
        begun = time.monotonic()
        while self.written < len(self.records):
            due = len(self.records) if self._stop.is_set() else int((time.monotonic() - begun) / self.seconds * len(self.records))
            with contextlib.suppress(KafkaError, AssertionError):
                self.broker.produce(self.live.topic, self.records[self.written : due])
                self.written = due
            self._stop.wait(0.5)

    def count(self) -> int:
        """Records in the topic."""
        consumer = KafkaConsumer(bootstrap_servers=self.broker.servers)
        try:
            return sum(consumer.end_offsets([TopicPartition(self.live.topic, each) for each in range(PARTITIONS)]).values())
        finally:
            consumer.close()

    # ------------------------------------------------------------------------------------------------ workers

    def start(self) -> Living:
        """Start a worker."""
        port = free_port()
        living = Living(f"worker {len(self.living) + len(self.ended) + 1}", self.live.worker("--http-port", str(port)), port)
        self.living.append(living)
        return living

    def kill(self, living: Living) -> None:
        """End a worker at once."""
        living.read()
        living.program.kill()
        self.living.remove(living)
        self.ended.append(living)

    @property
    def judge(self) -> Living:
        """The worker that judges, or any where none says so."""
        self.look()
        return next((each for each in self.living if each.judges), self.living[0])

    @property
    def others(self) -> list[Living]:
        """The workers that keep accounts, and do not judge."""
        judge = self.judge
        return [each for each in self.living if each is not judge]

    def look(self) -> None:
        """Read what the workers count; none of them may have ended by itself."""
        for living in self.living:
            assert living.program.running, f"{living.name} ended by itself:\n{living.program.tail()}"
            living.read()

    def counts(self) -> Counter[str]:
        """What all workers counted, as far as it was read."""
        return sum((Counter(living.counts) for living in self.living + self.ended), Counter())

    # ------------------------------------------------------------------------------------------------ the store

    def client(self) -> Any:
        """A connection to Redis as its operator has one."""
        return redis.Redis(port=self.redis.port, socket_timeout=20)

    def keys(self, name: str, shard: int | None = None) -> list[bytes]:
        """The keys named so, of all partitions and shards; or of one shard."""
        tag = "*}" if shard is None else f"{{{self.live.topic}:s{shard}}}"
        return sorted(self.client().scan_iter(f"{self.prefix}{tag}:{name}", count=1000))

    def shard(self) -> int:
        """Any shard that has accounts; any at all where none has."""
        return shard_in(self.rng.choice(keys).decode()) if (keys := self.keys("accounts")) else self.rng.randrange(SHARDS)

    def asked(self, call: str, seconds: float) -> bool:
        """Wait until a judge asks other workers for this; whether it did so in time."""
        client, key, ends = self.client(), f"{self.prefix}{{{self.live.topic}}}:asks", time.monotonic() + seconds
        place: bytes | str = "$"
        with contextlib.suppress(redis.RedisError):  # an earlier deed was not yet repaired
            while (left := ends - time.monotonic()) > 0:
                for _, said in client.xread({key: place}, block=max(int(left * 1000), 1)):
                    place = said[-1][0]
                    for _, fields in said:
                        with contextlib.suppress(msgspec.DecodeError, KeyError):
                            if msgspec.msgpack.decode(fields[b"message"], type=wire.Ask).call == call:
                                return True
        return False

    @property
    def read(self) -> int:
        """Records that are stored, as far as Redis says."""
        try:
            return self.live.read
        except Unavailable:
            return 0

    @property
    def due(self) -> int:
        """The newest tick that may be judged now, as far as Redis says."""
        positions = [each.position for each in self.live.store.positions(PARTITIONS)]
        return min(UNSEALED if position is None else position.watermark - 1 for position in positions)

    def judged(self, tick: int) -> bool:
        """Whether this tick was judged, as far as Redis says; the workers are looked at as well."""
        self.look()
        with contextlib.suppress(Unavailable, msgspec.DecodeError):  # what an earlier deed did is not yet repaired
            return self.live.closed >= tick
        return False

    # ------------------------------------------------------------------------------------------------ the end

    def finish(self) -> None:
        """Let everything be read and judged to the end."""
        self._stop.set()
        self._writing.join(600)
        assert not self._writing.is_alive(), "the log could not be written to its end"
        written = self.count()

        def all_read() -> bool:
            self.look()
            return self.read >= written

        wait_until(all_read, 30, "all records to be stored")
        wait_until(lambda: self.judged(self.due), 60, "those who live to judge what is due")
        self.live.finish(written, 60)

    def close(self) -> None:
        """End what still runs."""
        self._stop.set()
        for worker in self.live.workers:
            if worker.running:
                worker.kill()
        self.broker.program.kill()
        self.redis.program.kill()
        self._writing.join(1)
