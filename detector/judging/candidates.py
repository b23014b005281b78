"""Candidate groups of one linking: what they measure, how far they are over their height, and which of them are only a crowd.

Strangers on one template are parts of one whole in subjects and lengths, as a hydra's accounts are: so likeness alone flags nobody,
and that one of a crowd harvests says less of the others. A part of a hydra is often over the height beside a whole just under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.learning.words import SHORT, Words
from siphonwatch.detector.scoring import group_judge
from siphonwatch.detector.scoring.group_judge import GroupPrior, Standing
from siphonwatch.detector.scoring.groups import Groups
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.linking import Links

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Candidates:
    """G groups among N accounts."""

    names: list[str]  # (N,) ascending
    links: Links
    groups: list[Array]  # G positions, ascending
    standing: Standing
    features: Array  # (G, F)
    above: Array  # (G,) log-odds over the height of groups
    crowd: Array  # (G,) whether nothing binds it
    said: dict[int, Words]  # what rulings on members say of each group that is not too far below its height to be watched

    def over(self, number: int) -> bool:
        """Whether a group is over its height, by itself or with what rulings say."""
        above = float(self.above[number])
        return above >= 0.0 or self.said[number].raised(above) >= 0.0

    def members(self, parts: Sequence[int]) -> Array:
        """Who is in some of the ``parts``, ascending."""
        return np.unique(np.concatenate([self.groups[part] for part in parts]))


def measured(engine: Engine, prior: GroupPrior, chosen: Named, view: View, own: Array, links: Links, groups: list[Array]) -> Candidates:
    """The candidate ``groups`` of the accounts ``chosen``, whose own evidence (N,) is ``own``."""
    settings, standing = engine.settings, Standing(Groups(view, own, groups))
    features = group_judge.matrix(standing)
    scores = group_judge.scores(features, prior)
    above = scores - group_judge.height(group_judge.best(scores, groups, len(view)), prior, settings.reference_accounts)
    tied = standing.tied(linking.closed(groups, links, len(view)))
    crowd = (tied < settings.group_tied) & (standing.own < settings.group_own)
    above = _held(above, crowd)
    above = _held(above + _growth(above, groups, _flagged(engine, chosen), settings), crowd)
    said = {}
    for number in np.flatnonzero(above >= -settings.group_reach).tolist():
        words = engine.scorer.words([chosen.names[row] for row in groups[number].tolist()])
        said[number] = words.of_crowd(settings.crowd_words) if crowd[number] else words
    return Candidates(chosen.names, links, groups, standing, features, above, crowd, said)


def _held(above: Array, crowd: Array) -> Array:
    """Crowds are watched at most, but for what analysts say."""
    return np.where(crowd, np.minimum(above, -SHORT), above)


def _flagged(engine: Engine, chosen: Named) -> Array:
    """(N,) who is over the flag by the shipped prior, or in a campaign that is: what analysts say counts in its own place, and once."""
    context = engine.context
    members = {
        name
        for one in context.campaigns
        if one.strength >= 0.0
        for name, share in zip(one.members, one.shares, strict=True)
        if share >= 0.0
    }
    joined = np.array([name in members for name in chosen.names], dtype=bool)
    result: Array = joined | (chosen.records["shipped"] >= context.height)
    return result


def _growth(above: Array, groups: list[Array], flagged: Array, settings: Settings) -> Array:
    """(G,) what is added to ``groups`` under their height of which a part is ``flagged`` (N,) already, or in a smaller one that is over.

    What is tied to a harvest and like it takes less to be a part of it than a group of which nobody is known takes to be one: two heights,
    as edges are followed in pictures (Canny 1986, hysteresis).
    """
    known = flagged.copy()
    for number in np.flatnonzero(above >= 0.0).tolist():
        known[groups[number]] = True
    share = np.array([float(known[members].mean()) for members in groups])
    return np.where((above < 0.0) & (share >= settings.group_known), settings.group_growth, 0.0)
