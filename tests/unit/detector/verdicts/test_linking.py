"""Who belongs together does not depend on the order of arrival, and costs no square of a large bucket."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts import campaign, linking
from siphonwatch.streams.common import prior

from tests.quality.figures import run

HYDRA = World(accounts=300, days=1.0, prevalence=0.1, seed=5, harvests=("hydra",), variety=0.0)


@pytest.fixture(scope="module")
def traffic() -> list[Request]:
    return simulate(HYDRA).requests


def found(engine: object) -> list[tuple[list[str], list[float], float]]:
    return [(one.members, one.shares, one.evidence) for one in engine.context.campaigns]  # type: ignore[attr-defined]


def test_the_order_of_arrival_within_a_tick_changes_no_campaign(traffic: list[Request]) -> None:
    once = found(run(traffic, prior.load()))
    assert once
    shuffled = list(traffic)
    random.Random(1).shuffle(shuffled)
    tick = DEFAULT.tick_ms / 1000
    shuffled.sort(key=lambda request: float(request.timestamp) // tick)
    assert found(run(shuffled, prior.load())) == once


def test_new_names_in_another_order_give_the_same_groups(traffic: list[Request]) -> None:
    accounts = sorted({request.account_id for request in traffic})
    renamed = dict(zip(accounts, (f"x{number:06d}" for number in range(len(accounts))), strict=True))
    back = dict(zip(accounts, (f"x{len(accounts) - number:06d}" for number in range(len(accounts))), strict=True))
    groups = []
    for names in (renamed, back):
        engine = run([_named(request, names) for request in traffic], prior.load())
        original = {new: old for old, new in names.items()}
        groups.append(sorted(sorted(original[name] for name in one.members) for one in engine.context.campaigns))
    assert groups[0] == groups[1] != []


def _named(request: Request, names: dict[str, str]) -> Request:
    import msgspec

    return msgspec.structs.replace(request, account_id=names[request.account_id])


def bucket(count: int) -> View:
    """Accounts who all share an address, a network and a way to open; each else of its own."""
    rows = state.empty(count)
    number = np.arange(1, count + 1, dtype=np.uint32)
    slots = rows["slots"][:, 0]
    slots["counters"][:, state.COUNTER["requests"]] = slots["counters"][:, state.COUNTER["answered"]] = 6
    for trait in ("address", "block", "opening"):
        slots[f"sample_{trait}"][:, 0] = 7
    slots["sample_payment"][:, 0] = number + 100
    rows["created"] = 1_790_000_000 + number
    rows["slots"][:, 0] = slots
    return View(rows)


def test_a_bucket_of_a_hundred_thousand_accounts_is_bounded_and_what_is_left_out_is_counted() -> None:
    count = 100_000
    made = linking.links(bucket(count))
    assert len(made.left) <= 0  # everybody has the value, so it says nothing of anybody
    half = bucket(count)
    half.state["slots"]["sample_address"][: 3 * count // 4] = 0
    made = linking.links(half)
    assert 0 < len(made.left) <= 2 * linking.NEAR * count
    assert made.dropped > 1e8
    groups = linking.groups(half, np.zeros(count), made, DEFAULT)
    assert all(len(members) <= linking.MOST_SHARE * count for members in groups), "the public is nobody's campaign"


def test_a_small_bucket_meets_in_full() -> None:
    made = linking.links(bucket(400))
    assert len(made.left) == 0
    some = bucket(400)
    some.state["slots"]["sample_address"][20:] = 0
    made = linking.links(some)
    assert len(made.left) == 20 * 19 // 2
    tied, strength = linking.ties(np.arange(20), made)
    assert next(iter(tied)) == "address"
    assert strength.min() > 0.9


def test_some_of_a_crowd_are_tied_to_the_rest_of_it_and_one_owners_accounts_to_each_other() -> None:
    crowd = bucket(400)
    crowd.state["slots"]["sample_address"][20:] = 0
    made = linking.links(crowd)
    whole, half, nobody = linking.closed([np.arange(20), np.arange(10), np.arange(30, 33)], made, 400)
    assert (whole, half, nobody) == (1.0, pytest.approx(9 / 19), 0.0)


def test_what_is_declared_ties_nobody_to_a_crowd() -> None:
    groups, apart, posing = [np.arange(10)], bucket(400), bucket(400)
    for view in (apart, posing):
        view.state["slots"]["sample_address"][20:] = 0
    for trait in linking.DECLARED:
        posing.state["slots"][f"sample_{trait}"][:10, 0, 0] = posing.state["slots"][f"sample_{trait}"][300:340, 0, 0] = 9
    assert linking.links(posing).weight.sum() > linking.links(apart).weight.sum()
    assert linking.closed(groups, linking.links(posing), 400) == linking.closed(groups, linking.links(apart), 400)


def test_groups_with_a_member_in_common_are_one_campaign() -> None:
    groups = [np.array([0, 1, 2]), np.array([5, 6]), np.array([2, 3]), np.array([6, 7])]
    assert sorted(sorted(part) for part in campaign.united(groups)) == [[0, 2], [1, 3]]


def test_fewer_campaigns_are_kept_than_found_where_there_is_a_bound(traffic: list[Request]) -> None:
    engine = run(traffic, prior.load(), replace(DEFAULT, campaigns_most=0, link_ms=DEFAULT.link_ms // 3))
    assert len(engine.context.campaigns) <= 1  # those of the last linking alone
