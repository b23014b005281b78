"""The review queue: whom an analyst should look at next. One card for each behaviour, as a ruling on one teaches about all alike.

Cards alternate between the strongest evidence and the most unsure (nearest to the flag's height), each as far from all cards
before it, and from everything ruled so far, as one behaviour is from another.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.sums import squared_distances
from siphonwatch.detector.settings import Settings

Array = npt.NDArray[Any]


class Card(msgspec.Struct, frozen=True):
    """One behaviour to rule on, by one account that shows it."""

    account: str
    level: str
    evidence: float  # log-odds, as it stands now
    alike: int  # accounts that behave like it, itself not counted
    accounts: list[str]  # some of those
    campaign: str | None
    why: str  # the strongest reason, in words


def pick(inputs: Array, evidence: Array, height: float, ruled: Array, settings: Settings) -> tuple[Array, Array]:
    """(cards (K,), owner (N,)): positions of the accounts to look at, in order, and for each account the number of its card, -1 for none.

    ``inputs`` (N, F) are the model's, ``evidence`` (N,) log-odds, ``ruled`` (R, F) inputs of what was ruled on already. Only accounts
    within ``queue_reach`` under the height are looked at. Of equal candidates the earlier position comes first.
    """
    owner = np.full(len(inputs), -1)
    near = np.full(len(inputs), np.inf)  # distance to the nearest card or ruled account
    for start in range(0, len(ruled), 256):
        near = np.minimum(near, _distances(inputs, ruled[start : start + 256]).min(axis=1, initial=np.inf))
    within = evidence >= height - settings.queue_reach
    order = (np.argsort(-evidence, kind="stable"), np.argsort(np.abs(evidence - height), kind="stable"))
    cards: list[int] = []
    at = [0, 0]
    while len(cards) < settings.queue_cards:
        way = len(cards) % 2
        line = order[way]
        while at[way] < len(line) and not (within[line[at[way]]] and near[line[at[way]]] >= settings.behaviour_radius):
            at[way] += 1
        if at[way] == len(line):
            break
        chosen = int(line[at[way]])
        distance = _distances(inputs, inputs[chosen : chosen + 1])[:, 0]
        owner[(owner < 0) & (distance < settings.behaviour_radius) & (near >= settings.behaviour_radius)] = len(cards)
        near = np.minimum(near, distance)
        cards.append(chosen)
    return np.array(cards, dtype=np.int64), owner


def _distances(left: Array, right: Array) -> Array:
    result: Array = np.sqrt(squared_distances(left, right))
    return result
