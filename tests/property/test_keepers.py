"""The accounts kept by several workers: whatever happens to them between and within steps, the end is that of one who keeps all."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import Behind, Fenced, Unavailable
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.stores.base import Position, shards_of
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.worker import keepers, listener
from siphonwatch.streams.worker.judge import Judge
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.listener import Listener
from siphonwatch.streams.worker.metrics import Metrics

PARTITIONS = 3
WORLD = World(accounts=90, days=2.0, prevalence=0.4, seed=5, start=1_780_000_000.0, harvests=("reasoning", "hydra"))
RULED = 60  # ticks from the start, after which analysts have ruled


@cache
def log() -> list[tuple[int, list[Pane]]]:
    """(tick, of each partition its pane) of the whole log."""
    parts = []
    for partition in range(PARTITIONS):
        requests = [one for one in simulate(WORLD).requests if len(one.account_id.encode()) and hash_of(one.account_id) == partition]
        panes = Panes(DEFAULT)
        panes.add(batch(requests, [epoch_ms(request.timestamp) for request in requests]))
        parts.append(dict(panes.seal(panes.last)))
    ticks = sorted({tick for part in parts for tick in part})
    return [(tick, [part.get(tick, Pane()) for part in parts]) for tick in ticks]


def hash_of(account: str) -> int:
    """The partition that an account's records come in: not the one that keeps it."""
    return sum(account.encode()) % PARTITIONS


class Faulty:
    """A store that does not answer now and then: before it did what it was asked, or after."""

    def __init__(self, store: MemoryStore, chance: random.Random, often: float) -> None:
        self._store, self._chance, self.often = store, chance, often
        self.moves: Callable[[], None] = lambda: None  # moves a shard, just before a judging would be closed

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)

        def call(*values: Any, **more: Any) -> Any:
            if name == "judged" and self._chance.random() < 3 * self.often:
                self.moves()
            if name in ("post", "answer") and self._chance.random() < self.often:
                method(*values[:-1], b"rubbish")  # somebody else writes there
            fails = self._chance.random() < self.often and name not in ("posted", "answers")
            if fails and self._chance.random() < 0.5:
                raise Unavailable(f"{name} was not asked")
            result = method(*values, **more)
            if fails:
                raise Unavailable(f"the answer of {name} was lost")
            return result

        return call


class Fleet:
    """Three workers' keepers and the judge of one of them, and a log that arrives."""

    def __init__(self, chance: random.Random, often: float) -> None:
        self.real = MemoryStore()
        self.count = PARTITIONS  # of the topic
        self.store = Faulty(self.real, chance, often)
        self.listeners: list[Listener] = []
        self.keepers = [self._keeper() for _ in range(PARTITIONS)]
        self.fences = [self.real.claim(partition).fence for partition in range(PARTITIONS)]
        self.store.moves = self.move
        self.judge: Judge | None = None
        self.zombies: list[Judge] = []

    def _keeper(self) -> Keeper:
        keeper = Keeper(self.store, prior.load(), DEFAULT, Metrics())  # type: ignore[arg-type]
        self.listeners.append(Listener(self.store, keeper))  # type: ignore[arg-type]
        self.listeners[-1].start()
        return keeper

    def arrive(self, tick: int, panes: list[Pane]) -> None:
        first = Pane()
        for pane in panes[self.count :]:  # of partitions that are not there yet
            first.add(pane.accounts, pane.filled)
        first.add(panes[0].accounts, panes[0].filled)
        for partition, pane in enumerate([first, *panes[1 : self.count]]):
            position = Position(tick, Clock(0), tick + 1, tick)
            changed = {tick: (pane.accounts, pane.filled)} if pane.accounts else {}
            self.real.commit(partition, self.fences[partition], position, changed, dict.fromkeys(changed, np.zeros(0, np.uint64)))

    def replace(self, partition: int) -> None:
        """Another worker takes over, and the one before does not hear of it."""
        self.keepers[partition] = self._keeper()
        if partition == 0 and self.judge is not None:
            self.zombies.append(self.judge)
            self.judge = None

    def move(self) -> None:
        """Another worker takes over at once, whatever is going on."""
        partition = 1 + len(self.listeners) % (PARTITIONS - 1)
        self.keepers[partition] = self._keeper()
        with contextlib.suppress(Unavailable):
            self.keepers[partition].assign({partition}, PARTITIONS)

    def step(self) -> int:
        """One round of every worker's loop."""
        judged = 0
        for partition, keeper in enumerate(self.keepers[: self.count]):
            try:
                keeper.assign({partition}, self.count)
                keeper.check()
                if partition == 0:
                    self.judge = self.judge or Judge(self.store, Sinks(), Metrics(), prior.load(), DEFAULT, keeper)  # type: ignore[arg-type]
                    judged += self.judge.step(self.count)
            except Unavailable:
                if self.judge is not None:
                    self.judge.doubt()
            except Fenced:
                self.judge = None
        for zombie in self.zombies:
            try:
                zombie.step(self.count)
            except (Unavailable, Behind):
                zombie.doubt()
            except Fenced:
                self.zombies.remove(zombie)
                break
        return judged

    def close(self) -> None:
        for each in self.listeners:
            each._leaving.set()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is slow, so nobody waits for long."""
    monkeypatch.setattr(keepers, "LOOKS", 0.02)
    monkeypatch.setattr(keepers, "AGAIN", 0.1)
    monkeypatch.setattr(listener, "LISTENS", 0.2)
    monkeypatch.setattr(listener, "PAUSE", 0.02)


def rulings() -> list[Ruling]:
    names = [name for _, panes in log()[:RULED] for pane in panes for name in pane.accounts]
    return [Ruling("1", names[0], True, "a", 1.0), Ruling("2", names[5], False, "a", 2.0, days=1.0)]


def run(fleet: Fleet, chance: random.Random, harm: float, grows: int = -1) -> dict[str, Any]:
    """Judge the log; what stands in the store at the end. The topic gets one partition more every ``grows`` ticks."""
    closed = -1
    for number, (tick, panes) in enumerate(log()):
        if grows > 0 and number and number % grows == 0:
            fleet.count = min(fleet.count + 1, PARTITIONS)
        fleet.arrive(tick, panes)
        if number == RULED:
            for ruling in rulings():
                fleet.real.rule(ruling)
        if chance.random() < harm:
            fleet.replace(chance.randrange(PARTITIONS))
        if number % 7 and number != RULED - 1 and number != len(log()) - 1:
            continue
        while closed < tick:
            fleet.step()
            lead = fleet.real._closed
            closed = lead
    fleet.store.often = 0.0
    for _ in range(3):
        fleet.step()
    fleet.close()
    kept = fleet.real.load(fleet.real.hold("end", [], range(SHARDS)))
    assert kept.faults == []
    findings = [finding for _, finding in fleet.real._findings]
    return {
        "accounts": dict(zip(kept.accounts, kept.values, strict=True)), "verdicts": kept.verdicts, "context": kept.context,
        "findings": findings, "standings": fleet.real.standings(), "rulings": fleet.real.rulings(),
    }  # fmt: skip


@pytest.fixture(scope="module")
def calm() -> dict[str, Any]:
    chance = random.Random(0)
    fleet = Fleet(chance, 0.0)
    fleet.keepers[0].assign(range(PARTITIONS), PARTITIONS)
    alone = fleet.keepers[0]
    fleet.keepers = [alone]
    alone.assign = lambda *_: None  # type: ignore[method-assign]
    found = run(fleet, chance, 0.0)
    assert len(found["verdicts"]) > 1, "somebody is not clear"
    assert len({shard_of(name) for name in found["accounts"]}) > 50
    return found


def same(left: dict[str, Any], right: dict[str, Any]) -> None:
    for what, value in left.items():
        assert value == right[what], what


def test_three_workers_say_what_one_says(calm: dict[str, Any]) -> None:
    chance = random.Random(1)
    fleet = Fleet(chance, 0.0)
    found = run(fleet, chance, 0.0)
    for partition, keeper in enumerate(fleet.keepers):
        mine = set(shards_of(partition, PARTITIONS))
        assert {shard_of(name) for name in keeper.shard.everybody()} <= mine, "nobody loads what is not theirs"
    same(found, calm)


@pytest.mark.parametrize("seed", range(4))
def test_whatever_moves_and_whatever_does_not_answer_the_end_is_the_same(calm: dict[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    same(run(Fleet(chance, 0.02), chance, 0.08), calm)


def test_a_topic_that_gets_more_partitions(calm: dict[str, Any]) -> None:
    chance = random.Random(7)
    fleet = Fleet(chance, 0.0)
    fleet.count = 1
    same(run(fleet, chance, 0.0, grows=len(log()) // 3), calm)
    assert [len(keeper.shard.accounts) > 0 for keeper in fleet.keepers] == [True] * PARTITIONS
