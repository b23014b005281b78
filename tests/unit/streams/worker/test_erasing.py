"""An account that was erased while the judging holds it, a campaign names it, and open panes have more of it: nothing of it comes back."""

from __future__ import annotations

import numpy as np
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Position
from siphonwatch.streams.stores.memory import MemoryStore

from tests.quality.groups_of import of_hydra
from tests.services.judges import judge_of_all

NOTHING = np.zeros(0, np.uint64)


def test_the_judging_lets_go_of_it_and_takes_only_what_came_later() -> None:
    requests = of_hydra(1, frozenset({"addresses:shared", "division:balanced"})).requests
    panes = Panes(DEFAULT)
    panes.add(batch(requests, [epoch_ms(request.timestamp) for request in requests]))
    ticks = panes.seal(panes.last)
    store = MemoryStore()
    epoch = store.claim(0).fence

    def arrive(tick: int, accounts: list[str], rows: np.ndarray) -> None:
        position = Position(1, Clock(0), tick + 1, tick)
        store.commit(0, epoch, position, {tick: (accounts, rows)}, {tick: NOTHING})

    judge, keeper = judge_of_all(store)
    for tick, pane in ticks[:-2]:
        arrive(tick, pane.accounts, pane.filled)
    while judge.step(1):
        pass
    member = next(each for each in judge.engine.context.campaigns[0].members if each not in ticks[-2][1].accounts)
    assert store.account(member) is not None

    store.erase(member)
    store._erased = dict.fromkeys(store._erased, ticks[-2][0] * DEFAULT.tick_ms / 1000 + 1)  # the log is of the past, the erasing of today
    accounts = keeper.shard.accounts
    row = accounts.rows[accounts.index[member] :][:1].copy()
    (tick, pane), (last, later) = ticks[-2:]
    arrive(tick, [*pane.accounts, member], np.concatenate([pane.filled, row]))
    judge.step(1)
    assert store.account(member) is None, "what an open pane held of it was judged again"
    assert member not in {*judge.engine.context.named, *keeper.shard.everybody()}
    stored = store.context()
    assert stored is not None
    assert member.encode() not in stored
    assert all(member not in one.members for one in snapshot.unpack_context(stored, DEFAULT).campaigns)

    tomorrow = last + 86_400_000 // DEFAULT.tick_ms
    arrive(tomorrow, [*later.accounts, member], np.concatenate([later.filled, row]))
    judge.step(1)
    assert store.account(member) is not None, "it is a customer like any other from then on"
