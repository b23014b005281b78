"""A judge that takes over, from a store that then loses something: what it was told of the judging before, it can say again."""

from __future__ import annotations

from dataclasses import replace

import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.stores.base import Position
from siphonwatch.streams.stores.memory import MemoryStore

from tests.services.judges import judge_of_all

REQUESTS = simulate(World(accounts=5, days=0.5, seed=1, start=1_780_000_000.0)).requests


def filled(store: MemoryStore, requests: int = len(REQUESTS)) -> None:
    """What a worker reads first of all."""
    panes, fence, some = Panes(DEFAULT), store.claim(0).fence, REQUESTS[:requests]
    added = panes.add(batch(some, [epoch_ms(each.timestamp) for each in some]))
    store.commit(0, fence, Position(len(some), panes.clock, panes.watermark, panes.last), added.changed, added.ids)


def test_what_was_read_is_told_again_by_a_judge_that_judged_nothing_itself() -> None:
    store = MemoryStore()
    filled(store)
    judge, _ = judge_of_all(store)
    assert judge.step(1) > 0
    before = store.claim(0)
    assert (before.closed, before.judged) == (judge.engine.context.closed, len(REQUESTS))
    after, _ = judge_of_all(store)
    after.step(1)
    store._lead = replace(store._lead, context=None, judged="", shards=[""] * len(store._lead.shards))  # and all else of it
    store._lead.fence.mark, store._closed, store._read_to = "", UNSEALED, []
    after.doubt()
    after.step(1)
    found = store.claim(0)
    assert (found.closed, found.judged) == (before.closed, before.judged)


def test_who_reads_again_finds_that_judging_has_begun_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A partition may be claimed as soon as it is rewound: none of its ticks is taken for judged then."""
    store, closed = MemoryStore(), list[int]()
    filled(store)
    judge_of_all(store)[0].step(1)
    rewind = store.rewind

    def watched(partition: int) -> None:
        rewind(partition)
        closed.append(store.claim(partition).closed)

    monkeypatch.setattr(store, "rewind", watched)
    store._lead = replace(store._lead, context=None, judged="")  # accounts without it mean nothing
    after, _ = judge_of_all(store)
    after.step(1)
    assert closed == [UNSEALED]


def test_a_step_that_was_cut_short_goes_on_though_it_is_forgotten_who_keeps_what(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    filled(store)
    judge, keeper = judge_of_all(store)

    def away(*_: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(store, "judged", away)
        with pytest.raises(Unavailable):
            judge.step(1)
    store._owners.of.clear()
    for _ in range(3):
        keeper.check()
        judge.step(1)
    assert judge.engine.context.closed > UNSEALED
    assert store.context() is not None


def test_how_far_back_the_log_reaches_is_asked_once_all_partitions_are_claimed() -> None:
    """One that was just rewound has no position: that says nothing of the log, and what is lost is not yet given up."""
    store = MemoryStore()
    filled(store)
    judge_of_all(store)[0].step(1)
    judge, keeper = judge_of_all(store)
    keeper._lost = True
    store.rewind(0)
    judge._reaches = lambda: pytest.fail("it was asked")
    assert judge.step(1) == 0
    assert keeper._lost
    filled(store)
    judge._reaches = lambda: True
    judge.step(1)
    assert not keeper._lost
