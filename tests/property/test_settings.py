"""Numbers that make no sense are refused with their range, and those that make some leave all evidence finite."""

from __future__ import annotations

import warnings
from dataclasses import fields, replace
from functools import cache
from math import inf, isfinite, nan, nextafter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.reviewing import review
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.ranges import Range, ranges
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common import prior

from tests.quality.groups_of import of_hydra

RANGES = ranges(Settings)
# What the panes were made with.
FOLDING = {"tick_ms", "lateness_ms", "behind_ms", "leap_ms", "leap_requests", "duplicate_ticks", "ahead_ms"}
FAR = 1e6  # as far as an open end is tried


def outside(name: str) -> list[float]:
    """Values right outside of a field's range, and such as are in no range."""
    found, whole = RANGES[name], isinstance(getattr(DEFAULT, name), int)
    values = [nan, inf, -inf]
    if isfinite(found.least):
        values.append(found.least - 1 if whole else nextafter(found.least, -inf))
    if isfinite(found.most):
        values.append(found.most + 1 if whole else nextafter(found.most, inf))
    return values


def within(found: Range, whole: bool) -> st.SearchStrategy[Any]:
    least, most = max(found.least, -FAR), min(found.most, FAR)
    return st.integers(int(least), int(most)) if whole else st.floats(least, most, allow_subnormal=False)


JUDGING = {name: within(found, isinstance(getattr(DEFAULT, name), int)) for name, found in RANGES.items() if name not in FOLDING}


@cache
def ticks() -> list[tuple[int, Pane]]:
    panes, requests = Panes(DEFAULT), of_hydra(1, frozenset({"addresses:shared"})).requests
    panes.add(batch(requests, [epoch_ms(each.timestamp) for each in requests]))
    return panes.seal(panes.last)[:60]


def test_every_number_has_a_range_and_a_kind_of_it() -> None:
    assert set(RANGES) == {field.name for field in fields(Settings)}


@pytest.mark.parametrize("name", RANGES)
def test_what_is_out_of_its_range_is_refused_by_name(name: str) -> None:
    assert getattr(DEFAULT, name) in RANGES[name]
    for value in outside(name):
        with pytest.raises(ValueError, match=f"{name} is .*, and must be"):
            replace(DEFAULT, **{name: value})


def test_the_tail_is_read_upwards() -> None:
    with pytest.raises(ValueError, match="tail_from is"):
        replace(DEFAULT, tail_from=DEFAULT.tail_to)


@given(st.data())
@settings(max_examples=25)
def test_any_numbers_in_their_ranges_leave_evidence_finite(data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(sorted(JUDGING)), min_size=1, max_size=8, unique=True))
    changed = {name: data.draw(JUDGING[name], label=name) for name in names}
    tail = sorted({changed.pop("tail_from", DEFAULT.tail_from), changed.pop("tail_to", DEFAULT.tail_to)})
    changed |= {"tail_from": tail[0], "tail_to": tail[-1]} if len(tail) == 2 else {}
    engine, due = Engine(prior.load(), replace(DEFAULT, **changed)), ticks()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for number, (tick, pane) in enumerate(due):
            if number == len(due) // 2:
                ranked = sorted(engine.verdicts.values(), key=lambda one: (-one.evidence, one.account_id))
                given_ = [Ruling(one.account_id, one.account_id, number % 2 == 0, given=1.0) for number, one in enumerate(ranked[:4])]
                engine.hear(given_)
            engine.close(tick, [Pane(dict(pane.index), pane.rows.copy())])
    evidence = np.array([one.evidence for one in engine.verdicts.values()] + [engine.context.height])
    assert np.isfinite(evidence).all()
    review(engine)
