"""The shipped prior, made again from what ships: examples of several hands, and the simulator."""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path

import msgspec
import numpy as np
from siphonwatch.detector.learning import fit
from siphonwatch.detector.learning.examples import Examples, of_worlds
from siphonwatch.detector.learning.group_fit import group_prior
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.scoring.population import Population
from siphonwatch.streams.training import groups

SEEDS = range(12)  # worlds of the simulator: one hand more


def pack(made: Examples) -> bytes:
    """As a compressed NumPy archive; inputs are kept to three digits, which is what float16 holds."""
    kept = io.BytesIO()
    np.savez_compressed(
        kept,
        inputs=made.inputs.astype(np.float16), harvest=made.harvest, weight=made.weight.astype(np.float32),
        textless=made.textless.astype(np.float16), textless_harvest=made.textless_harvest,
        textless_weight=made.textless_weight.astype(np.float32), population=made.population.counts,
    )  # fmt: skip
    return kept.getvalue()


def unpack(data: bytes) -> Examples:
    """The inverse of :func:`pack`."""
    with np.load(io.BytesIO(data)) as kept:
        return Examples(
            kept["inputs"].astype(np.float64), kept["harvest"], kept["weight"].astype(np.float64),
            kept["textless"].astype(np.float64), kept["textless_harvest"], kept["textless_weight"].astype(np.float64),
            Population(kept["population"]),
        )  # fmt: skip


def hands() -> dict[str, Examples]:
    """The examples that ship: hand -> what its streams teach."""
    folder = resources.files("siphonwatch.detector.learning").joinpath("hands")
    files = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".npz"))
    return {name.removesuffix(".npz"): unpack(file.read_bytes()) for name, file in files}


def make(path: Path) -> Prior:
    """Simulate, fit, and write the prior to ``path``; the same bytes each time."""
    every = hands() | {"simulator": of_worlds(SEEDS)}
    made = fit.prior(every, "siphonwatch prior detector/scoring/prior.json", group_prior(groups.hands()))
    path.write_bytes(msgspec.json.format(msgspec.json.encode(made), indent=1) + b"\n")
    return made
