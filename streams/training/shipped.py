"""The shipped prior, made again from what ships: examples of several hands, and the simulator."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.examples import Examples, of_worlds
from siphonwatch.detector.learning.group_examples import GroupExamples
from siphonwatch.detector.learning.group_fit import group_prior
from siphonwatch.detector.scoring.model import Prior

SEEDS = range(12)  # worlds of the simulator: one hand more


def group_hands() -> dict[str, GroupExamples]:
    """The shipped examples of groups by hand, the simulator's among them."""
    folder = resources.files("siphonwatch.detector.learning").joinpath("groups")
    return {
        file.name.removesuffix(".npz"): GroupExamples.from_bytes(file.read_bytes())
        for file in sorted(folder.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".npz")
    }


def make(path: Path) -> Prior:
    """Simulate, fit, and write the prior to ``path``; the same bytes each time."""
    folder = resources.files("siphonwatch.detector.learning").joinpath("hands")
    hands = {
        file.name.removesuffix(".npz"): Examples.from_bytes(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".npz")
    }
    hands["simulator"] = of_worlds(SEEDS)
    made = fit.prior(dict(sorted(hands.items())), "siphonwatch prior detector/scoring/prior.json", group_prior(group_hands()))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
