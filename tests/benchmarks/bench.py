"""`make bench`: speed, delay and size, from one run on this machine.

Reads the arena's log where it lies beside the clone, simulated traffic elsewhere. Every figure is printed, and written to
RESULTS.md beside this file.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import psutil
import zstandard
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.sources.files import read
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.redis import RedisStore

from tests.conftest import ARENA
from tests.services.kafka import Broker
from tests.services.process import Program, wait_until
from tests.services.redis import RedisServer

HERE = Path(__file__).parent


def records(folder: Path) -> tuple[Path, str]:
    """(a log, what it is)."""
    arena = ARENA / "dev" / "requests.jsonl.gz"
    if arena.is_file():
        return arena, "the arena's log"
    path = folder / "simulated.jsonl"
    subprocess.run([sys.executable, "-m", "siphonwatch.streams", "simulate", str(path), "--accounts", "4000", "--days", "3"], check=True)
    return path, "simulated traffic (the arena is absent)"


@dataclass(frozen=True)
class Ran:
    """One command, run to its end."""

    seconds: float
    processor: float  # seconds of it, all processes
    peak: float  # MiB of the largest process


def ran(cores: set[int], *words: str | Path) -> Ran:
    """Run `siphonwatch` with ``words`` on ``cores``."""
    command = [sys.executable, "-m", "siphonwatch.streams", *map(str, words)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return Ran(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def plain_polling(broker: Broker, topic: str, count: int) -> float:
    """Records a second that a bare kafka-python consumer polls from the same topic."""
    consumer = KafkaConsumer(
        bootstrap_servers=broker.servers, enable_auto_commit=False, auto_offset_reset="earliest", max_poll_records=8192,
        fetch_max_bytes=32 << 20, max_partition_fetch_bytes=8 << 20,
    )  # fmt: skip
    tp = TopicPartition(topic, 0)
    consumer.assign([tp])
    consumer.seek_to_beginning(tp)
    seen, started = 0, 0.0
    while seen < count:
        found = consumer.poll(timeout_ms=1000)
        if not started and found:
            started = time.perf_counter()
            seen = -sum(map(len, found.values()))
            count += seen
            seen = 0
            continue
        seen += sum(map(len, found.values()))
    rate = seen / (time.perf_counter() - started)
    consumer.close()
    return rate


class Live:
    """A worker on a topic, and what can be seen of it from outside."""

    def __init__(self, broker: Broker, redis: RedisServer, folder: Path, topic: str) -> None:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        self.store = RedisStore(redis.url, topic, prefix)
        command = [
            sys.executable, "-m", "siphonwatch.streams", "run", "--source", broker.url(topic), "--store", redis.url, "--group", prefix,
            "--prefix", prefix, "--http-port", "0", "--idle-seconds", "2", "--log-level", "error",
            "--verdict-topic", f"{topic}.verdicts",
        ]  # fmt: skip
        self.worker = Program(command, folder / f"{prefix}.log")

    def offset(self) -> int:
        position, *_ = self.store.positions(1)[0]
        return position.offset if position else 0

    def judged(self) -> bool:
        position, *_ = self.store.positions(1)[0]
        stored = self.store.context()
        return bool(position and stored and snapshot.unpack_context(stored, DEFAULT).closed >= position.last)


def live_rate(live: Live, count: int) -> float:
    """Records a second between the first commit and the last."""
    wait_until(lambda: live.offset() > 0, 60, f"the worker to begin\n{live.worker.tail()}")
    first, started = live.offset(), time.perf_counter()
    wait_until(lambda: live.offset() >= count, 300, "the worker to read everything")
    return (count - first) / (time.perf_counter() - started)


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


def machine() -> str:
    """What this ran on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"
    )


def main() -> None:
    """Run everything once."""
    folder = Path(tempfile.mkdtemp(prefix="siphonwatch-bench-"))
    path, what = records(folder)
    values = [record for chunk in read(path) for record in chunk.records]
    count, size = len(values), sum(map(len, values)) / len(values)
    packed = folder / "log.jsonl.zst"
    packed.write_bytes(zstandard.ZstdCompressor(level=6).compress(b"\n".join(values)))
    one, all_cores = {min(os.sched_getaffinity(0))}, os.sched_getaffinity(0)
    kept, millions = folder / "kept", count / 1e6
    gz, zst = ran(one, "replay", path, "--top", "0", "--keep", kept), ran(one, "replay", packed, "--top", "0")
    backtest = ran(one, "backtest", kept, "--set", "flag_odds=2", "--top", "0")
    alone, both = ran(all_cores, "replay", path, "--top", "0"), ran(all_cores, "replay", path, "--top", "0", "--workers", "2")
    broker, redis = Broker(folder / "kafka"), RedisServer(folder / "redis", fsync="everysec")
    try:
        broker.create("requests", 1)
        broker.produce("requests", ((None, value) for value in values), 1)
        plain_before = plain_polling(broker, "requests", count)
        before = redis.client().info("memory")["used_memory"]
        live = Live(broker, redis, folder, "requests")
        rate = live_rate(live, count)
        wait_until(live.judged, 300, "the last tick to be judged")
        spent, redis_cpu = psutil.Process(live.worker.process.pid).cpu_times(), redis.client().info("cpu")
        worker_spent, redis_spent = spent.user + spent.system, redis_cpu["used_cpu_user"] + redis_cpu["used_cpu_sys"]
        peak = psutil.Process(live.worker.process.pid).memory_info().rss / 2**20
        accounts = len(live.store.lead().accounts)
        used = (redis.client().info("memory")["used_memory"] - before) / accounts
        live.worker.stop()
        plain = (plain_before + plain_polling(broker, "requests", count)) / 2
        broker.create("paced", 1)
        broker.create("paced.verdicts", 1)
        second = Live(broker, redis, folder, "paced")
        milliseconds = delays(broker, second, "paced", values[: min(count, 120_000)], rate / 2)
        second.worker.stop()
    finally:
        broker.stop()
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)
    middle, slowest = np.percentile(milliseconds, [50, 99])
    lines = [
        f"| log | {what}: {count:,} records of {size:,.0f} bytes |",
        f"| replay on one core, whole command, .jsonl.gz | {count / gz.seconds:,.0f} requests/s (aim 50,000) |",
        f"| replay on one core, whole command, .jsonl.zst | {count / zst.seconds:,.0f} requests/s |",
        f"| replay on one core / plain polling | {count / gz.seconds / plain:.2f} (aim 0.45) |",
        f"| replay with two processes / with one, on two cores | {alone.seconds / both.seconds:.2f} (aim 1.8) |",
        f"| backtest of the kept panes / replay of the log, on one core | {backtest.seconds / gz.seconds:.2f} |",
        "| processor, for a million requests: replay; live worker that judges; Redis | "
        f"{gz.processor / millions:,.0f} s; {worker_spent / millions:,.0f} s; {redis_spent / millions:,.0f} s |",
        f"| live, one worker, real Kafka and Redis (append-only file, synced each second) | {rate:,.0f} requests/s |",
        f"| plain kafka-python polling of the same topic | {plain:,.0f} records/s |",
        f"| live / plain polling | {rate / plain:.2f} (aim 0.33) |",
        f"| produce to verdict at half that rate, {len(milliseconds)} verdicts | p50 {middle:,.0f} ms, p99 {slowest:,.0f} ms (aim 500) |",
        f"| Redis, all keys, for each account | {used:,.0f} bytes ({accounts:,} accounts) |",
        f"| peak memory of a replay; of the live worker at the end | {gz.peak:,.0f} MiB; {peak:,.0f} MiB |",
    ]  # fmt: skip
    table = "\n".join(["| what | figure |", "| --- | --- |", *lines])
    print(table)
    text = (HERE / "RESULTS.md").read_text(encoding="utf-8") if (HERE / "RESULTS.md").exists() else ""
    head = text.split("<!-- figures -->")[0] if "<!-- figures -->" in text else "# Speed\n\n"
    tail = text.split("<!-- end of figures -->")[1] if "<!-- end of figures -->" in text else "\n"
    stamp = f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench` on {machine()}."
    (HERE / "RESULTS.md").write_text(f"{head}<!-- figures -->\n{stamp}\n\n{table}\n<!-- end of figures -->{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
