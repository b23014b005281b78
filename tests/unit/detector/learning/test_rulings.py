"""Rulings move the model from their own place in the log, teach about what is alike, and leave no trace when they are taken back."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging import epoch
from siphonwatch.detector.judging.census import total
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.reviewing import review
from siphonwatch.detector.judging.shards import fetch
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.stores import snapshot

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
    assert taken_back.context.height == plain.context.height
    for name in ("own", "shipped", "plain"):  # the strongest so far, which the height is read from
        mine, its = (engine.accounts.known()[1][name] for engine in (taken_back, plain))
        apart = np.abs(mine - its)
        assert (apart > 0).mean() <= 0.01, name  # each is scored once more as a lesson ends, by the population of that hour
        assert apart.max() < 0.2, name


def test_where_the_prior_alone_would_have_the_flag_is_known_whatever_is_taught(requests: list[Request]) -> None:
    few = replace(DEFAULT, tail_accounts=50)  # so that a small log has a tail to read
    plain = played(requests, [], engine=Engine(prior.load(), few))
    assert plain.context.lift == 0.0
    known, at = odds(plain), midday(requests)
    rulings = [Ruling(name, name, True, at=at) for name in sorted(known, key=lambda name: -known[name])[8:40]]
    taught = played(requests, rulings, engine=Engine(prior.load(), few))
    assert taught.context.taught
    assert taught.context.lift > 0.0
    assert taught.context.prior_height == pytest.approx(plain.context.prior_height)
    kept = snapshot.unpack_context(snapshot.pack_context(taught), taught.settings)
    assert (kept.height, kept.lift) == (taught.context.height, taught.context.lift)


def test_the_flag_has_its_height_before_anybody_is_judged_by_what_was_taught(requests: list[Request]) -> None:
    """Else what one ruling lifts is flagged at once by a height that was read before it."""
    engine = played(requests, [], after=0.6)
    engine.hear([Ruling("1", worst(engine), True)])
    before, tick = engine.context.height, engine.context.closed + 1
    engine.context.height = before - 3.0  # as if it had been read in another time
    engine._obey((tick + 1) * engine.settings.tick_ms, tick)
    taught = engine.context.height
    epoch.set_height(engine, total([engine.shard.census(tick)]))
    assert taught == engine.context.height == pytest.approx(before, abs=2.0)


def watched() -> tuple[list[Request], Engine]:
    """A log in which a group is watched, and the engine that watches it."""
    requests = simulate(replace(WORLD, seed=47)).requests
    engine = played(requests, [])
    assert engine.context.watched
    assert not engine.context.campaigns
    return requests, engine


def test_two_rulings_make_a_campaign_of_a_watched_group_and_one_does_not() -> None:
    requests, engine = watched()
    (group,) = engine.context.watched
    first, second, *_ = group.members
    at = epoch_ms(requests[-1].timestamp) / 1000 - 4 * 3600.0  # it is linked once more after that
    one = played(requests, [Ruling("1", first, True, at=at)])
    assert not one.context.campaigns
    assert engine.scorer.shares(group.members).max() < one.scorer.shares(group.members).max() < one.context.height, "it ranks them"
    both = [Ruling("1", first, True, at=at), Ruling("2", second, True, at=at)]
    two = played(requests, both)
    (campaign,) = two.context.campaigns
    others = set(campaign.members) - {first, second}
    assert others <= set(group.members)
    assert others & {name for name, verdict in two.verdicts.items() if verdict.level in ("throttle", "block")}
    until = epoch_ms(requests[-1].timestamp) / 1000 - 2 * 3600.0
    back = played(requests, [msgspec.structs.replace(ruling, until=until) for ruling in both])
    assert (back.scorer.shares(group.members) == engine.scorer.shares(group.members)).all(), "taken back, they lend what they did"


def test_every_second_card_is_on_a_group_until_it_is_decided() -> None:
    requests, engine = watched()
    (group,) = engine.context.watched
    card = engine.context.queue[0]
    assert card.account in group.members
    assert card.why.startswith(f"speaks for a group of {len(group.members)} accounts")
    at = midday(requests)
    ruled = [Ruling(str(number), name, True, at=at) for number, name in enumerate(group.members[:2])]
    for rulings, asked in ((ruled[:1], True), (ruled, False), ([msgspec.structs.replace(ruled[0], harvest=False)], False)):
        queue = played(requests, rulings).context.queue
        assert any(each.why.startswith("speaks for a group") and each.account in group.members for each in queue) == asked


def test_a_campaign_is_asked_about_until_one_ruling_confirms_it_or_two_clear_it() -> None:
    """It is flagged as it stands: a second word for harvest would teach nothing, and one for benign does not clear it."""
    requests, engine = watched()
    (group,) = engine.context.watched
    harvest, *benign = [
        Ruling(name, name, sign, at=midday(requests)) for name, sign in zip(group.members, (True, False, False), strict=False)
    ]
    for rulings, asked in (([], True), ([harvest], False), (benign[:1], True), (benign, False)):
        ruled = played(requests, rulings)
        context = ruled.context
        context.campaigns, context.watched = context.watched, []
        context.campaigns[0].strength = 1.0
        ruled.scorer.turned(context)
        assert any(card.why.startswith("speaks for a group") for card in review(ruled)) == asked


def test_another_prior_learns_anew_what_was_ruled(requests: list[Request]) -> None:
    account = worst(played(requests, []))
    taught = played(requests, [Ruling("1", account, True, at=midday(requests))])
    shipped = prior.load()
    other = msgspec.structs.replace(shipped, weights={name: weight / 2 for name, weight in shipped.weights.items()})
    rows, before = taught.accounts.known()[0], taught.context.lesson
    for each, same in ((shipped, True), (other, False)):
        context = snapshot.unpack_context(snapshot.pack_context(taught), taught.settings)
        again = Engine(each, taught.settings, context)
        again.accounts.put(list(taught.accounts.ids), rows, taught.accounts.known()[1])
        again.hear(taught.teaching.rulings)
        again.close(context.closed + 60, [])  # long enough for an epoch to turn
        assert (again.context.lesson == before) is same


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


def test_whom_to_look_at_next_moves_no_verdict_and_may_be_asked_once_at_the_end(requests: list[Request]) -> None:
    said = [Ruling("1", worst(played(requests, [])), True, at=midday(requests))]
    each_epoch, once = played(requests, said), played(requests, said, engine=Engine(prior.load(), queued=False))
    assert each_epoch.context.queue
    assert not once.context.queue
    assert once.verdicts == each_epoch.verdicts
    assert review(once) == review(each_epoch)
