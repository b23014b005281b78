"""A crowd: very many accounts of one request each in one tick. How long Redis stands still for others, and what the judge takes.

``make chaos`` runs it after the chaos and appends its table to ``RESULTS.md``. Judge and other client are processes of their own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec
import redis
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.stores.base import Position
from siphonwatch.streams.stores.redis import RedisStore

from tests.services.judges import judge_of_all
from tests.services.redis import RedisServer

RESULTS = Path(__file__).with_name("RESULTS.md")
ACCOUNTS = 200_000
COMMIT = 2000  # rows of one commit, as the worker's own
Row = tuple[str, float, float, float]  # step, seconds, longest wait in ms, largest memory in GB


def largest() -> float:
    """The largest memory of this process so far, in GB: what its parent took before it began is not of it, as it would be for getrusage."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"^VmHWM:\s*([0-9]+) kB", status, re.MULTILINE)[1]) / 2**20  # type: ignore[index]


def _other(port: int, asked: Connection) -> None:
    """Another client: what it waits for at most, from one question to the next."""
    client, longest = redis.Redis(port=port), 0.0
    while True:
        begun = time.perf_counter()
        client.ping()
        longest = max(longest, time.perf_counter() - begun)
        if asked.poll(0.001):
            if asked.recv() is None:
                return
            asked.send(longest)
            longest = 0.0


class Watch:
    """Times steps, and asks the other client how long it waited meanwhile."""

    def __init__(self, port: int) -> None:
        self.rows: list[Row] = []
        self._ours, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.get_context("spawn").Process(target=_other, args=(port, theirs), daemon=True)
        self._process.start()
        self._waited()

    def _waited(self) -> float:
        self._ours.send("how long")
        return float(self._ours.recv())

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """A step of the table."""
        self._waited()
        begun = time.perf_counter()
        yield
        took = time.perf_counter() - begun
        self.rows.append((name, took, self._waited() * 1000, largest()))

    def close(self) -> None:
        """End the other client."""
        self._ours.send(None)
        self._process.join(10)


def requests(accounts: int) -> Iterator[list[Request]]:
    """One request an account within one tick, then what moves the clock past it."""
    sample = simulate(World(accounts=5, days=0.1, seed=1, start=1_780_000_000.0)).requests[0]
    tick = DEFAULT.tick_ms // 1000
    start = (1_780_000_000 // tick + 1) * tick

    def one(number: int, at: float) -> Request:
        return msgspec.structs.replace(sample, account_id=f"acct_{number:08d}", request_id=f"r{number}", timestamp=at)

    for first in range(0, accounts, COMMIT):
        yield [one(number, start + number / accounts * (tick - 100)) for number in range(first, min(first + COMMIT, accounts))]
    yield [one(accounts, start + 1.3 * tick + number / 100) for number in range(400)]


def fill(url: str, accounts: int) -> None:
    """What a worker commits of it."""
    store = RedisStore(url, "t", "crowd")
    panes, fence, offset = Panes(DEFAULT), store.claim(0).fence, 0
    for some in requests(accounts):
        added, offset = panes.add(batch(some, [epoch_ms(each.timestamp) for each in some], bytes(16))), offset + len(some)
        store.commit(0, fence, Position(offset, panes.clock, panes.watermark, panes.last), added.changed, added.ids)


def judged(port: int, url: str, answer: Any) -> None:
    """The judge's process: judge the tick, write everything, and begin again."""
    watch, store = Watch(port), RedisStore(url, "t", "crowd")
    judge, keeper = judge_of_all(store)
    with watch.step("judge the tick and write it"):
        assert judge.step(1) == 1
    with watch.step("write everything again"):
        keeper.settle()
    watch.close()
    answer.put(watch.rows)


def begun(port: int, url: str, answer: Any) -> None:
    """Another judge's process: load it."""
    watch, store = Watch(port), RedisStore(url, "t", "crowd")
    with watch.step("a new judge loads it"):
        _, keeper = judge_of_all(store)
    assert len(keeper.shard.accounts) > 0
    watch.close()
    answer.put(watch.rows)


def crowd(accounts: int, folder: Path) -> list[Row]:
    """The table."""
    server, spawn = RedisServer(folder / "redis", "everysec"), multiprocessing.get_context("spawn")
    try:
        watch = Watch(server.port)
        with watch.step("a worker commits it"):
            fill(server.url, accounts)
        watch.close()
        rows = watch.rows
        for part in (judged, begun):
            answer = spawn.Queue()
            process = spawn.Process(target=part, args=(server.port, server.url, answer))
            process.start()
            rows += answer.get(timeout=600)
            process.join(30)
        return rows
    finally:
        server.stop()


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=ACCOUNTS)
    accounts = parser.parse_args().accounts
    rows = crowd(accounts, Path(tempfile.mkdtemp(prefix="crowd-")))
    lines = [
        "# A crowd",
        "",
        f"{accounts:,} accounts of one request each in one tick, and a Redis whose file is synced each second:",
        "",
        "| step | takes | longest wait of another client for a PING | largest memory of the process |",
        "| --- | --- | --- | --- |",
        *(f"| {step} | {took:.1f} s | {waited:.0f} ms | {memory:.2f} GB |" for step, took, waited, memory in rows),
        "",
    ]
    print("\n".join(lines))
    before = RESULTS.read_text(encoding="utf-8").split("# A crowd")[0].rstrip() if RESULTS.exists() else ""
    RESULTS.write_text(f"{before}\n\n" + "\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
