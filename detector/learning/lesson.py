"""The lesson: what the rulings that stand have taught, learned from the prior anew whenever they change.

Two things are fitted together, both held near where they started: the weights near the prior's, and a *resemblance* to each ruled
account near nothing. Weights alone learn little, as the top of a list is all alike; resemblance says "this looks like what was ruled
a harvest" where it looks like that and nowhere else. Nobody had to label the rest of the population: accounts below the watch level
count together as some weak innocents, so that a few harvests do not lift everybody. Measured by leaving hands out; see the results.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.sums import squared_distances
from siphonwatch.detector.settings import Settings

Array = npt.NDArray[Any]


class Lesson(msgspec.Struct, frozen=True):
    """What is added to the prior; F features, R ruled examples."""

    weights: list[float] = []  # (F,) moves of the prior's weights
    bias: float = 0.0
    examples: list[list[float]] = []  # (R, F) the model's inputs
    coefficients: list[float] = []  # (R,) log-odds that full resemblance to each adds


def resemblance(inputs: Array, examples: Array, width: float) -> Array:
    """(N, R) how much ``inputs`` (N, F) look like ``examples`` (R, F), in [0, 1]: a Gaussian of their distance."""
    result: Array = np.exp(-squared_distances(inputs, examples) / (2.0 * width**2))
    return result


def learn(
    weights: Array, bias: float, examples: Array, harvest: Sequence[bool], count: Array, innocents: Array, settings: Settings
) -> Lesson:
    """The lesson of ``examples`` (R, F), ruled ``harvest`` (R,) or benign, each counting ``count`` (R,).

    ``weights`` (F,) and ``bias`` are the prior's, ``innocents`` (M, F) inputs of accounts that nobody suspects. A logistic
    regression with a ridge toward the prior (L-BFGS-B; Byrd et al. 1995), weights kept from going below zero. What is ruled is what is
    true but for a share ``analyst_errs`` (forward correction of the loss; Patrini et al. 2017), so that one ruling against strong
    evidence is rather taken for wrong than learned at any price.
    """
    from scipy import optimize

    width, ruled = len(weights), len(examples)
    truth = np.asarray(harvest, dtype=bool)
    rows = np.hstack([examples, resemblance(examples, examples, settings.resemblance_width)])
    others = np.hstack([innocents, resemblance(innocents, examples, settings.resemblance_width)])
    pull = np.concatenate([np.full(width, settings.prior_pull), np.full(ruled, settings.resemblance_pull), [settings.prior_pull]])
    start = np.concatenate([weights, np.zeros(ruled), [bias]])
    share, errs = settings.innocents_count / max(len(innocents), 1), settings.analyst_errs
    side = np.where(truth, 1.0, -1.0)

    def loss(theta: Array) -> tuple[float, Array]:
        odds, quiet, moved = rows @ theta[:-1] + theta[-1], others @ theta[:-1] + theta[-1], theta - start
        right = _chance(side * odds)
        said = errs + (1.0 - 2.0 * errs) * right  # how likely the rulings are as they were given
        value = share * np.logaddexp(0.0, quiet).sum() - count @ np.log(said) + pull @ moved**2 / 2
        error, other = -count * side * (1.0 - 2.0 * errs) * right * (1.0 - right) / said, share * _chance(quiet)
        return float(value), np.append(rows.T @ error + others.T @ other, error.sum() + other.sum()) + pull * moved

    bounds = [(0.0, None)] * width + [(None, None)] * (ruled + 1)
    best = optimize.minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    moved = np.round(best - start, 6)  # what a processor's last digits say must not matter
    return Lesson(moved[:width].tolist(), float(moved[-1]), examples.tolist(), moved[width:-1].tolist())


def _chance(odds: Array) -> Array:
    result: Array = 1.0 / (1.0 + np.exp(-np.clip(odds, -60.0, 60.0)))
    return result
