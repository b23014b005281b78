"""The shipped prior is what its script makes."""

from __future__ import annotations

from siphonwatch.detector.learning import fit as training
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.streams.common import prior


def test_the_prior_knows_every_feature_and_no_other() -> None:
    shipped = prior.load()
    assert list(shipped.weights) == list(NAMES)
    assert set(shipped.reference) == set(NAMES)
    assert min(shipped.weights.values()) >= 0


def test_the_script_is_deterministic_and_near_the_shipped_weights() -> None:
    """Two of the shipped prior's worlds, twice: equal; the whole of it is `make prior`."""
    worlds = training.worlds(range(2), accounts=300)
    once = training.prior([training.examples(world) for world in worlds], "a test")
    again = training.prior([training.examples(world) for world in worlds], "a test")
    assert once == again
    strongest = sorted(once.weights, key=lambda name: -once.weights[name])[:12]
    assert sum(prior.load().weights[name] > 0.3 for name in strongest) >= 7
