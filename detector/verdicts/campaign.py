"""Campaigns: one harvester behind many accounts, found by what the accounts share.

Accounts that look a little like harvesting by themselves are linked by rare shared fingerprints, each weighted by its rarity
among all accounts (the log-odds that two strangers share it by chance), by like direction of their content, and by
sign-ups close together. A linked group is merged into one state and scored by the very same model. An office, a class
or a popular library shares much too; but its people do not look like harvesting, and what many share weighs nothing.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import SAMPLES
from siphonwatch.detector.verdicts.account import Level, Reason
from siphonwatch.detector.verdicts.limits import SIGNS

Array = npt.NDArray[Any]

# How far each kind of trait may count, in log-odds: who shares a payment card is one payer; a user agent says little.
TRAIT_LIMITS = {
    "address": 5.0, "block": 2.5, "payment": 5.0, "agent": 1.0, "habit": 1.5, "opening": 2.0, "ending": 2.5, "system": 1.5,
}  # fmt: skip
OWNED = ("address", "block", "payment")  # what strangers do not share by being alike
TRAIT_WORDS = {
    "address": "the same addresses", "block": "the same networks", "payment": "the same payment", "agent": "the same client",
    "habit": "the same sampling parameters", "opening": "questions that open alike", "ending": "questions that end alike",
    "system": "the same system prompt", "content": "questions about the same things", "created": "signed up together",
}  # fmt: skip


def campaign_name(number: int) -> str:
    """How a person names a campaign."""
    return f"campaign-{number}"


class Campaign(msgspec.Struct):
    """A group of accounts judged as one."""

    number: int
    members: list[str]
    since: int  # milliseconds, event time at which it was first linked
    evidence: float  # strongest so far, log-odds
    ties: dict[str, float]  # trait -> mean weight between members, log-odds
    requests: int = 0
    tokens_out: int = 0
    level: int = 0
    features: list[float] = []
    told_members: int = 0  # how many there were when it was last told of, 0 for never
    told_level: int = 0
    limit_counts: list[int] = msgspec.field(default_factory=lambda: [0] * len(SIGNS))  # see :mod:`siphonwatch.detector.verdicts.limits`
    limit_peaks: list[int] = msgspec.field(default_factory=lambda: [0] * len(SIGNS))
    limit_told: int = 0

    @property
    def name(self) -> str:
        """How a person names it."""
        return campaign_name(self.number)


class CampaignVerdict(msgspec.Struct, frozen=True, tag_field="kind", tag="campaign"):
    """A campaign that was found, rose, or grew."""

    campaign: str
    level: str
    previous: str
    score: float
    evidence: float
    at: float  # event time of the judging, epoch seconds
    tick: int
    since: float  # event time at which it was first linked
    size: int
    members: list[str]
    ties: dict[str, float]  # what ties the members: trait -> mean log-odds against chance, strongest first
    tied_by: str  # the same in words
    requests: int
    tokens_out: int
    reasons: list[Reason]

    @property
    def subject(self) -> str:
        """Whom it is about."""
        return self.campaign

    @property
    def id(self) -> str:
        """The same verdict, delivered twice, has the same id."""
        return f"{self.tick}:{self.campaign}"


def tie_words(ties: dict[str, float]) -> str:
    """What ties a campaign's members, strongest first, in words."""
    return ", ".join(TRAIT_WORDS[trait] for trait in ties) or "nothing rare"


def worth_telling(one: Campaign, settings: Settings) -> bool:
    """Whether a campaign is new, stronger or clearly larger than when it was last told of."""
    return one.level >= Level.THROTTLE and (one.level > one.told_level or len(one.members) >= settings.campaign_growth * one.told_members)


def rarity(values: Array, present: Array) -> Array:
    """(C, k) log(accounts / accounts that have the value) of each value of candidates ``present``; 0 where absent.

    ``values`` (N, k) are all accounts' samples of a trait.
    """
    distinct, counts = np.unique(values[values != 0], return_counts=True)
    mine = values[present]
    if not len(distinct):
        return np.zeros(mine.shape)
    at = np.minimum(np.searchsorted(distinct, mine), len(distinct) - 1)
    weight = np.log(len(values) / np.maximum(counts[at], 1))
    return np.where(mine == 0, 0.0, np.maximum(weight, 0.0))


def _shared(values: Array, weight: Array, limit: float) -> Any:
    """(C, C) summed rarity of shared values, cut at ``limit``."""
    from scipy import sparse

    row, column = np.nonzero((values != 0) & (weight > 0.5))
    kept = values[row, column]
    distinct, code = np.unique(kept, return_inverse=True)
    holders = np.bincount(code, minlength=len(distinct))
    useful = (holders[code] > 1) & (holders[code] <= 2000)
    root = np.sqrt(weight[row, column])
    incidence = sparse.csr_array((root[useful], (row[useful], code[useful])), shape=(len(values), max(len(distinct), 1)))
    product = (incidence @ incidence.T).tocsr()
    product.data = np.minimum(product.data, limit)
    return product


def link(view: View, candidates: Array, settings: Settings) -> tuple[Array, dict[str, Array]]:
    """(C,) group number of each candidate, and trait -> (C, C) weights between candidates.

    ``view`` is of all accounts, ``candidates`` (C,) positions in it. Groups are joined as long as the
    mean weight between them is ``settings.link_odds`` (average linkage, Sokal and Michener 1958): one chance pair does not
    chain two groups together.
    """
    from scipy.cluster import hierarchy
    from scipy.spatial.distance import squareform

    count = len(candidates)
    weights: dict[str, Array] = {}
    for trait in SAMPLES:
        values = view.sample(trait)
        weights[trait] = _shared(values[candidates], rarity(values, candidates), TRAIT_LIMITS[trait]).toarray()
    weights["content"] = _content_weight(view, candidates)
    weights["created"] = _signup_weight(view, candidates)
    # an exact address also shares its network: count the stronger of the two
    weights["block"] = np.where(weights["address"] > 0, 0.0, weights["block"])
    total = sum(weights.values(), np.zeros((count, count)))
    np.fill_diagonal(total, 0.0)
    most = sum(TRAIT_LIMITS.values()) + CONTENT_LIMIT + 2.0
    tree = hierarchy.linkage(squareform(most - total - np.diag(np.full(count, most)), checks=False), method="average")
    group = hierarchy.fcluster(tree, most - settings.link_odds, criterion="distance") - 1
    return group, weights


CONTENT_LIMIT = 4.5  # log-odds that like content may count
CONTENT_ASKS = 8  # asks before an account's content has a direction
CONTENT_CROWD = 20_000  # accounts among which the rarity of a direction is looked up, at most


def _directions(view: View, chosen: Array) -> tuple[Array, Array]:
    """(N, DIMENSIONS) content less what everybody asks about, scaled to its own signal; (N,) which have any."""
    asks = view.count("answered")[chosen]
    residual = view.content[chosen] - view.common_content
    # a mean of n prompts is longer than its direction by the scatter of n prompts: take 1 / n off, or small accounts never meet
    signal = (residual**2).sum(axis=1) - 1.0 / np.maximum(asks, 1.0)
    return residual / np.sqrt(np.maximum(signal, 0.02))[:, None], (asks >= CONTENT_ASKS) & (signal > 0.02)


def _content_weight(view: View, candidates: Array) -> Array:
    """Log-odds from the cosine of what two accounts ask: the rarer their direction among all accounts, the more.

    A class does the same homework and half the world asks about the same news: what many ask about links nobody.
    """
    scaled, clear = _directions(view, candidates)
    everyone = np.flatnonzero(view.count("answered") >= CONTENT_ASKS)
    # by a hash of the state, not by place: who is looked at must not depend on the order of arrival
    order = np.argsort(view.state["slots"]["map_prompts"][everyone].sum(axis=(1, 2), dtype=np.int64), kind="stable")
    crowd, found = _directions(view, everyone[order[:: max(1, len(order) // CONTENT_CROWD)]] if len(order) > CONTENT_CROWD else everyone)
    alike = ((scaled @ crowd[found].T) > 0.6).sum(axis=1)
    rare = np.clip(np.log(max(int(found.sum()), 1) / np.maximum(alike, 1)), 0.0, CONTENT_LIMIT)
    cosine = np.clip(scaled @ scaled.T, -1.0, 1.0) * (clear[:, None] & clear[None, :])
    result: Array = np.clip((cosine - 0.45) / 0.5, 0.0, 1.0) * np.minimum(rare[:, None], rare[None, :])
    return result


def _signup_weight(view: View, candidates: Array) -> Array:
    """Log-odds from sign-ups close together, against how many accounts sign up on such a day at all."""
    created = view.state["created"].astype(np.float64) / 86_400.0
    everyone = np.sort(created[created > 0])
    mine = created[candidates]
    near = np.searchsorted(everyone, mine + 1.0) - np.searchsorted(everyone, mine - 1.0)
    rare = np.where(mine > 0, np.log(max(len(everyone), 1) / np.maximum(near, 1)), 0.0)
    close = np.abs(mine[:, None] - mine[None, :]) < 1.0
    result: Array = np.where(close, np.clip(np.minimum(rare[:, None], rare[None, :]) * 0.5, 0.0, 2.0), 0.0)
    return result


def overlap(members: View, union: View) -> float:
    """Share of the members' distinct prompts that another member sent too, in [0, 1].

    A hydra divides its task list; a class does the same homework and teams run the same test set.
    """
    separate = float(members.prompts.sum())
    return max(0.0, 1.0 - float(union.prompts[0]) / separate) if separate else 0.0


def ties(weights: dict[str, Array], members: Array) -> dict[str, float]:
    """Trait -> mean weight over the pairs of ``members``, strongest first."""
    pairs = len(members) * (len(members) - 1)
    found = {}
    for trait, matrix in weights.items():
        part = matrix[np.ix_(members, members)]
        found[trait] = float(part.sum() - np.trace(part)) / max(pairs, 1)
    return {trait: round(value, 3) for trait, value in sorted(found.items(), key=lambda pair: -pair[1]) if value > 0.2}


def adopt(groups: list[frozenset[str]], known: list[Campaign], fresh: int) -> list[tuple[int, frozenset[str]]]:
    """Give each group the number of the known campaign that it shares most members with, or the next fresh number."""
    taken: set[int] = set()
    named = []
    for group in sorted(groups, key=lambda members: (-len(members), min(members))):
        free = [one for one in known if one.number not in taken]
        nearest = max(free, key=lambda one: (len(group.intersection(one.members)), -one.number), default=None)
        if nearest is not None and group.intersection(nearest.members):
            number = nearest.number
        else:
            number, fresh = fresh, fresh + 1
        taken.add(number)
        named.append((number, group))
    return named
