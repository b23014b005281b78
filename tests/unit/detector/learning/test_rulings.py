"""Rulings move the model from their own place in the log, teach about what is alike, and leave no trace when they are taken back."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shards import fetch
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior

WORLD = World(accounts=250, days=1.0, prevalence=0.08, seed=21)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return simulate(WORLD).requests


def played(requests: list[Request], rulings: list[Ruling], size: int = 4096, after: float = 1.0, engine: Engine | None = None) -> Engine:
    """An engine that has read ``after`` of the log."""
    made = engine or Engine(prior.load())
    made.hear(rulings)
    for start in range(0, int(len(requests) * after), size):
        part = requests[start : min(start + size, int(len(requests) * after))]
        made.process(batch(part, [epoch_ms(request.timestamp) for request in part]))
    made.finish()
    return made


def odds(engine: Engine) -> dict[str, float]:
    """Every account by the model and the population as they are in the end."""
    rows, _ = engine.accounts.known()
    scorer = engine.scorer
    found = scorer.model.log_odds(matrix(scorer.view(rows)), scorer.summary)
    return dict(zip(engine.accounts.ids, found.tolist(), strict=True))


def midday(requests: list[Request]) -> float:
    return float(epoch_ms(requests[len(requests) // 2].timestamp)) / 1000


def worst(engine: Engine) -> str:
    known = odds(engine)
    return max(sorted(known), key=known.__getitem__)


def test_a_ruling_moves_its_account_and_its_like_from_its_place_in_the_log_on(requests: list[Request]) -> None:
    plain = played(requests, [])
    account = worst(plain)
    benign = played(requests, [Ruling("1", account, False, at=midday(requests))])
    harvest = played(requests, [Ruling("1", account, True, at=midday(requests))])
    assert odds(benign)[account] < odds(plain)[account] - 1.0
    assert odds(harvest)[account] > odds(plain)[account]
    level = benign.verdicts[account].level if account in benign.verdicts else "clear"
    assert level in ("clear", "watch"), "not flagged, though it may have changed since it was ruled benign"
    assert harvest.verdicts[account].level == "block"
    early = played(requests, [Ruling("1", account, True, at=midday(requests))], after=0.4)
    assert odds(early) == odds(played(requests, [], after=0.4)), "nothing counts before its time"


def test_one_that_is_taken_back_leaves_no_trace(requests: list[Request]) -> None:
    plain, at = played(requests, []), midday(requests)
    account = worst(plain)
    taken_back = played(requests, [Ruling("1", account, False, at=at, until=at + 3600.0)])
    assert taken_back.context.taught == []
    assert odds(taken_back) == odds(plain)
    assert taken_back.scorer.model.weights == plain.scorer.model.weights


def test_a_replay_with_the_rulings_says_what_the_taught_stream_said(requests: list[Request]) -> None:
    live = Engine(prior.load())
    half = len(requests) // 2
    for start in range(0, half, 997):
        part = requests[start : min(start + 997, half)]
        live.process(batch(part, [epoch_ms(request.timestamp) for request in part]))
    account = worst(live)
    live.hear([Ruling("1", account, True, given=5.0)])  # as an analyst gives it: the judging places it in the log
    for start in range(half, len(requests), 997):
        part = requests[start : start + 997]
        live.process(batch(part, [epoch_ms(request.timestamp) for request in part]))
    live.finish()
    (placed,) = live.teaching.rulings
    assert placed.at is not None
    assert placed.examples
    for told in (placed, msgspec.structs.replace(placed, accounts=[], examples=[])):  # as exported, or written by hand
        replayed = played(requests, [told])
        assert odds(replayed) == odds(live)
        assert replayed.verdicts == live.verdicts


def test_an_allowed_account_is_clear_until_its_entry_ends(requests: list[Request]) -> None:
    account = worst(played(requests, []))
    begin = epoch_ms(requests[0].timestamp) / 1000
    for days, wanted in ((2.0, 1), (0.3, 0)):
        allowed = played(requests, [Ruling("1", account, None, days=days, at=begin)])
        row = allowed.accounts.index[account]
        assert int(allowed.accounts.records["allowed"][row]) == wanted
        assert (account in allowed.verdicts) != bool(wanted) or not wanted


def test_a_card_of_the_queue_stands_for_what_is_alike(requests: list[Request]) -> None:
    engine = played(requests, [])
    queue = engine.context.queue
    assert len(queue) > 3
    inputs = {card.account: engine.scorer.inputs(fetch(engine.shards, [card.account]).rows)[0] for card in queue}
    named = [card.account for card in queue]
    assert len(set(named)) == len(named)
    assert all(card.account not in other.accounts for card in queue for other in queue)
    ruled = played(requests, [Ruling("1", queue[0].account, True, at=midday(requests))])
    assert queue[0].account not in [card.account for card in ruled.context.queue]
    assert np.isfinite(np.array(list(inputs.values()))).all()
