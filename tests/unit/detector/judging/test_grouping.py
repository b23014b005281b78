"""What becomes of the candidates of one linking: campaigns, groups that are watched, and what is left of these beside campaigns."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from siphonwatch.detector.judging.accounts import RECORD
from siphonwatch.detector.judging.candidates import Candidates, measured
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.grouping import adopt
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.learning.words import Words
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import merge_runs
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.customers import Customers
from siphonwatch.streams.common import prior

from tests.unit.detector.scoring.test_groups import SIZE, divided, view

FIRM = 4  # accounts of one organisation, if it is one: the first


def candidates(engine: Engine, firm: bool) -> Candidates:
    """A group that is over its height, and the whole just below, whose rest are ``FIRM`` accounts: of one customer, or of four."""
    seen, shipped = view(divided()), prior.load().groups
    assert shipped is not None
    of = np.array([0] * FIRM + list(range(1, SIZE - FIRM + 1))) if firm else np.arange(SIZE)
    customers, names = Customers(View(merge_runs(seen.state, of)), of), [f"a{number:03d}" for number in range(SIZE)]
    own = np.full(len(customers.view), -9.0)
    every = np.arange(len(own))
    groups = [every[1:] if firm else every[FIRM:], every]
    chosen = Named(names, seen.state, np.zeros(SIZE, RECORD))
    made = measured(engine, shipped, chosen, customers, own, linking.links(customers.view), groups)
    return replace(made, above=np.array([2.0, -0.01]), crowd=np.zeros(2, bool), reasons=[list, list], said={0: Words(), 1: Words()})


@pytest.mark.parametrize("firm", [False, True])
def test_a_firm_is_no_group_once_those_beside_it_are_a_campaign(firm: bool) -> None:
    """It had nothing of what was said of the whole but that it was there; four customers are still a group without the others."""
    engine = Engine(prior.load())
    found = candidates(engine, firm)
    assert [len(members) for members in found.groups] == [SIZE - FIRM, SIZE]
    assert adopt(engine, found, 0) >= set(found.names[FIRM:])
    assert [one.members for one in engine.context.campaigns] == [found.names[FIRM:]]
    assert [one.members for one in engine.context.watched] == ([] if firm else [found.names[:FIRM]])
