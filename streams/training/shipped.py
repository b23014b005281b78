"""The shipped prior, made again."""

from __future__ import annotations

from pathlib import Path

import msgspec
from siphonwatch.detector.learning import fit
from siphonwatch.detector.scoring.model import Prior

SEEDS = range(24)


def make(path: Path) -> Prior:
    """Simulate, fit, and write the prior to ``path``; the same bytes each time."""
    made = fit.prior(map(fit.examples, fit.worlds(SEEDS)), "siphonwatch prior detector/scoring/prior.json")
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
