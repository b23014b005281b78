"""How far candidate groups are over their height: it takes more of a crowd, and less of what is tied to the flagged."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging.accounts import NOTHING, RECORD
from siphonwatch.detector.judging.candidates import Candidates, measured
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.scorer import Word
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.scoring.group_judge import GroupPrior
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import merge_runs
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.customers import Customers
from siphonwatch.streams.common import prior

from tests.unit.detector.scoring.test_groups import SIZE, divided, view
from tests.unit.detector.scoring.test_groups import strangers as people

WHOLE, HALF = np.arange(SIZE), np.arange(SIZE // 2)
OWNED = replace(DEFAULT, crowd_apart=0.0, crowd_words=1.0)  # as if crowds were somebody's


def candidates(
    requests: list[Request],
    middle: float,
    flagged: int = 0,
    own: float = -2.0,
    ruled: int = 0,
    settings: Settings = DEFAULT,
    lift: float = 0.0,
) -> Candidates:
    """A group of all accounts and one of the first half of them, at a height that ``middle`` moves.

    So many are flagged, and of so many an analyst has said that they harvest. What was taught has lifted the flag by ``lift``.
    """
    seen = view(requests)
    names, records = [f"a{number:03d}" for number in range(len(seen))], np.zeros(len(seen), RECORD)
    records["shipped"][: len(seen) - flagged] = NOTHING
    records["shipped"][len(seen) - flagged :] = settings.flag_odds + 1.0
    shipped = prior.load().groups
    assert shipped is not None
    moved = GroupPrior(shipped.weights, 0.0, middle, 0.0)
    engine, evidence = Engine(prior.load(), settings), np.full(len(seen), own)
    engine.context.lift, engine.context.height = lift, engine.context.height + lift
    words = {name: Ruling(name, name, True, "someone") for name in names[len(seen) - ruled :]}
    engine.scorer.obey(Word(words))
    customers = Customers.among(seen)
    return measured(engine, moved, Named(names, seen.state, records), customers, evidence, linking.links(seen), [WHOLE, HALF])


def stands(requests: list[Request], middle: float, flagged: int = 0, own: float = -2.0) -> np.ndarray:
    """How far the two are above their height."""
    return candidates(requests, middle, flagged, own).above


def strangers() -> list[Request]:
    return [msgspec.structs.replace(each, account_created_at=None) for each in divided()]


def owned() -> list[Request]:
    return [msgspec.structs.replace(each, payment_fingerprint="pm_one", source_ip="198.51.100.7") for each in divided()]


@pytest.mark.parametrize("own", [-2.0, 2.0])
def test_it_takes_more_to_flag_a_crowd_unless_its_members_look_like_harvests(own: float) -> None:
    crowd, plain = (candidates(strangers(), -1000.0, own=own, settings=each).above for each in (DEFAULT, OWNED))
    assert plain - crowd == pytest.approx([DEFAULT.crowd_apart] * 2 if own < 0 else [0.0] * 2)
    assert (stands(owned(), -1000.0, own=own) == candidates(owned(), -1000.0, own=own, settings=OWNED).above).all(), "somebody owns these"


def test_that_some_of_a_crowd_harvest_says_less_of_the_others_than_of_an_owners_accounts() -> None:
    def needed(requests: list[Request]) -> int:
        """Rulings for harvest that make a campaign of a group half a log-odd under its height, if somebody owned it."""
        low, high = (float(candidates(requests, middle, settings=OWNED).above[0]) for middle in (10.0, 11.0))
        under = 10.0 + (low + 0.5) / (low - high)  # the height moves by a part of what the middle does
        assert candidates(requests, under, settings=OWNED).above[0] == pytest.approx(-0.5)
        return next(count for count in range(SIZE) if candidates(requests, under, ruled=count).over(0))

    assert needed(owned()) == 2 < needed(strangers())


def test_a_group_of_which_a_part_is_flagged_takes_less_to_be_a_campaign() -> None:
    plain = stands(owned(), 1000.0)
    assert (plain < 0.0).all()
    least = int(np.ceil(DEFAULT.group_known * SIZE))
    assert stands(owned(), 1000.0, flagged=least) - plain == pytest.approx([DEFAULT.group_growth, 0.0]), (
        "the flagged are in the whole alone"
    )
    assert (stands(owned(), 1000.0, flagged=least - 1) == plain).all()
    assert (stands(owned(), -1000.0, flagged=SIZE) == stands(owned(), -1000.0)).all(), "who is over already gains nothing"


def test_a_group_that_shares_its_members_with_one_that_is_over_takes_less_as_well() -> None:
    apart = np.subtract(*stands(owned(), 1000.0))
    low, high = (stands(owned(), middle).max() for middle in (10.0, 11.0))
    between = stands(owned(), 10.0 + float((low - abs(apart) / 2) / (low - high)))  # one of the two is over its height by so much
    assert sorted(between) == pytest.approx(sorted([abs(apart) / 2, DEFAULT.group_growth - abs(apart) / 2]))


def test_a_crowd_around_the_flagged_is_still_a_crowd() -> None:
    found = candidates(strangers(), 1000.0, flagged=SIZE)
    assert found.crowd.all()
    assert found.above - stands(strangers(), 1000.0) == pytest.approx([DEFAULT.group_growth] * 2), "what is far below is as any group"


@pytest.mark.parametrize("flagged", [0, SIZE // 2])
def test_groups_are_held_against_the_flag_of_the_prior_that_judges_them(flagged: int) -> None:
    """What rulings teach lifts the flag, and not what the prior says of accounts: a group would lose what the flagged in it add."""
    plain, taught = (candidates(owned(), 1000.0, flagged, lift=lift).above for lift in (0.0, 3.0))
    assert (plain == taught).all()
    firm, lifted = (of_one_customer(divided(), 0.1, lift).above for lift in (0.0, 3.0))
    assert firm == pytest.approx(lifted)


def of_one_customer(requests: list[Request], over: float, lift: float = 0.0) -> Candidates:
    """The accounts of one organisation, which as one account would be so far over the flag."""
    seen, engine, shipped = view(requests), Engine(prior.load()), prior.load().groups
    assert shipped is not None
    customers = Customers(View(merge_runs(seen.state, np.zeros(SIZE, np.int64))), np.zeros(SIZE, np.int64))
    chosen = Named([f"a{number:03d}" for number in range(SIZE)], seen.state, np.zeros(SIZE, RECORD))
    own = np.array([engine.context.height + over])
    engine.context.lift, engine.context.height = lift, engine.context.height + lift
    return measured(engine, shipped, chosen, customers, own, linking.links(customers.view, customers.sizes), [])


def test_the_accounts_of_one_customer_are_a_campaign_by_what_they_would_be_as_one_account() -> None:
    made = of_one_customer(divided(), 0.1 - DEFAULT.organization_under)
    assert [group.tolist() for group in made.groups] == [WHOLE.tolist()]
    assert made.above == pytest.approx([0.1])
    assert made.over(0)
    assert all(reason.text.startswith("as one account ") for reason in made.reasons[0]())
    below = of_one_customer(divided(), -0.1 - DEFAULT.organization_under)
    assert len(below.groups) == 1, "watched"
    assert not below.over(0)
    assert of_one_customer(divided(), -0.1 - DEFAULT.organization_under - DEFAULT.group_reach).groups == []


def test_an_office_is_a_heavy_customer_and_no_harvester() -> None:
    """What looks like a harvest as one account is many people, each with subjects, lengths and hours of their own."""
    together, apart = (of_one_customer(requests, 2.0).above for requests in (divided(), people()))
    assert together == pytest.approx([2.0 + DEFAULT.organization_under])
    assert apart[0] < together[0] - DEFAULT.organization_apart / 2


def test_whose_accounts_they_are_ties_them_as_strongly_as_can_be() -> None:
    tied, strength = of_one_customer(divided(), 1.0).ties(WHOLE)
    assert tied == {"organization": linking.LIMITS["payment"]}
    assert strength.tolist() == [1.0] * SIZE, "a member without ties would lose of what its campaign lends"


def test_each_account_of_a_customer_loses_as_any_of_them_may_have_brought_the_others_in() -> None:
    seen, of = view(divided()), np.array([0, 0, 0, 0, *range(1, SIZE - 3)])
    customers, engine = Customers(View(merge_runs(seen.state, of)), of), Engine(prior.load())
    shipped, names = prior.load().groups, [f"a{number:03d}" for number in range(SIZE)]
    assert shipped is not None
    chosen, own, ties = Named(names, seen.state, np.zeros(SIZE, RECORD)), np.full(SIZE - 3, -9.0), linking.links(customers.view)
    made = measured(engine, shipped, chosen, customers, own, ties, [np.arange(SIZE - 3), np.array([0])])
    assert [len(group) for group in made.groups] == [SIZE, 4]
    assert made.doubt(0, WHOLE) == pytest.approx([np.log(4)] * 4 + [0.0] * (SIZE - 4))
    assert made.doubt(1, WHOLE[:4]) == pytest.approx([0.0] * 4), "a customer by itself"
