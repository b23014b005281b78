"""The shipped prior: a logistic regression on simulated traffic alone.

Worlds of many seeds, mixes, lengths and prevalences are simulated; their accounts are looked at after a tenth, a quarter, half and
all of the time, so that the model learns young evidence as well as old. Weights are kept from going below zero: a feature may
be worthless, but it may not speak against its own direction.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import optimize

from detector import state
from detector.features import NAMES, matrix
from detector.model import Prior, scale
from detector.population import Population
from detector.request import batch, epoch_ms, hash_strings
from detector.settings import DEFAULT
from detector.simulate import World, simulate
from detector.view import View

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


def looks(world: World) -> list[tuple[Array, list[str], Array]]:
    """(features, kinds, is a harvester) of the judged accounts of a world at each look; kinds as in its labels."""
    traffic = simulate(world)
    times = np.array([epoch_ms(request.timestamp) for request in traffic.requests], dtype=np.int64)
    index: dict[str, int] = {}
    rows = state.empty(world.accounts)
    models = hash_strings([request.model for request in traffic.requests]) >> np.uint64(32)
    first_met = {int(model): int(times[at]) for model, at in zip(*np.unique(models, return_index=True), strict=True)}
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


def examples(world: World) -> tuple[Array, Array, list[str], Population]:
    """(model inputs, is a harvester, kinds, population) over all looks at a world."""
    inputs, harvest, kinds = [], [], []
    population = Population()
    for features, names, labels in looks(world):
        population = Population()
        population.observe(features)
        inputs.append(scale(features, population.summary()))
        harvest.append(labels)
        kinds += names
    return np.concatenate(inputs), np.concatenate(harvest), kinds, population


def prior(parts: Iterable[tuple[Array, Array, list[str], Population]], made_by: str) -> Prior:
    """The prior from the examples of many worlds."""
    collected = list(parts)
    weights, bias = fit(np.concatenate([part[0] for part in collected]), np.concatenate([part[1] for part in collected]))
    counts = sum((part[3].counts for part in collected), np.zeros_like(Population().counts))
    reference = {name: {int(cell): int(counts[row, cell]) for cell in np.flatnonzero(counts[row])} for row, name in enumerate(NAMES)}
    return Prior({name: round(float(w), 4) for name, w in zip(NAMES, weights, strict=True)}, round(bias, 4), reference, made_by)
