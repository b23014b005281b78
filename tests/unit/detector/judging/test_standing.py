"""How far groups stand over their height: a crowd is watched at most, and what is tied to the flagged takes less."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.judging.accounts import RECORD
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.judging.standing import above, is_over
from siphonwatch.detector.learning.words import Words, telling, together
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.scoring import group_judge
from siphonwatch.detector.scoring.group_judge import GroupPrior, Standing
from siphonwatch.detector.scoring.groups import Groups
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.streams.common import prior

from tests.unit.detector.scoring.test_groups import SIZE, divided, view

WHOLE, HALF = np.arange(SIZE), np.arange(SIZE // 2)


def stands(requests: list[Request], middle: float, flagged: int = 0, growth: float = DEFAULT.group_growth, own: float = -2.0) -> np.ndarray:
    """How far a group of all accounts, and one of the first half of them, are above a height that ``middle`` moves; so many are flagged."""
    seen = view(requests)
    names, records = [f"a{number:03d}" for number in range(len(seen))], np.zeros(len(seen), RECORD)
    records["level"][len(seen) - flagged :] = int(Level.THROTTLE)
    shipped = prior.load().groups
    assert shipped is not None
    moved = GroupPrior(shipped.weights, 0.0, middle, 0.0)
    engine = Engine(prior.load(), replace(DEFAULT, group_growth=growth))
    standing = Standing(Groups(seen, np.full(len(seen), own), [WHOLE, HALF]))
    chosen, links = Named(names, seen.state, records), linking.links(seen)
    return above(engine, moved, chosen, links, [WHOLE, HALF], standing, group_judge.matrix(standing))


def owned() -> list[Request]:
    return [msgspec.structs.replace(each, payment_fingerprint="pm_one", source_ip="198.51.100.7") for each in divided()]


@pytest.mark.parametrize("own", [-2.0, 2.0])
def test_a_crowd_that_is_alike_is_watched_at_most_unless_its_members_look_like_harvests(own: float) -> None:
    strangers = [msgspec.structs.replace(each, account_created_at=None) for each in divided()]
    found = stands(strangers, -1000.0, own=own)
    assert ((found < 0.0) & (found > -0.01)).all() if own < 0 else (found > 0.0).all()
    assert (stands(owned(), -1000.0, own=own) > 0.0).all(), "somebody owns these"


def test_a_crowd_becomes_a_campaign_by_what_analysts_say() -> None:
    strangers = [msgspec.structs.replace(each, account_created_at=None) for each in divided()]
    found = float(stands(strangers, -1000.0)[0])
    once, twice = (together([telling(True, 0.1, DEFAULT.analyst_errs)] * count) for count in (1, 2))
    assert [is_over(found, said) for said in (Words(), once, twice)] == [False, False, True]


def test_a_group_of_which_a_part_is_flagged_takes_less_to_be_a_campaign() -> None:
    plain = stands(owned(), 1000.0)
    assert (plain < 0.0).all()
    least = int(np.ceil(DEFAULT.group_known * SIZE))
    assert stands(owned(), 1000.0, flagged=least) - plain == pytest.approx([DEFAULT.group_growth, 0.0]), (
        "the flagged are in the whole alone"
    )
    assert (stands(owned(), 1000.0, flagged=least - 1) == plain).all()
    assert (stands(owned(), -1000.0, flagged=SIZE) == stands(owned(), -1000.0)).all(), "who is over already gains nothing"


def test_a_crowd_around_the_flagged_is_still_a_crowd() -> None:
    strangers = [msgspec.structs.replace(each, account_created_at=None) for each in divided()]
    assert (stands(strangers, -1000.0, flagged=SIZE) < 0.0).all()
