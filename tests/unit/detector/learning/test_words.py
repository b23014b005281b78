"""Words on groups: every ruling ranks the group, none alone carries it over the flag or back, and two that agree do."""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from siphonwatch.detector.learning import words
from siphonwatch.detector.learning.words import SHORT, Words, telling
from siphonwatch.detector.scoring.crowd import Crowd
from siphonwatch.detector.settings import DEFAULT

ERRS = DEFAULT.analyst_errs
RULINGS = st.builds(telling, st.booleans(), st.floats(0.0, 1.0), st.just(ERRS))
STRENGTH = st.floats(-DEFAULT.group_reach, 12.0)
MOST = DEFAULT.words_most * telling(True, 0.0, ERRS)


def together(tellings: Sequence[float]) -> Words:
    return words.together(tellings, MOST)


@given(STRENGTH, RULINGS)
def test_one_ruling_moves_no_group_across_its_height(strength: float, said: float) -> None:
    raised = together([said]).raised(strength)
    assert (raised >= 0.0) == (strength >= 0.0)
    if said > 0.0:
        assert raised >= strength - 2 * SHORT


@given(STRENGTH, st.lists(RULINGS, min_size=2, max_size=6))
def test_a_group_that_crosses_its_height_would_without_any_one_of_the_rulings(strength: float, said: list[float]) -> None:
    raised = together(said).raised(strength)
    if (raised >= 0.0) != (strength >= 0.0):
        rest = [strength + sum(said) - one for one in said]
        assert all(one >= -2 * SHORT for one in rest) if raised >= 0.0 else all(one <= 2 * SHORT for one in rest)


def test_two_that_agree_flag_a_watched_group_and_one_against_two_does_not_clear_it() -> None:
    harvest, benign = telling(True, 0.05, ERRS), telling(False, 0.05, ERRS)
    assert together([harvest, harvest]).raised(-1.5) > 0.0
    assert together([harvest, benign]).raised(-1.5) < 0.0
    assert together([benign, benign]).raised(1.5) < 0.0
    assert together([]).raised(-1.0) == Words().raised(-1.0) == -1.0


@pytest.mark.parametrize("harvest", [True, False])
def test_what_a_members_own_evidence_explains_says_little_of_its_group(harvest: bool) -> None:
    unlikely, likely = telling(harvest, 0.01, ERRS), telling(harvest, 0.9, ERRS)
    nine = telling(True, 0.0, ERRS)
    assert abs(nine) == pytest.approx(2.197, abs=1e-3), "nine to one"
    if harvest:
        assert 0.0 < likely < 0.2 < 1.5 < unlikely <= nine
    else:
        assert -nine <= unlikely < likely < 0.0


def test_many_words_for_harvest_say_no_more_than_some_and_those_for_benign_add_up() -> None:
    harvest, benign = telling(True, 0.01, ERRS), telling(False, 0.01, ERRS)
    few, many = together([harvest] * 2), together([harvest] * 40)
    assert few.all < many.all == many.borne_out == pytest.approx(MOST, abs=1e-6)
    assert together([benign] * 3).all == pytest.approx(3 * benign), "whatever stands over its height can be cleared"


def test_who_is_far_behind_its_group_is_not_carried_along_by_what_is_said_of_the_others() -> None:
    said = together([telling(True, 0.01, ERRS)] * 3)
    assert said.of_member(0.0) == said
    assert said.of_member(1.0).all == pytest.approx(said.all - 1.0)
    assert (said.of_member(9.0).all, said.of_member(9.0).borne_out) == (0.0, 0.0), "and never against it"
    benign = together([telling(False, 0.01, ERRS)] * 3)
    assert benign.of_member(9.0) == benign


def test_of_a_crowd_one_that_harvests_says_less_of_the_others_the_larger_it_is() -> None:
    said = together([telling(True, 0.01, 0.1)] * 3)
    few, more, most = (said.of_crowd(size, DEFAULT) for size in (8, 20, 1000))
    assert few.all == pytest.approx(DEFAULT.crowd_words * said.all)
    assert few.all - more.all == pytest.approx(log(20 / 8), abs=1e-5)
    assert (most.all, most.borne_out) == (0.0, 0.0), "and never against them"
    benign = together([telling(False, 0.01, 0.1)] * 3)
    assert benign.of_crowd(1000, DEFAULT).all == benign.all


def test_a_word_for_harvest_lets_a_crowd_stand_as_if_it_were_owned() -> None:
    held = float(Crowd.of(DEFAULT).held(np.array([1.0]))[0])
    assert held < -0.5
    assert together([telling(True, 0.01, 0.1)]).of_crowd(5, DEFAULT).raised(held) == pytest.approx(0.0, abs=1e-5)
    assert Words().of_crowd(5, DEFAULT).raised(held) == held
