"""The prior: a sum of directed features that held over hands.

Streams come from different hands, and what one hand's model has learned best is that hand's habits. So a logistic regression is
fitted to each hand alone, each under a strong ridge, and their weights are averaged: what only one hand bears out counts a third. Weights
do not go below zero: a feature may be worthless, but it may not speak against its own direction.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize
from siphonwatch.detector.learning.examples import Examples
from siphonwatch.detector.scoring.features import NAMES, NEEDS_TEXT, STANDS_IN
from siphonwatch.detector.scoring.group_judge import GroupPrior
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.settings import DEFAULT

Array = npt.NDArray[Any]

RIDGE = 0.1  # with less, weights went to what one hand's streams share by accident; measured by leaving hands out
HEIGHT = 0.001  # share of a hand's innocents above the flag's shipped height
SHARPNESS = 2.5  # what the averaged weights are multiplied by, so that evidence is near the log-odds at the arena's prevalence


def fit(inputs: Array, harvest: Array, weight: Array, ridge: float = RIDGE) -> tuple[Array, float]:
    """(weights (F,) >= 0, bias) of a weighted ridge logistic regression (L-BFGS-B; Byrd et al. 1995).

    ``weight`` (N,) is what each example counts; only its proportions matter.
    """
    share = weight / weight.sum()

    def loss(theta: Array) -> tuple[float, Array]:
        odds = inputs @ theta[:-1] + theta[-1]
        error = share * (1.0 / (1.0 + np.exp(-odds)) - harvest)
        value = share @ np.logaddexp(0.0, np.where(harvest, -odds, odds)) + ridge * float(theta[:-1] @ theta[:-1]) / 2
        return float(value), np.append(inputs.T @ error + ridge * theta[:-1], error.sum())

    width = inputs.shape[1]
    bounds = [(0.0, None)] * width + [(None, None)]
    best = optimize.minimize(loss, np.zeros(width + 1), jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 1000})
    return best.x[:-1], float(best.x[-1])


def _height(inputs: Array, harvest: Array, weight: Array, weights: Array) -> float:
    """What ``HEIGHT`` of one hand's innocents reach, by weight."""
    innocent = ~harvest
    score = inputs[innocent] @ weights
    order = np.argsort(-score)
    heap = np.cumsum(weight[innocent][order]) / weight[innocent].sum()
    return float(score[order][np.searchsorted(heap, HEIGHT)])


def averaged(hands: Mapping[str, Examples], text: bool = True) -> tuple[Array, float]:
    """(weights (F,), bias): the mean over ``hands``, with the bias at which ``HEIGHT`` of their innocents are at the flag's height."""
    parts = [
        (part.inputs, part.harvest, part.weight) if text else (part.textless, part.textless_harvest, part.textless_weight)
        for part in hands.values()
    ]
    allowed = ~STANDS_IN if text else ~NEEDS_TEXT
    fitted = [fit(inputs * allowed, harvest, weight)[0] * allowed for inputs, harvest, weight in parts]
    weights = np.mean(fitted, axis=0) * SHARPNESS
    heights = [_height(inputs, harvest, weight, weights) for inputs, harvest, weight in parts]
    return weights, DEFAULT.flag_odds - float(np.mean(heights))


def prior(hands: Mapping[str, Examples], made_by: str, groups: GroupPrior | None = None) -> Prior:
    """The prior from the examples of several hands; ``groups`` is what they teach of groups."""
    weights, bias = averaged(hands)
    blind, blind_bias = averaged(hands, text=False)
    counts = sum((part.population.counts for part in hands.values()), np.zeros_like(Population().counts))
    reference = {name: {int(cell): int(counts[row, cell]) for cell in np.flatnonzero(counts[row])} for row, name in enumerate(NAMES)}
    return Prior(
        weights={name: round(float(w), 4) for name, w in zip(NAMES, weights, strict=True)},
        bias=round(bias, 4),
        textless={name: round(float(w), 4) for name, w in zip(NAMES, blind, strict=True) if w > 5e-5},
        textless_bias=round(blind_bias, 4),
        reference=reference,
        made_by=made_by,
        groups=groups,
    )
