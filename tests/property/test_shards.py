"""It does not matter how many shards hold the accounts: findings, states, records, verdicts and the context are the same to the byte."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.scorer import Scorer
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.judging.shards import Local
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.detector.sketch.row import to_bytes
from siphonwatch.detector.verdicts import finding
from siphonwatch.streams.common import prior
from siphonwatch.streams.stores import snapshot

from tests.quality.groups_of import of_hydra

HYDRA = frozenset({"addresses:shared", "division:balanced"})
BOUNDED = replace(DEFAULT, accounts_most=SHARDS, link_most=120, queue_most=40)  # one account a shard, and little looked at
RULED = "a ruling"


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return of_hydra(1, HYDRA).requests


def engine(settings: Settings, count: int) -> Engine:
    context = Context(height=settings.flag_odds)
    shards = [Shard(Scorer(prior.load(), settings, context)) for _ in range(count)]
    return Engine(prior.load(), settings, context, Local(shards))


def ticks(requests: list[Request], settings: Settings) -> list[tuple[int, Pane]]:
    panes = Panes(settings)
    panes.add(batch(requests, [epoch_ms(each.timestamp) for each in requests]))
    return panes.seal(panes.last)


def told(requests: list[Request], settings: Settings, count: int) -> dict[str, Any]:
    """All that ``count`` shards have to say of a log, with one account and one campaign ruled on in its middle."""
    made, found, due = engine(settings, count), [], ticks(requests, settings)
    for number, (tick, pane) in enumerate(due):
        if number == len(due) // 2:
            strongest = sorted(made.verdicts.values(), key=lambda one: (-one.evidence, one.account_id))[0]
            rulings = [Ruling("a", strongest.account_id, True, given=1.0), Ruling("b", due[0][1].accounts[0], None, given=2.0, days=0.5)]
            rulings += [Ruling("c", one.name, False, given=3.0) for one in made.context.campaigns[:1]]
            made.hear(rulings)
        found += made.close(tick, [Pane(dict(pane.index), pane.rows.copy())])
    accounts = {}
    for shard in made.shards.all(lambda shard: shard):
        rows, records = shard.accounts.known()
        accounts |= {
            name: row + record.tobytes() for name, row, record in zip(shard.accounts.ids, to_bytes(rows), records, strict=True)
        }  # fmt: skip
    return {
        "findings": [finding.encode(one) for one in found],
        "accounts": accounts,
        "verdicts": made.verdicts,
        "context": snapshot.pack_context(made),
        "rulings": made.teaching.rulings,
        "crowded": made.take_crowded(),
        "dropped": sorted(made.take_changes()[1]),
    }


@pytest.fixture(scope="module")
def whole(requests: list[Request]) -> dict[str, Any]:
    return told(requests, DEFAULT, 1)


def test_something_was_found_and_ruled(whole: dict[str, Any]) -> None:
    kinds = {one[:40] for one in whole["findings"]}
    assert any(b"campaign" in kind for kind in kinds)
    assert all(ruling.accounts for ruling in whole["rulings"])
    assert whole["crowded"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("count", [3, 16])
def test_any_number_of_shards_says_the_same(requests: list[Request], whole: dict[str, Any], count: int) -> None:
    parts = told(requests, DEFAULT, count)
    assert parts == whole


def test_what_is_let_go_at_the_bounds_is_the_same(requests: list[Request]) -> None:
    one, many = told(requests, BOUNDED, 1), told(requests, BOUNDED, 7)
    assert one["crowded"] > 0
    assert len(one["accounts"]) <= SHARDS
    assert many == one


def test_the_least_suspicious_are_let_go(requests: list[Request]) -> None:
    free, bounded = engine(DEFAULT, 1), engine(BOUNDED, 1)
    for tick, pane in ticks(requests, DEFAULT):
        free.close(tick, [Pane(dict(pane.index), pane.rows.copy())])
        bounded.close(tick, [pane])
    _, records = free.accounts.known()
    evidence = dict(zip(free.accounts.ids, records["evidence"].tolist(), strict=True))
    flagged = [one.account_id for one in free.verdicts.values() if one.level in ("throttle", "block")]
    alone = [
        name
        for name in flagged
        if all(shard_of(other) != shard_of(name) or evidence[other] < evidence[name] - 1 for other in flagged if other != name)
    ]
    strongest = [
        name for name in alone if max(evidence[other] for other in evidence if shard_of(other) == shard_of(name)) == evidence[name]
    ]
    assert strongest
    assert set(strongest) & set(bounded.accounts.ids)
