"""Crowds of innocents are no campaigns, hydras are: small worlds of three seeds each, none of which taught the prior.

The seeds are the first three of each; which were found was looked at after they had been chosen.
"""

from __future__ import annotations

import pytest
from siphonwatch.detector.judging.accounts import NEVER
from siphonwatch.detector.simulate.crowds import CROWDS
from siphonwatch.detector.simulate.world import Traffic
from siphonwatch.streams.common import prior

from tests.quality.figures import run
from tests.quality.groups_of import IN_GROUP, of_crowd, of_hydra

# one job of a firm, one evaluation of a team, over several keys: a hydra in all but its purpose
# as measured: "sharded" was at most 1 before groups were watched
TWINS = {"sharded": 2, "team": 2}
# the keys of one agency: the second world's is 0.2 over its height since texts are read whole, and was 0.2 under it; of eleven others none
SELDOM = {"agency": 1}
OTHERS = 5  # strangers pulled in, as measured: at most 4 before groups were watched and their height was moved
BOUND = {
    "one balancer, shared addresses": frozenset({"addresses:shared", "division:balanced"}),
    "behind proxies, signed up together": frozenset({"addresses:proxy", "signed:together"}),
    "shared cards, signed up together": frozenset({"cards:shared", "signed:together"}),
    "work handed on, shared cards": frozenset({"division:handed_over", "cards:shared"}),
}


def judged(traffic: Traffic) -> tuple[int, int, int, int]:
    """(members of the group in a campaign, members, members flagged, others that a campaign flagged)."""
    engine = run(traffic.requests, prior.load())
    _, records = engine.accounts.known()
    flagged = {name for name, row in engine.accounts.index.items() if int(records["flagged_at"][row]) != NEVER}
    mine = {account for account, label in traffic.labels.items() if IN_GROUP in label.traits}
    pulled = {account for one in engine.context.campaigns for account in one.members}
    return len(mine & pulled), len(mine), len(mine & flagged), len((flagged & pulled) - mine)


@pytest.mark.parametrize("name", [name for name in CROWDS if name not in TWINS])
def test_a_crowd_of_innocents_is_no_campaign(name: str) -> None:
    taken = [seed for seed in (11, 12, 13) if judged(of_crowd(name, seed))[0] > 0]
    assert len(taken) <= SELDOM.get(name, 0), taken


@pytest.mark.parametrize(("name", "most"), TWINS.items())
def test_a_hydras_innocent_twin_is_not_always_taken_for_one(name: str, most: int) -> None:
    """What cannot be told apart is said: in so many worlds of three it may be taken for a hydra, and an analyst allows such a firm."""
    assert sum(judged(of_crowd(name, seed))[0] > 0 for seed in (11, 12, 13)) <= most


@pytest.mark.parametrize("wanted", BOUND.values(), ids=BOUND.keys())
def test_a_bound_hydra_is_a_campaign(wanted: frozenset[str]) -> None:
    """Half of the accounts, over three seeds; and hardly a stranger is pulled in."""
    found = [judged(of_hydra(seed, wanted)) for seed in (1, 2, 3)]
    assert sum(flagged for _, _, flagged, _ in found) >= 0.5 * sum(size for _, size, _, _ in found)
    assert max(others for *_, others in found) <= OTHERS
