"""A hydra is found as one; who only shares an office, a library or a system prompt is not pulled in."""

from __future__ import annotations

from collections import Counter

import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.learning.words import Words, telling, together
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Message, Request, epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import Label, World, simulate
from siphonwatch.detector.verdicts import campaign
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import decode, encode
from siphonwatch.streams.common import prior

from tests.quality.figures import run

pytestmark = pytest.mark.slow  # seven hundred accounts, judged over two days, in each


def judged(world: World, change: object = None) -> tuple[Engine, dict[str, Label]]:
    traffic = simulate(world)
    if change is not None:
        for request in traffic.requests:
            change(request, traffic.labels[request.account_id])  # type: ignore[operator]
    return run(traffic.requests, prior.load()), traffic.labels


def members(engine: Engine, labels: dict[str, Label]) -> list[Counter[str]]:
    return [Counter(labels[account].label for account in one.members) for one in engine.context.campaigns]


# One world, to see what a campaign looks like; how many hydras are found, and which innocents with them, tests/quality measures.
HYDRA = World(accounts=700, days=2.0, prevalence=0.05, seed=1, harvests=("hydra",), variety=0.0)
INNOCENT = World(accounts=700, days=2.0, prevalence=0.0, seed=8, variety=0.0)


def test_a_hydra_is_one_campaign_and_its_members_inherit() -> None:
    engine, labels = judged(HYDRA)
    found = members(engine, labels)
    assert [one.number for one in engine.context.campaigns] == list(range(1, len(found) + 1)), "what is watched takes no numbers"
    assert any(group["harvest"] >= 6 for group in found)
    assert sum(group["benign"] for group in found) <= 2
    largest = max(engine.context.campaigns, key=lambda one: len(one.members))
    assert largest.ties
    assert largest.tokens_out > 0
    sure = {name for name, share in zip(largest.members, largest.shares, strict=True) if share >= 0.0}
    levels = {name: engine.verdicts[name].level if name in engine.verdicts else "clear" for name in largest.members}
    assert len(sure) >= 6
    assert sum(levels[name] in ("throttle", "block") for name in sure) >= 0.9 * len(sure)


def shared_office(request: Request, _: Label) -> None:
    request.source_ip, request.payment_fingerprint, request.organization_id = "192.0.2.7", "pm_office", "org_office"


def popular_library(request: Request, _: Label) -> None:
    request.user_agent = "popular-library/1.0"


def common_system_prompt(request: Request, _: Label) -> None:
    if request.messages and request.messages[0].role != "system":
        request.messages.insert(0, Message("system", "You are a helpful assistant."))


@pytest.mark.parametrize("change", [shared_office, popular_library, common_system_prompt])
def test_innocents_that_share_something_are_not_pulled_in(change: object) -> None:
    engine, labels = judged(INNOCENT, change)
    pulled = {account for one in engine.context.campaigns for account in one.members}
    assert len(pulled) <= 3, Counter(labels[account].kind for account in pulled)


def test_who_is_in_a_group_that_is_only_watched_is_ranked_and_not_flagged() -> None:
    engine, _ = judged(INNOCENT, shared_office)
    watched = engine.context.watched
    assert watched
    names, records = [name for one in watched for name in one.members], engine.accounts.known()[1]
    rows = [engine.accounts.index[name] for name in names]
    assert all(share < 0.0 for one in watched for share in one.shares)
    assert (records["evidence"][rows] > records["own"][rows]).any(), "what the group lends counts in the ranking"
    assert not records["campaign"][rows].any(), "and nobody sees a campaign"
    assert not {name for one in engine.context.campaigns for name in one.members} & set(names)
    flagged = [engine.accounts.index[account] for account, told in engine.verdicts.items() if told.level in ("throttle", "block")]
    assert (records["evidence"][flagged] == records["own"][flagged]).all(), "who is flagged is so by itself"


def test_an_innocent_behind_a_hydras_address_is_not_flagged_with_it() -> None:
    traffic = simulate(HYDRA)
    hydra = [account for account, label in traffic.labels.items() if label.label == "harvest"]
    address = next(request.source_ip for request in traffic.requests if request.account_id == hydra[0])
    asks = Counter(request.account_id for request in traffic.requests)
    talkers = [account for account, label in traffic.labels.items() if label.kind == "person" and asks[account] >= 15][:10]
    for request in traffic.requests:
        if request.account_id in talkers:
            request.source_ip = address
    engine = run(traffic.requests, prior.load())
    flagged = {account for account, verdict in engine.verdicts.items() if verdict.level in ("throttle", "block")}
    assert flagged & set(hydra)
    assert len(flagged & set(talkers)) <= 1


def test_a_campaign_is_a_finding_of_its_own_with_members_ties_and_reasons() -> None:
    traffic = simulate(HYDRA)
    engine, told = Engine(prior.load()), []
    for start in range(0, len(traffic.requests), 8192):
        part = traffic.requests[start : start + 8192]
        told += engine.process(batch(part, [epoch_ms(each.timestamp) for each in part]))[1]
    found = [one for one in told if isinstance(one, CampaignVerdict)]
    assert found
    for one in found:
        assert one.size == len(one.members) >= 3
        assert one.level in ("throttle", "block")
        assert one.tied_by != "nothing rare"
        assert 3 <= len(one.reasons) <= 5
        assert one.tokens_out > 0
        assert decode(encode(one)) == one
    sizes = [one.size for one in found if one.campaign == found[0].campaign and one.level == one.previous]
    assert sizes == sorted(sizes), "a campaign is told of again only when it has grown"


def test_users_of_a_popular_template_are_a_crowd_and_not_a_campaign() -> None:
    """A world in which 110 graders with one template were once a campaign by their number alone."""
    traffic = simulate(World(2000, 3.0, 0.02, 901, variety=1.3))
    engine = run(traffic.requests, prior.load())
    pulled = [account for one in engine.context.campaigns for account in one.members if traffic.labels[account].kind == "grader"]
    assert len(pulled) <= 3


def test_who_is_of_a_campaign_comes_before_an_account_just_over_the_flag_and_who_is_watched_stays_below_even_odds() -> None:
    for height in (-1.5, 0.8):
        assert campaign.evidence(0.0, height, DEFAULT) == pytest.approx(height + DEFAULT.group_over)
        assert campaign.evidence(-1e-9, height, DEFAULT) < min(height, 0.0)


@pytest.mark.parametrize("share", [1.2, 0.0, -0.1, -1.5])
@pytest.mark.parametrize("height", [-1.5, 0.8])
def test_what_was_taught_lifts_groups_as_it_lifts_everybody(share: float, height: float) -> None:
    plain, taught = campaign.evidence(share, height, DEFAULT), campaign.evidence(share, height + 2.5, DEFAULT, lift=2.5)
    assert taught == pytest.approx(plain + 2.5)


def test_a_word_for_harvest_speaks_for_a_member_as_far_as_it_is_of_the_group() -> None:
    said = together([telling(True, 0.01, DEFAULT.analyst_errs)] * 2, 99.0)
    strength = 5.0
    least = strength - DEFAULT.words_behind
    for share, more in ((strength, said.all), (least, said.all), (least - 1.5, said.all - 1.5), (least - said.all - 0.1, 0.0)):
        assert campaign.worded(share, strength, said, DEFAULT) == pytest.approx(share + more, abs=1e-5)
    assert campaign.worded(0.3, strength, Words(), DEFAULT) == 0.3
