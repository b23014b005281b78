"""The simulator is deterministic, labelled, and writes the project's own format."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.simulate import HARVESTS, INNOCENTS, World, simulate
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import decoder

WORLD = World(accounts=300, days=1.0, prevalence=0.2, seed=4)


def test_equal_seeds_give_equal_traffic_and_others_do_not() -> None:
    first, again, other = simulate(WORLD), simulate(WORLD), simulate(World(accounts=300, days=1.0, prevalence=0.2, seed=5))
    assert [encode(each) for each in first.requests] == [encode(each) for each in again.requests]
    assert first.labels == again.labels
    assert first.labels != other.labels


def test_every_kind_occurs_and_is_labelled() -> None:
    kinds = Counter(label.kind for label in simulate(World(accounts=1500, days=0.5, prevalence=0.1, seed=4)).labels.values())
    assert set(HARVESTS) <= set(kinds)
    assert len(set(INNOCENTS) - set(kinds)) <= 2


def test_time_is_ordered_and_within_the_days() -> None:
    times = [float(request.timestamp) for request in simulate(WORLD).requests]
    assert times == sorted(times)
    assert WORLD.start <= times[0] <= times[-1] <= WORLD.start + WORLD.days * 86_400


def test_what_it_writes_is_what_is_read() -> None:
    requests = simulate(WORLD).requests[:500]
    found = decoder("native").decode([encode(request) for request in requests])
    assert not found.dead
    read, written = batch(found.requests, found.times), batch(requests, found.times)
    for name in ("accounts", "tokens_out", "max_tokens", "logit_bias", "habit", "system", "end_user", "created", "rpm"):
        assert np.array_equal(getattr(read, name), getattr(written, name)), name
    assert np.array_equal(read.text.prompt, written.text.prompt)


@pytest.mark.parametrize("kind", HARVESTS)
def test_each_harvest_can_be_simulated_alone(kind: str) -> None:
    labels = simulate(World(accounts=120, days=0.5, prevalence=0.1, seed=2, harvests=(kind,))).labels
    assert {label.kind for label in labels.values() if label.label == "harvest"} == {kind}
