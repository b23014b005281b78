"""The shipped prior, as a file beside the detector."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import msgspec
from siphonwatch.detector.learning import fit as training
from siphonwatch.detector.scoring.model import Prior

SEEDS = range(24)


def load() -> Prior:
    """The prior that ships with this version."""
    return msgspec.json.decode(resources.files("siphonwatch.detector.scoring").joinpath("prior.json").read_bytes(), type=Prior)


def make(path: Path) -> Prior:
    """Simulate, fit, and write the prior to ``path``; the same bytes each time."""
    made = training.prior(map(training.examples, training.worlds(SEEDS)), "siphonwatch prior detector/scoring/prior.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
