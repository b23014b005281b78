"""The model: directed features to log-odds of harvesting, and each feature's share in them.

An additive model in log-odds, so that a verdict is a sum of reasons: features are put on one directed scale (the span
of an absolute feature; the population's median and its 10 to 90 % range for a relative one) and weighted by river's logistic
regression. Weights start from the shipped prior, which knows harvesters only from the simulator, and move with each
ruling of an analyst (``learn_one``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.features import DIRECTION, HIGH, LOW, NAMES, RELATIVE
from siphonwatch.detector.scoring.population import Population, Summary

Array = npt.NDArray[Any]

LEARNING_RATE = 0.02  # of one ruling: ten alike move a weight by about a tenth of the largest
RELATIVE_LIMIT = 1.5  # ranges from the median: beyond, a relative feature says no more


class Prior(msgspec.Struct, frozen=True):
    """What the model knows before it has seen any stream: made by :mod:`siphonwatch.detector.learning.fit`, shipped as ``prior.json``."""

    weights: dict[str, float]
    bias: float
    textless: dict[str, float]  # weights where the log holds no prompts; features that need them are left out
    textless_bias: float
    reference: dict[str, dict[int, int]]  # feature -> bin -> accounts: the simulator's population
    made_by: str  # how to make it again


class Model:
    """Log-odds of harvesting from a feature matrix."""

    def __init__(self, prior: Prior, weights: dict[str, float] | None = None, bias: float | None = None) -> None:
        missing = set(NAMES) - set(prior.weights)
        if missing:
            raise ValueError(f"the prior lacks {', '.join(sorted(missing))}: make it again with `make prior`")
        self.prior = prior
        self.weights = dict(weights or {name: prior.weights[name] for name in NAMES})  # feature -> weight, as it stands
        self.bias = prior.bias if bias is None else bias  # log-odds of an account that is like the median in everything

    @property
    def reference(self) -> Population:
        """The simulator's population."""
        population = Population()
        for row, name in enumerate(NAMES):
            for cell, count in self.prior.reference.get(name, {}).items():
                population.counts[row, cell] = count
        return population

    def contributions(self, features: Array, summary: Summary) -> Array:
        """(N, F) what each feature adds to the log-odds; they and the bias sum to :meth:`log_odds`.

        An account without prompts has weights of its own, moved by the same rulings; what is not known of it (NaN) adds nothing.
        """
        weights = np.array([self.weights[name] for name in NAMES])
        blind = np.array([self.prior.textless.get(name, 0.0) for name in NAMES])
        moved = weights - np.array([self.prior.weights[name] for name in NAMES])  # by analysts
        unknown: Array = np.isnan(features)
        chosen = np.where(unknown.any(axis=1, keepdims=True), blind + moved, weights)
        result: Array = np.where(unknown, 0.0, scale(features, summary) * chosen)
        return result

    def log_odds(self, features: Array, summary: Summary) -> Array:
        """(N,) natural-log odds of harvesting."""
        moved = self.bias - self.prior.bias
        bias = np.where(np.isnan(features).any(axis=1), self.prior.textless_bias + moved, self.bias)
        result: Array = self.contributions(features, summary).sum(axis=1) + bias
        return result

    def inputs(self, features: Sequence[float], summary: Summary) -> dict[str, float]:
        """What the model sees of one account or campaign: what a ruling on it is stored with."""
        scaled = scale(np.array([features], dtype=np.float64), summary)[0]
        return {name: value for name, value in zip(NAMES, scaled.tolist(), strict=True) if not math.isnan(value)}

    def learn_one(self, inputs: dict[str, float], harvest: bool) -> None:
        """Move toward an analyst's ruling."""
        from river import linear_model, optim  # most of a second: only for who has rulings

        regression = linear_model.LogisticRegression(optimizer=optim.SGD(LEARNING_RATE), intercept_lr=LEARNING_RATE)
        regression._weights.update(self.weights)
        regression.intercept = self.bias
        regression.learn_one(inputs, harvest)
        self.weights = {name: float(regression.weights[name]) for name in NAMES}
        self.bias = float(regression.intercept)


def scale(features: Array, summary: Summary) -> Array:
    """(N, F) directed: higher always speaks for harvesting; 0 is what speaks for nothing."""
    median, spread = np.array(summary.median), np.array(summary.p90) - np.array(summary.p10)
    relative = np.clip((features - median) / np.maximum(spread, 1e-3), -RELATIVE_LIMIT, RELATIVE_LIMIT)
    absolute = (features - np.maximum(LOW, 0.0)) / (HIGH - LOW)
    result: Array = np.where(RELATIVE, relative, absolute) * DIRECTION
    return result
