"""The review queue: whom an analyst should look at next. One card for each behaviour, as a ruling on one teaches about all alike.

Every second card is on a group, as most of what a harvest has is in groups and a ruling on a member speaks of all: the strongest group
first, so that one of which a ruling said harvest soon comes a second time, which it takes to flag it. The others are in turn
of the strongest evidence and the most unsure (nearest to the flag's height), each as far from all cards before it, and from
everything ruled so far, as one behaviour is from another.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.sums import squared_distances
from siphonwatch.detector.settings import Settings

Array = npt.NDArray[Any]


GROUPS, STRONGEST, UNSURE = range(3)  # what a card is picked by


class Card(msgspec.Struct, frozen=True):
    """One behaviour to rule on, by one account that shows it."""

    account: str
    level: str
    evidence: float  # log-odds, as it stands now
    alike: int  # accounts that behave like it, itself not counted
    accounts: list[str]  # some of those
    campaign: str | None
    why: str  # the strongest reason, in words


def pick(
    inputs: Array, evidence: Array, height: float, ruled: Array, settings: Settings, groups: Sequence[int] = ()
) -> tuple[Array, Array]:
    """(cards (K,), owner (N,)): positions of the accounts to look at, in order, and for each account the number of its card, -1 for none.

    ``inputs`` (N, F) are the model's, ``evidence`` (N,) log-odds, ``ruled`` (R, F) inputs of what was ruled on already. Only accounts
    within ``queue_reach`` under the height are looked at, but for those that stand for ``groups``, in their order. Of equal candidates
    the earlier position comes first.
    """
    owner = np.full(len(inputs), -1)
    near = np.full(len(inputs), np.inf)  # distance to the nearest card or ruled account
    for start in range(0, len(ruled), 256):
        near = np.minimum(near, _distances(inputs, ruled[start : start + 256]).min(axis=1, initial=np.inf))
    within = evidence >= height - settings.queue_reach
    ways = (GROUPS, STRONGEST, GROUPS, UNSURE)
    lines = {
        GROUPS: iter(groups),
        STRONGEST: iter(np.argsort(-evidence, kind="stable").tolist()),
        UNSURE: iter(np.argsort(np.abs(evidence - height), kind="stable").tolist()),
    }
    cards: list[int] = []
    for way in itertools.cycle(ways):
        if len(cards) == settings.queue_cards or not lines:
            break
        if way not in lines:
            continue
        chosen = next(
            (
                each
                for each in lines[way]
                if each not in cards and (way == GROUPS or (within[each] and near[each] >= settings.behaviour_radius))
            ),
            None,
        )
        if chosen is None:
            del lines[way]
            continue
        distance = _distances(inputs, inputs[chosen : chosen + 1])[:, 0]
        owner[(owner < 0) & (distance < settings.behaviour_radius) & (near >= settings.behaviour_radius)] = len(cards)
        near = np.minimum(near, distance)
        cards.append(chosen)
    return np.array(cards, dtype=np.int64), owner


def _distances(left: Array, right: Array) -> Array:
    result: Array = np.sqrt(squared_distances(left, right))
    return result
