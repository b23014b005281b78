"""What a shard says has changed is all that has changed, or a store would keep something older."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from siphonwatch.detector.judging import shard as shard_module
from siphonwatch.detector.judging.accounts import NOTHING, SHARDS, shard_of
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.scorer import Scorer
from siphonwatch.detector.judging.shadow import copied
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import campaign as campaigns
from siphonwatch.detector.verdicts.campaign import Campaign
from siphonwatch.streams.common import prior
from siphonwatch.streams.contracts.samples import rows

HOUR = 3_600_000
NAMES = ["a", "b", "c"]


def campaign() -> Campaign:
    return Campaign(1, list(NAMES), 0, 9.0, {}, strength=5.0, shares=[5.0, 4.0, 3.0])


def test_members_who_are_silent_are_held_and_that_is_a_change() -> None:
    context = Context(height=DEFAULT.flag_odds)
    shard = Shard(Scorer(prior.load(), DEFAULT, context))
    shard.accounts.put(NAMES, state.empty(3), np.zeros(3, shard.accounts.records.dtype))
    context.campaigns = [campaign()]
    told = shard.grouped(context, frozenset(NAMES), HOUR, 1)
    assert {one.account_id for one in told} == set(NAMES)
    assert shard.take_changes() == (NAMES, [])
    assert shard.grouped(context, frozenset(), 4 * HOUR, 2) == [], "nothing to tell, as all stand where they stood"
    assert shard.accounts.records["held"][:3].tolist() == [4 * HOUR] * 3
    assert shard.take_changes() == (NAMES, []), "but they are held from now on"


def test_what_the_prior_flags_stays_flagged_until_a_ruling_speaks_against_it() -> None:
    """The flag rose by what others were taught to be; who lost by the lesson, and whom the prior did not flag, is under it."""
    context = Context(height=3.0, lift=2.0)
    scorer = Scorer(prior.load(), DEFAULT, context)
    records = np.zeros(5, Shard(scorer).accounts.records.dtype)
    records["shipped"] = [1.5, 1.5, 0.5, 1.5, 1.5]
    records["current"] = [1.6, 1.4, 2.9, 3.5, -4.0]
    assert scorer.own(records).tolist() == [3.0, pytest.approx(1.4), pytest.approx(2.9), 3.5, -4.0]
    context.height, context.lift = 3.0, 0.0
    assert scorer.own(records).tolist() == pytest.approx(records["current"].tolist()), "nobody taught anything"


def test_who_is_kept_flagged_is_kept_at_the_height_and_no_group_lends_for_good() -> None:
    context = Context(height=3.0, lift=2.0)
    shard = Shard(Scorer(prior.load(), DEFAULT, context))
    records = np.zeros(3, shard.accounts.records.dtype)
    records["shipped"], records["current"], records["evidence"] = 1.5, 1.6, 1.6
    shard.accounts.put(NAMES, state.empty(3), records)
    context.campaigns = [campaign()]
    shard.grouped(context, frozenset(), HOUR, 1)
    assert shard.scorer.shares(NAMES).min() > 3.0, "the group stands higher"
    assert shard.accounts.records["evidence"][:3].tolist() == [3.0] * 3


def test_who_is_in_no_campaign_any_more_is_a_change() -> None:
    context = Context(height=DEFAULT.flag_odds, campaigns=[campaign()])
    shard = Shard(Scorer(prior.load(), DEFAULT, context))
    shard.accounts.put(NAMES, state.empty(3), np.zeros(3, shard.accounts.records.dtype))
    shard.grouped(context, frozenset(NAMES), HOUR, 1)
    shard.take_changes()
    context.campaigns = []
    shard.grouped(context, frozenset(), 4 * HOUR, 2)
    assert shard.accounts.records["campaign"][:3].tolist() == [0, 0, 0]
    assert shard.take_changes() == (NAMES, [])


def test_a_group_that_is_watched_ranks_its_members_by_reasons_of_their_own_and_is_no_campaign() -> None:
    lent = verdict.Reason("lent", 0.0, 0.0, 1.0, 1.0, "A group's.", verdict.EXTRACTION)
    watched = Campaign(1, list(NAMES), 0, 0.0, {}, strength=-1.0, shares=[-0.5, -0.6, -0.7], reasons=[lent])
    context = Context(height=DEFAULT.flag_odds, watched=[watched], campaigns=[Campaign(1, ["c"], 0, 9.0, {}, strength=5.0, shares=[5.0])])
    shard = Shard(Scorer(prior.load(), DEFAULT, context))
    fresh = np.zeros(3, shard.accounts.records.dtype)
    for name in ("own", "current", "evidence"):
        fresh[name] = NOTHING
    shard.accounts.put(NAMES, state.empty(3), fresh)
    told = {one.account_id: one for one in shard.grouped(context, frozenset(NAMES), HOUR, 1)}
    records = shard.accounts.records[:3]
    assert records["campaign"].tolist() == [0, 0, 1], "a name in both is the campaign's"
    assert records["evidence"].tolist() == [campaigns.evidence(share, context.height, DEFAULT) for share in (-0.5, -0.6, 5.0)]
    assert shard.take_changes() == (NAMES, []), "the ranking is kept"
    assert set(told) == {"c"}
    said = shard.scorer.reasons(NAMES[:2], shard.accounts.rows[:2], records[:2])
    assert all(reasons and "lent" not in [one.feature for one in reasons] for reasons in said)


def test_who_was_let_go_and_came_again_is_a_change_and_nobody_dropped() -> None:
    """A step of judging holds many ticks, and a store drops last: it would lose an account that is there."""
    context = Context(height=DEFAULT.flag_odds)
    shard = Shard(Scorer(prior.load(), replace(DEFAULT, accounts_most=SHARDS), context))
    first, second = [name for name in map(str, range(10_000)) if shard_of(name) == 0][:2]
    for tick, name in enumerate((first, second, first, second, first)):  # one account fits: the newer one stays
        shard.judge(tick, tick * DEFAULT.tick_ms, Pane({name: 0}, rows(1)))
    assert shard.accounts.ids == [first]
    assert shard.take_crowded() == 4
    assert shard.take_changes() == ([first], [second])


def test_how_many_accounts_are_judged_in_one_go_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    requests = simulate(World(accounts=30, days=0.5, seed=3, start=1_780_000_000.0)).requests
    panes = Panes(DEFAULT)
    panes.add(batch(requests, [epoch_ms(each.timestamp) for each in requests]))
    ticks = panes.seal(panes.last)
    found = []
    for together in (4096, 7):
        monkeypatch.setattr(shard_module, "TOGETHER", together)
        shard = Shard(Scorer(prior.load(), replace(DEFAULT, judged_floor=1), Context(height=-20.0)))
        told = [shard.judge(tick, tick * DEFAULT.tick_ms, copied([pane])[0]).findings for tick, pane in ticks]
        found.append((told, shard.accounts.ids, shard.accounts.known()[0].tobytes(), shard.accounts.known()[1].tobytes()))
    assert max(len(pane.accounts) for _, pane in ticks) > 7
    assert any(told for told in found[0][0])
    assert found[0] == found[1]
