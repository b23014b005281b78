"""A crowd's height: further up, and no two crowds change places below it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from siphonwatch.detector.scoring.crowd import SHORT, Crowd
from siphonwatch.detector.settings import DEFAULT

CROWD = Crowd.of(DEFAULT)
ABOVE = st.floats(-20.0, 20.0)


@given(ABOVE, ABOVE)
def test_crowds_keep_their_order(one: float, other: float) -> None:
    low, high = sorted([one, other])
    held = CROWD.held(np.array([low, high]))
    assert held[0] <= held[1]
    if high - low > 1e-6:
        assert held[0] < held[1]


@given(ABOVE)
def test_it_takes_so_much_more_to_flag_one_and_what_is_far_below_stays(above: float) -> None:
    held = float(CROWD.held(np.array([above]))[0])
    assert held <= above
    assert (held >= 0.0) == (above >= CROWD.apart)
    if above <= -CROWD.order:
        assert held == above


@given(ABOVE)
def test_with_an_analysts_word_one_stands_as_if_owned_and_is_not_over_by_that_alone(above: float) -> None:
    held = float(CROWD.held(np.array([above]))[0])
    spoken = CROWD.spoken_for(held)
    if held < 0.0:
        assert spoken == pytest.approx(min(above, -SHORT), abs=1e-9)
        assert spoken < 0.0
    else:
        assert spoken == held
