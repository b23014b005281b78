"""The prior of groups: weights that held over hands, and the fence over which groups are flagged."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.learning.fit import fit
from siphonwatch.detector.learning.group_examples import GroupExamples
from siphonwatch.detector.scoring.group_judge import NAMES, GroupPrior, extent

Array = npt.NDArray[Any]

RIDGE = 0.0005
# not learned: labels tell who harvests, not how much of what few accounts share is chance; measured by leaving hands out
FIXED = {"beyond_chance": 2.5}
INNOCENTS = 0.001  # share of a hand's innocents that may be in groups over the height at some look
SIMULATOR = "simulator"  # its research teams are hydras in all but their purpose: it teaches weights, and no height


def group_prior(hands: Mapping[str, GroupExamples]) -> GroupPrior:
    """The prior from the examples of several hands, each fitted alone and their weights averaged."""
    learned = np.array([name not in FIXED for name in NAMES])
    weights = np.mean([fit(part.inputs * learned, part.harvest, part.weight, RIDGE)[0] for part in hands.values()], axis=0) * learned
    weights += [FIXED.get(name, 0.0) for name in NAMES]
    seen = [part for part in hands.values() if len(part.seen)]
    fences, known = zip(*[_fence(part, weights) for part in seen], strict=True)
    middle, breadth = np.mean(np.concatenate(known), axis=0).tolist()
    return GroupPrior(
        {name: round(float(weight), 4) for name, weight in zip(NAMES, weights, strict=True)},
        round(float(np.mean(fences)), 4), round(middle, 4), round(breadth, 4),
    )  # fmt: skip


def _fence(part: GroupExamples, weights: Array) -> tuple[float, Array]:
    """(the fence that ``INNOCENTS`` of one hand's innocents reach at some look, (S, 2) the extent of each stream at its end)."""
    scores, number = part.seen @ weights, part.look[part.group]
    strongest, ends = np.full(len(part.innocent), -np.inf), {}
    for look in range(int(part.look.max()) + 1):
        best, mine = np.full(len(part.innocent), -np.inf), number == look
        np.maximum.at(best, part.account[mine], scores[part.group[mine]])
        for stream in range(int(part.stream.max()) + 1):
            chosen = part.stream == stream
            middle, breadth = ends[stream] = extent(best[chosen])
            strongest[chosen] = np.maximum(strongest[chosen], (best[chosen] - middle) / max(breadth, 1.0))
    innocent = np.sort(strongest[part.innocent])[::-1]
    rank = int(INNOCENTS * part.innocents)
    return float(innocent[min(rank, len(innocent) - 1)]) if len(innocent) else 0.0, np.array(list(ends.values()))
