"""The prior of groups: weights that held over hands, and the height at which groups are flagged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.learning.fit import fit
from siphonwatch.detector.learning.group_examples import GroupExamples
from siphonwatch.detector.scoring.group_judge import NAMES, GroupPrior

Array = npt.NDArray[Any]

RIDGE = 0.0005
INNOCENTS = 0.001  # share of a hand's innocents that may be in groups over the height
CAUTION = 0.5  # added to the height: it must hold for hands that were not seen
SIMULATOR = "simulator"  # its research teams are hydras in all but their purpose: it teaches weights, and no height


def group_prior(hands: Mapping[str, GroupExamples]) -> GroupPrior:
    """The prior from the examples of several hands, each fitted alone and their weights averaged."""
    weights = np.mean([fit(part.inputs, part.harvest, part.weight, RIDGE)[0] for part in hands.values()], axis=0)
    seen = [part for hand, part in hands.items() if hand != SIMULATOR] or list(hands.values())
    heights, middles = zip(*[_height(part, weights) for part in seen], strict=True)
    return GroupPrior(
        {name: round(float(weight), 4) for name, weight in zip(NAMES, weights, strict=True)},
        round(float(np.mean(heights)) + CAUTION, 4), round(float(np.mean(middles)), 4),
    )  # fmt: skip


def _height(part: GroupExamples, weights: Array) -> tuple[float, float]:
    """(what ``INNOCENTS`` of one hand's innocents reach above their stream's middle, the middle)."""
    scores = part.last @ weights
    best = np.full(len(part.innocent), -np.inf)
    np.maximum.at(best, part.account, scores[part.group])
    middles = [float(np.median(best[part.stream == number])) for number in np.unique(part.stream).tolist()]
    above = best - np.array(middles)[np.searchsorted(np.unique(part.stream), part.stream)]
    innocent = np.sort(above[part.innocent])[::-1]
    rank = int(INNOCENTS * part.innocents)
    return float(innocent[min(rank, len(innocent) - 1)]) if len(innocent) else 0.0, float(np.mean(middles))
