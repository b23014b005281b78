"""The shipped prior: a logistic regression on simulated traffic alone.

Worlds of many seeds, mixes, lengths and prevalences are simulated; their accounts are looked at after a tenth, a quarter, half and
all of the time, so that the model learns young evidence as well as old. Weights are kept from going below zero: a feature may
be worthless, but it may not speak against its own direction.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize
from siphonwatch.detector.request.columns import batch, hash_strings
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.scoring.features import NAMES, matrix
from siphonwatch.detector.scoring.model import Prior, scale
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View

Array = npt.NDArray[Any]

LOOKS = (0.1, 0.25, 0.5, 1.0)  # shares of a world's time after which its accounts are looked at
RIDGE = 1e-3  # spreads the weight over many features: a tenth of it ranked a little better, on half as many habits to evade


def worlds(seeds: Iterable[int], accounts: int = 1200) -> list[World]:
    """One varied world a seed."""
    made = []
    for seed in seeds:
        rng = random.Random(seed)
        days, prevalence = rng.choice((1.0, 2.0, 3.0, 4.0)), rng.choice((0.02, 0.05, 0.10))
        made.append(World(accounts, days, prevalence, seed, 1.79e9 + rng.random() * 7 * 86_400))
    return made


def looks(world: World, text: bool = True) -> list[tuple[Array, list[str], Array]]:
    """(features, kinds, is a harvester) of the judged accounts of a world at each look; kinds as in its labels.

    Without ``text`` the log is one that holds no prompts.
    """
    traffic = simulate(world)
    if not text:
        for request in traffic.requests:
            request.messages = None
    times = np.array([epoch_ms(request.timestamp) for request in traffic.requests], dtype=np.int64)
    models = hash_strings([request.model for request in traffic.requests]) >> np.uint64(32)
    first_met = {int(model): int(times[at]) for model, at in zip(*np.unique(models, return_index=True), strict=True)}
    index: dict[str, int] = {}
    rows = state.empty(world.accounts)
    found, begin = [], 0
    for share in LOOKS:
        end = int(np.searchsorted(times, (world.start + share * world.days * 86_400) * 1000, "right"))
        for low in range(begin, end, 20_000):
            high = min(low + 20_000, end)
            part = batch(traffic.requests[low:high], times[low:high].tolist())
            codes, names = pd.factorize(part.accounts)
            position = np.array([index.setdefault(name, len(index)) for name in names], dtype=np.int64)
            rows[position] = state.merge(rows[position], state.fold(part, codes, len(names)))
        begin = end
        now = int(times[end - 1]) if end else 0
        released = [m for m, at in first_met.items() if at > times[0] + DEFAULT.release_quiet_ms and now - DEFAULT.release_ms <= at <= now]
        known = Population()
        known.observe_content(View(rows[: len(index)]))
        view = View(rows[: len(index)], known.usual, released)
        labels = [traffic.labels[account] for account in index]
        judged = view.count("requests") >= DEFAULT.judged_floor
        kinds = [label.kind for label, kept in zip(labels, judged, strict=True) if kept]
        harvest = np.array([label.label == "harvest" for label in labels], dtype=bool)[judged]
        found.append((matrix(view)[judged], kinds, harvest))
    return found


def fit(inputs: Array, harvest: Array) -> tuple[Array, float]:
    """(weights (F,) >= 0, bias) of a ridge logistic regression (L-BFGS-B; Byrd et al. 1995)."""
    count, width = inputs.shape

    def loss(theta: Array) -> tuple[float, Array]:
        odds = inputs @ theta[:-1] + theta[-1]
        error = (1.0 / (1.0 + np.exp(-odds)) - harvest) / count
        value = np.logaddexp(0.0, np.where(harvest, -odds, odds)).mean() + RIDGE * float(theta[:-1] @ theta[:-1]) / 2
        return float(value), np.append(inputs.T @ error + RIDGE * theta[:-1], error.sum())

    bounds = [(0.0, None)] * width + [(None, None)]
    best = optimize.minimize(loss, np.zeros(width + 1), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000})
    return best.x[:-1], float(best.x[-1])


@dataclass(frozen=True)
class Examples:
    """What one world teaches."""

    inputs: Array  # (N, F)
    harvest: Array  # (N,)
    kinds: list[str]
    textless: Array  # (M, F) inputs of the same world without prompts, 0 where they would be needed
    textless_harvest: Array
    population: Population  # at the last look

    def without(self, kind: str) -> Examples:
        """All but one kind of account."""
        kept = np.array([each != kind for each in self.kinds])
        return replace(self, inputs=self.inputs[kept], harvest=self.harvest[kept], kinds=[each for each in self.kinds if each != kind])


def examples(world: World) -> Examples:
    """Model inputs and the truth about them over all looks at a world, with its prompts and without."""
    kinds, population = [], Population()
    inputs: dict[bool, list[Array]] = {True: [], False: []}
    harvest: dict[bool, list[Array]] = {True: [], False: []}
    for text in (False, True):
        for features, names, labels in looks(world, text):
            population = Population()
            population.observe(features)
            inputs[text].append(np.nan_to_num(scale(features, population.summary())))
            harvest[text].append(labels)
            kinds += names if text else []
    return Examples(
        np.concatenate(inputs[True]), np.concatenate(harvest[True]), kinds,
        np.concatenate(inputs[False]), np.concatenate(harvest[False]), population,
    )  # fmt: skip


def prior(parts: Iterable[Examples], made_by: str) -> Prior:
    """The prior from the examples of many worlds."""
    collected = list(parts)
    weights, bias = fit(np.concatenate([part.inputs for part in collected]), np.concatenate([part.harvest for part in collected]))
    blind, blind_bias = fit(
        np.concatenate([part.textless for part in collected]), np.concatenate([part.textless_harvest for part in collected])
    )
    counts = sum((part.population.counts for part in collected), np.zeros_like(Population().counts))
    reference = {name: {int(cell): int(counts[row, cell]) for cell in np.flatnonzero(counts[row])} for row, name in enumerate(NAMES)}
    return Prior(
        weights={name: round(float(w), 4) for name, w in zip(NAMES, weights, strict=True)},
        bias=round(bias, 4),
        textless={name: round(float(w), 4) for name, w in zip(NAMES, blind, strict=True) if w > 5e-5},
        textless_bias=round(blind_bias, 4),
        reference=reference,
        made_by=made_by,
    )
