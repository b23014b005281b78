"""The shipped prior is what its script makes."""

from __future__ import annotations

import pytest
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.examples import of_worlds
from siphonwatch.detector.scoring.features import FEATURES, NAMES
from siphonwatch.streams.common import prior
from siphonwatch.streams.training import shipped


def test_the_prior_knows_every_feature_and_no_other() -> None:
    shipped = prior.load()
    assert list(shipped.weights) == list(NAMES)
    assert set(shipped.reference) == set(NAMES)
    assert min(shipped.weights.values()) >= 0


def test_the_script_is_deterministic_and_averages_over_hands() -> None:
    """Two small worlds of the simulator beside what ships, twice: equal; the whole of it is `siphonwatch prior`."""
    hands = shipped.hands()
    assert set(hands) == {"first", "b2b", "consumer"}
    once, again = (fit.prior(hands | {"simulator": of_worlds(range(2), accounts=250)}, "a test") for _ in range(2))
    assert once == again
    every = prior.load()
    strongest = sorted(every.weights, key=lambda name: -every.weights[name])[:10]
    assert sum(once.weights[name] > 0.1 for name in strongest) >= 8
    alone = {hand: fit.prior({hand: part}, "a test").weights for hand, part in hands.items()}
    mean = fit.prior(hands, "a test").weights
    for name in mean:
        assert mean[name] == pytest.approx(sum(weights[name] for weights in alone.values()) / 3, abs=1e-3)


def test_examples_survive_being_packed() -> None:
    part = shipped.hands()["b2b"]
    back = shipped.unpack(shipped.pack(part))
    assert (back.inputs == part.inputs).all()
    assert (back.population.counts == part.population.counts).all()


def test_a_stand_in_weighs_only_where_there_are_no_prompts() -> None:
    shipped_prior = prior.load()
    for feature in FEATURES:
        if feature.stands_in:
            assert shipped_prior.weights[feature.name] == 0
    assert sum(shipped_prior.textless.get(feature.name, 0.0) > 0 for feature in FEATURES if feature.stands_in) >= 3
