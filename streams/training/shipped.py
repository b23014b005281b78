"""The shipped prior, made again from what ships: examples of several hands, and the simulator."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.examples import Examples, of_worlds
from siphonwatch.detector.scoring.model import Prior

SEEDS = range(12)  # worlds of the simulator: one hand more


def make(path: Path) -> Prior:
    """Simulate, fit, and write the prior to ``path``; the same bytes each time."""
    folder = resources.files("siphonwatch.detector.learning").joinpath("hands")
    hands = {
        file.name.removesuffix(".npz"): Examples.from_bytes(file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".npz")
    }
    hands["simulator"] = of_worlds(SEEDS)
    made = fit.prior(dict(sorted(hands.items())), "siphonwatch prior detector/scoring/prior.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
