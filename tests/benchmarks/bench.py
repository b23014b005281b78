"""`make bench`: speed, delay and size, from one run on this machine; `make bench SHORT=1` tries the whole in two or three minutes.

Figures that are held against each other are measured in turn, as a machine is seldom as quick as it was. All are printed; those of a
whole run are written to RESULTS.md beside this file.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean, median

import numpy as np
from siphonwatch.streams.stores.redis import RedisStore

from tests.benchmarks import log as logs
from tests.benchmarks import scale
from tests.benchmarks.live import Live, delays, paced
from tests.benchmarks.log import Log
from tests.benchmarks.peers import run as peers
from tests.benchmarks.peers.run import Peer
from tests.benchmarks.polling import polled
from tests.benchmarks.running import CORES, ONE, Ran, middle, ran
from tests.benchmarks.table import table, write
from tests.services.kafka import Broker
from tests.services.redis import RedisServer

SHORT = 40_000  # records of each log in a short run
PACED = 120_000  # records that the delay is measured on

Rows = list[tuple[str, str]]


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    most: int | None  # records of each log
    turns: int  # of what is held against each other


def replaying(log: Log, path: Path, broker: Broker, topic: str, turns: int) -> tuple[Ran, float, float]:
    """(a replay on one core, records/s of plain polling, the ratio of their rates), medians of runs in turn."""
    runs, rates = [], []
    for _ in range(turns):
        runs.append(ran(ONE, "replay", path, "--top", "0"))
        rates.append(polled(broker, topic, log.records))
    ratio = median(log.records / run.seconds / rate for run, rate in zip(runs, rates, strict=True))
    return middle(runs), median(rates), ratio


def processes(log: Log, turns: int) -> float:
    """How much quicker two processes are than one, both with two cores: the median of runs in turn."""
    pairs = [
        (ran(CORES, "replay", log.path, "--top", "0").seconds, ran(CORES, "replay", log.path, "--top", "0", "--workers", "2").seconds)
        for _ in range(turns)
    ]
    return median(one / both for one, both in pairs)


def arena(log: Log, broker: Broker, redis: RedisServer, folder: Path, size: Size) -> tuple[Rows, float]:
    """The rows of the quiet log, and the rate of a live worker on it."""
    kept, packed = folder / "kept", logs.zstd(log, folder)
    gz, plain, ratio = replaying(log, log.path, broker, "quiet", size.turns)
    zst = middle([ran(ONE, "replay", packed, "--top", "0") for _ in range(2)])
    ran(ONE, "replay", log.path, "--top", "0", "--keep", kept)
    backtest = ran(ONE, "backtest", kept, "--set", "flag_odds=2", "--top", "0")
    found, rates = [], [plain]
    for _ in range(size.turns):
        found.append(paced(broker, redis, folder, "quiet", log.records))
        rates.append(polled(broker, "quiet", log.records))
    live = sorted(found, key=lambda pace: pace.rate)[len(found) // 2]
    ratio_live = median(pace.rate / rate for pace, rate in zip(found, rates[1:], strict=True))
    one, million = log.records, log.records / 1e6
    return (
        [
            ("log", f"{log.name}: {one:,} records of {log.size:,.0f} bytes"),
            ("replay on one core, whole command, .jsonl.gz", f"{one / gz.seconds:,.0f} requests/s (aim 50,000)"),
            ("replay on one core, whole command, .jsonl.zst", f"{one / zst.seconds:,.0f} requests/s"),
            ("replay on one core / plain polling", f"{ratio:.2f} (aim 0.45)"),
            ("replay with two processes / with one, on two cores", f"{processes(log, size.turns):.2f} (aim 1.8)"),
            ("backtest of the kept panes / replay of the log, on one core", f"{backtest.seconds / gz.seconds:.2f}"),
            ("live, one worker, real Kafka and Redis (append-only file, synced each second)", f"{live.rate:,.0f} requests/s"),
            ("plain kafka-python polling of the same topic", f"{mean(rates):,.0f} records/s"),
            ("live / plain polling", f"{ratio_live:.2f} (aim 0.33)"),
            ("processor, for a million requests: replay", f"{gz.processor / million:,.0f} s"),
            (
                "processor, for a million requests: live worker; its judging; Redis",
                f"{live.worker / million:,.0f} s; {live.judging / million:,.0f} s; {live.redis / million:,.1f} s",
            ),
            ("Redis, all keys, for each account", f"{live.bytes:,.0f} bytes ({live.accounts:,} accounts)"),
            ("peak memory of a replay; of the live worker at the end", f"{gz.peak:,.0f} MiB; {live.peak:,.0f} MiB"),
        ],
        live.rate,
    )


def crowded(log: Log, broker: Broker, redis: RedisServer, folder: Path, turns: int) -> Rows:
    """The rows of the busy log."""
    run, plain, ratio = replaying(log, log.path, broker, "busy", turns)
    live = paced(broker, redis, folder, "busy", log.records)
    after = polled(broker, "busy", log.records)
    million = log.records / 1e6
    return [
        ("busy log", f"{log.records:,} records of {log.size:,.0f} bytes, {live.accounts:,} accounts, six hours"),
        ("busy log: replay on one core, whole command", f"{log.records / run.seconds:,.0f} requests/s"),
        ("busy log: replay on one core / plain polling", f"{ratio:.2f} (aim 0.45)"),
        ("busy log: live / plain polling", f"{live.rate / mean((plain, after)):.2f} (aim 0.33)"),
        (
            "busy log: processor, for a million requests: live worker; its judging; Redis",
            f"{live.worker / million:,.0f} s; {live.judging / million:,.0f} s; {live.redis / million:,.1f} s",
        ),
        ("busy log: peak memory of a replay; of the live worker", f"{run.peak:,.0f} MiB; {live.peak:,.0f} MiB"),
    ]


def delayed(log: Log, broker: Broker, redis: RedisServer, folder: Path, rate: float) -> Rows:
    """The row of the delay."""
    for topic in ("paced", "paced.verdicts"):
        broker.create(topic, 1)
    live = Live(broker, redis, folder, "paced")
    milliseconds = delays(broker, live, "paced", list(islice(log.values(), PACED)), rate / 2)
    live.worker.stop()
    usual, slowest = np.percentile(milliseconds, [50, 99])
    return [
        (f"produce to verdict at half that rate, {len(milliseconds)} verdicts", f"p50 {usual:,.0f} ms, p99 {slowest:,.0f} ms (aim 500)")
    ]


def beside(found: Sequence[Peer], live: float) -> Rows:
    """The rows of the peers."""
    return [
        (
            f"{peer.name} {peer.version}, the same row folded event by event",
            f"{peer.rate:,.0f} requests/s; live is {live / peer.rate:,.0f} times that",
        )
        for peer in found
    ]


def told(rows: Rows) -> Rows:
    """The rows, shown at once: the whole takes a while."""
    print("\n".join(f"{what}: {figure}" for what, figure in rows), flush=True)
    return rows


def fill(broker: Broker, topic: str, log: Log) -> None:
    """The log in a topic of one partition."""
    broker.create(topic, 1)
    broker.create(f"{topic}.verdicts", 1)
    broker.produce(topic, ((None, value) for value in log.values()), 1)


def main() -> None:
    """Run everything once."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("--short", action="store_true", help="a part of each log, once, and nothing written")
    size = Size(SHORT, 1) if parser.parse_args().short else Size(None, 3)
    load, began = os.getloadavg()[0], time.monotonic()
    quiet, busy = logs.quiet(size.most), logs.busy(size.most)
    folder = Path(tempfile.mkdtemp(prefix="siphonwatch-bench-"))
    broker, redis = Broker(folder / "kafka"), RedisServer(folder / "redis", fsync="everysec")
    try:
        fill(broker, "quiet", quiet)
        rows, rate = arena(quiet, broker, redis, folder, size)
        told(rows)
        rows += told(delayed(quiet, broker, redis, folder, rate))
        rows += told(beside(peers.measured(broker, quiet, folder, size.most), rate))
        rows += told(scale.rows(RedisStore(redis.url, "scale", "scale")))
        fill(broker, "busy", busy)
        rows += told(crowded(busy, broker, redis, folder, 1))
    finally:
        broker.stop()
        redis.stop()
        shutil.rmtree(folder, ignore_errors=True)
    made = table(rows)
    print(f"\n{made}\n\nin {(time.monotonic() - began) / 60:.0f} minutes")
    if size.most is None:
        write(made, load)


if __name__ == "__main__":
    main()
