"""Who belongs together: groups of accounts that share rare traits, found over all active accounts in near-linear time.

Nobody has to look suspicious to be grouped: that is judged afterwards, of whole groups. Accounts meet in *buckets*, one for each value
of a trait that several of them hold; each pair that meets is weighed by all that the two share, every shared value by its rarity (the
log-odds that a stranger has it too); and groups are the connected parts of the strong links at several strengths. So that one chance
link does not chain two groups together, a link is no stronger than the ``CORE``-th strongest link of both its ends (robust single
linkage, Chaudhuri and Dasgupta 2010).

A large bucket does not cost its square: its accounts are set in order and only neighbours meet. What is left out by that is counted.
Weights are integers, accounts come in the order of their ids, so the result is the same whatever order they arrived in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.registers import changes
from siphonwatch.detector.sketch.row import SAMPLES

Array = npt.NDArray[Any]

UNIT = 1000  # of weights: thousandths of a log-odd
# How far each kind of trait may count, in log-odds: who shares a payment card is one payer; a user agent says little.
LIMITS = {
    "address": 5.0, "block": 2.5, "payment": 5.0, "agent": 1.0, "habit": 1.5, "opening": 2.0, "ending": 2.5, "system": 1.5,
    "phrase": 5.0, "created": 2.0, "content": 2.5,
}  # fmt: skip
WORDS = {
    "address": "the same addresses", "block": "the same networks", "payment": "the same payment", "agent": "the same client",
    "habit": "the same sampling parameters", "opening": "questions that open alike", "ending": "questions that end alike",
    "system": "the same system prompt", "phrase": "the same rare phrases", "content": "questions about the same things",
    "created": "signed up together", "organization": "the same organisation",
}  # fmt: skip
DECLARED = ("agent", "habit", "system")  # free to set to what everybody has
MEET = ("address", "block", "payment", "opening", "ending", "system", "phrase")  # traits that bring accounts together
PHRASES = 12  # of an account's shingles that others have too: its rarest
EVERY = 24  # accounts of a bucket that all meet each other
NEAR = 4  # neighbours in each order of a larger bucket that an account meets
COMMON = 1.0  # log-odds below which a value brings nobody together
CORE = 2  # links at least as strong that both ends of a link must have
STRENGTHS = (4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.5, 14.0)  # log-odds at which the links are cut into groups
TIERS = (0.0, 0.5, 0.75, 0.88)  # shares of the accounts that have less evidence of their own
MOST_SHARE, LEAST_CROWD = 0.1, 100  # a group of more than a tenth of the accounts is the public, but for a handful of accounts
DAY = 86_400.0
CONTENT_ASKS = 8  # asks before an account's content has a direction


@dataclass(frozen=True)
class Links:
    """P weighed pairs of the N accounts of a view."""

    left: Array  # (P,) positions, smaller than ``right``
    right: Array
    weight: Array  # (P,) int64 summed rarity of what the two share, in ``UNIT``
    parts: dict[str, Array]  # trait -> (P,) int64: of which from that trait
    dropped: int  # pairs of large buckets that never met


def _useful(values: Array, population: int) -> tuple[Array, Array]:
    """(N, k) codes >= 0 of values that at least two accounts hold, -1 elsewhere; (codes,) their rarity in ``UNIT``."""
    row, column = np.nonzero(values)
    _, code, holders = np.unique(values[row, column], return_inverse=True, return_counts=True)
    shared = holders > 1
    number = np.where(shared, np.cumsum(shared) - 1, -1)
    codes = np.full(values.shape, -1, np.int32)
    codes[row, column] = number[code]
    rarity = np.rint(UNIT * np.log(max(population, 1) / holders[shared])).astype(np.int64)
    return codes, np.maximum(rarity, 0)


def _rarest(codes: Array, rarity: Array, keep: int) -> Array:
    """(N, keep) of each row's codes the rarest, -1 after them."""
    weight = np.where(codes >= 0, np.append(rarity, 0)[codes] + 1, 0)
    order = np.argsort(-weight, axis=1, kind="stable")[:, :keep]
    result: Array = np.take_along_axis(codes, order, axis=1)
    return result


def _meetings(bucket: Array, account: Array, orders: list[Array], count: int) -> tuple[Array, int]:
    """Keys ``left * count + right`` of the pairs that meet, and how many pairs of large buckets may not have met.

    ``bucket`` and ``account`` (M,) are memberships; each of ``orders`` (N,) ranks the accounts, so that like ones are neighbours.
    """
    found = []
    held = np.bincount(bucket)
    size = held[bucket]
    for number, rank in enumerate(orders):
        order = np.lexsort((rank[account], bucket))
        place, whose, small = bucket[order], account[order], size[order] <= EVERY
        for step in range(1, min(EVERY if number == 0 else NEAR + 1, len(place))):
            near = place[:-step] == place[step:]
            if step > NEAR:
                near &= small[:-step]
            left, right = whose[:-step][near], whose[step:][near]
            found.append(np.minimum(left, right) * count + np.maximum(left, right))
    large = held[held > EVERY].astype(np.int64)
    missed = int((large * (large - 1) // 2 - NEAR * large).sum())
    return _distinct(found), missed


def _distinct(keys: list[Array]) -> Array:
    """The keys of all parts, ascending, each once; by sorting, which for so many numbers is quicker than ``np.unique``."""
    if not keys:
        return np.zeros(0, np.int64)
    every = np.sort(np.concatenate(keys))
    result: Array = every[changes(every)]
    return result


def _ranks(order: Array) -> Array:
    """(N,) the rank of each account in an order of the accounts."""
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    return rank


def _shared(codes: Array, rarity: Array, left: Array, right: Array, chances: Array, limit: float) -> Array:
    """(P,) summed rarity of the codes that two accounts share, less their ``chances`` (P,) of it, up to ``limit``."""
    total = np.zeros(len(left), np.int64)
    if not len(rarity):
        return total
    theirs = [column[right] for column in codes.T.copy()]  # a column at a time lies together in memory
    for column in codes.T.copy():
        mine = column[left]
        hit = np.zeros(len(left), dtype=bool)
        for other in theirs:
            hit |= mine == other
        hit &= mine >= 0
        total[hit] += rarity[mine[hit]]
    return np.clip(total - chances, 0, int(limit * UNIT))


def _signed_up(created: Array, left: Array, right: Array) -> Array:
    """(P,) weight of sign-ups within a day of each other, against how many accounts sign up around then: half the log-odds."""
    everyone = np.sort(created[created > 0]).astype(np.float64)
    gap = np.abs(created[left].astype(np.float64) - created[right])
    middle = (created[left].astype(np.float64) + created[right]) / 2
    near = np.searchsorted(everyone, middle + DAY) - np.searchsorted(everyone, middle - DAY)
    known = (created[left] > 0) & (created[right] > 0) & (gap < DAY)
    rare = np.where(known, np.log(max(len(everyone), 1) / np.maximum(near, 1)), 0.0)
    result: Array = np.rint(UNIT * np.clip(0.5 * rare, 0.0, LIMITS["created"])).astype(np.int64)
    return result


def links(view: View, sizes: Array | None = None) -> Links:
    """The weighed pairs among the accounts of ``view``, which stand in the order of their ids.

    ``sizes`` (N,) says of how many accounts each is the whole, where they are customers: with so many times the chances to share
    something with a stranger.
    """
    count = len(view)
    hashes, _ = view.shingles
    coded = {trait: _useful(view.sample(trait), count) for trait in SAMPLES}
    codes, rarity = _useful(hashes, count)
    coded["phrase"] = (_rarest(codes, rarity, PHRASES), rarity)
    created = view.state["created"].astype(np.int64)
    by_client = np.lexsort((created, view.sample("agent")[:, 0], view.sample("habit")[:, 0]))
    orders = [_ranks(np.argsort(created, kind="stable")), _ranks(by_client)]
    keys, dropped = [], 0
    for trait in MEET:
        codes, rarity = coded[trait]
        account, column = np.nonzero(codes >= 0)
        bucket = codes[account, column]
        rare = rarity[bucket] >= COMMON * UNIT
        if bool(rare.any()):
            met, missed = _meetings(bucket[rare], account[rare], orders, count)
            keys.append(met)
            dropped += missed
    pairs = _distinct(keys)
    left, right = pairs // max(count, 1), pairs % max(count, 1)
    chances = np.zeros(count, np.int64) if sizes is None else np.rint(UNIT * np.log(sizes)).astype(np.int64)
    parts = {trait: _shared(*coded[trait], left, right, chances[left] + chances[right], LIMITS[trait]) for trait in coded}
    # an exact address also shares its network: count the stronger of the two
    parts["block"] = np.where(parts["address"] > 0, 0, parts["block"])
    parts["created"] = _signed_up(created, left, right)
    parts["content"] = _content(view, left, right)
    weight = np.sum(list(parts.values()), axis=0)
    return Links(left, right, weight, parts, dropped)


def _content(view: View, left: Array, right: Array) -> Array:
    """(P,) weight of like content: cosine of what two accounts ask, less what everybody asks about."""
    asks = view.count("counted")
    residual = view.content - view.common_content
    # a mean of n prompts is longer than its direction by the scatter of n prompts: take 1 / n off, or small accounts never meet
    signal = (residual**2).sum(axis=1) - 1.0 / np.maximum(asks, 1.0)
    scaled = residual / np.sqrt(np.maximum(signal, 0.02))[:, None]
    clear = (asks >= CONTENT_ASKS) & (signal > 0.02)
    told = np.flatnonzero(clear[left] & clear[right])
    cosine = np.einsum("ij,ij->i", scaled[left[told]], scaled[right[told]])
    weight = np.zeros(len(left), np.int64)
    weight[told] = np.rint(UNIT * LIMITS["content"] * np.clip((cosine - 0.45) / 0.5, 0.0, 1.0)).astype(np.int64)
    return weight


class _Cores:
    """Links by their ends and how strong they are, ordered once for every tier."""

    def __init__(self, found: Links, count: int) -> None:
        self.found, self.count = found, count
        ends, weight = np.concatenate([found.left, found.right]), np.concatenate([found.weight, found.weight])
        order = np.argsort(ends * (int(weight.max(initial=0)) + 1) - weight)  # of equal ones it does not matter which comes first
        self.link, self.end = order % max(len(found.left), 1), ends[order]

    def strength(self, inside: Array) -> Array:
        """(P,) weight of each link ``inside`` (P,), or of the ``CORE``-th strongest of them at either end where that is less."""
        kept = np.flatnonzero(inside[self.link])
        end = self.end[kept]
        starts = np.flatnonzero(changes(end)) + CORE - 1
        starts = starts[starts < len(end)]
        several = starts[end[starts] == end[starts - (CORE - 1)]]
        core = np.zeros(self.count, np.int64)
        core[end[several]] = self.found.weight[self.link[kept[several]]]
        result: Array = np.minimum(self.found.weight, np.minimum(core[self.found.left], core[self.found.right])) * inside
        return result


def groups(view: View, own: Array, found: Links, settings: Settings) -> list[Array]:
    """Candidate groups as ascending positions, equal ones once.

    They are the connected parts of the links at each of ``STRENGTHS``, among all accounts and among those whose own evidence (N,) is
    above each of ``TIERS`` of the others': a crowd of strangers on one template falls apart where a hydra among them stays whole.
    """
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components

    count = len(view)
    seen: dict[bytes, Array] = {}
    rank = _ranks(np.argsort(own, kind="stable")) / max(count, 1)
    every = _Cores(found, count)
    for tier in TIERS:
        strength = every.strength((rank[found.left] >= tier) & (rank[found.right] >= tier))
        for cut in STRENGTHS:
            strong = np.flatnonzero(strength >= cut * UNIT)
            ends = found.left[strong], found.right[strong]
            graph = sparse.coo_array((np.ones(len(strong), np.int8), ends), shape=(count, count))
            _, label = connected_components(graph, directed=False)
            size = np.bincount(label)
            order = np.argsort(label, kind="stable")
            upto = np.cumsum(size)
            for number in np.flatnonzero((size >= settings.link_least) & (size <= max(MOST_SHARE * count, LEAST_CROWD))).tolist():
                members = order[upto[number] - size[number] : upto[number]]
                seen.setdefault(members.tobytes(), members)
    return list(seen.values())


def closed(groups: list[Array], found: Links, count: int) -> Array:
    """(G,) share of the weight of each group's links that stays in the group, of ``count`` accounts in all.

    ``groups`` are positions. One owner's accounts have little to do with others; some of a crowd on one template are tied to all of it.
    What is declared is left out: whoever sets it as everybody does would seem to be of the crowd.
    """
    from scipy import sparse

    left, right = np.concatenate([found.left, found.right]), np.concatenate([found.right, found.left])
    tied = found.weight - sum(found.parts[trait] for trait in DECLARED)
    weight = sparse.csr_array((np.concatenate([tied, tied]), (left, right)), shape=(count, count))
    member, group = np.concatenate(groups), np.repeat(np.arange(len(groups)), [len(members) for members in groups])
    belongs = sparse.csr_array((np.ones(len(member), np.int64), (member, group)), shape=(count, len(groups)))
    to_group = weight @ belongs  # what ties each account to each group
    every = np.asarray(weight.sum(axis=1)).ravel()
    inside, whole = np.asarray(to_group.multiply(belongs).sum(axis=0)).ravel(), np.asarray(every @ belongs).ravel()
    result: Array = inside / np.maximum(whole, 1)
    return result


def ties(members: Array, found: Links) -> tuple[dict[str, float], Array]:
    """(trait -> mean weight over the members' links, strongest first; (len(members),) how strongly each is tied, 1 in the middle).

    ``members`` are ascending positions.
    """
    inside = np.isin(found.left, members) & np.isin(found.right, members)
    mean = {trait: float(part[inside].mean()) / UNIT if inside.any() else 0.0 for trait, part in found.parts.items()}
    ends = np.searchsorted(members, np.concatenate([found.left[inside], found.right[inside]]))
    weight = np.concatenate([found.weight[inside], found.weight[inside]])
    tied = np.bincount(ends, weight, len(members)) / np.maximum(np.bincount(ends, minlength=len(members)), 1)
    strength = tied / max(float(np.median(tied)), 1.0) if len(tied) else tied
    return strongest(mean), strength


def strongest(weights: dict[str, float]) -> dict[str, float]:
    """Traits by what they weigh, strongest first, without those that say nearly nothing."""
    return {trait: round(value, 3) for trait, value in sorted(weights.items(), key=lambda pair: -pair[1]) if value > 0.2}
