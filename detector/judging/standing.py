"""How far groups stand over their height: by what they measure, by whether anything binds them, and by who of them is known.

Strangers on one template are parts of one whole in subjects and lengths, as a hydra's accounts are, so likeness alone flags nobody. And of
a hydra a part is often over the height beside a whole that stands just under it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.learning.words import SHORT, Words
from siphonwatch.detector.scoring import group_judge
from siphonwatch.detector.scoring.group_judge import GroupPrior, Standing
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Level

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]


def above(
    engine: Engine, prior: GroupPrior, chosen: Named, links: linking.Links, candidates: list[Array], standing: Standing, features: Array
) -> Array:  # fmt: skip
    """(G,) log-odds of the ``candidates`` over the height of groups, in a stream of the accounts ``chosen``."""
    scores, count, settings = group_judge.scores(features, prior), len(chosen.names), engine.settings
    strongest = group_judge.best(scores, candidates, count)
    plain = scores - group_judge.height(strongest, prior, settings.reference_accounts)
    closed = linking.closed(candidates, links, count)
    crowd = (standing.tied(closed) < settings.group_tied) & (standing.own < settings.group_own)
    grown = _grown(engine, chosen, candidates, held(plain, crowd), plain)
    return held(grown, crowd)


def is_over(above: float, said: Words) -> bool:
    """Whether a group is over its height, by itself or with what rulings have ``said`` of its members."""
    return above >= 0.0 or said.raised(above) >= 0.0


def held(above: Array, crowd: Array) -> Array:
    """Groups of a ``crowd`` (G,) are watched at most, unless an analyst says more: they are alike, and nothing makes them anybody's."""
    return np.where(crowd, np.minimum(above, -SHORT), above)


def _grown(engine: Engine, chosen: Named, candidates: list[Array], above: Array, plain: Array) -> Array:
    """(G,) what is ``plain``, and more where a part of a group is flagged already, or in a smaller one that is ``above`` its height.

    What is tied to a harvest and like it takes less to be a part of it than a group of which nobody is known takes to be one: two heights,
    as edges are followed in pictures (Canny 1986, hysteresis).
    """
    settings, flagged = engine.settings, chosen.records["level"] >= int(Level.THROTTLE)
    for number in np.flatnonzero(above >= -settings.group_reach).tolist():
        members = candidates[number]
        if is_over(float(above[number]), engine.scorer.words([chosen.names[row] for row in members.tolist()])):
            flagged[members] = True
    known = np.array([float(flagged[members].mean()) for members in candidates])
    return np.where((plain < 0.0) & (known >= settings.group_known), plain + settings.group_growth, plain)
