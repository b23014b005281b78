"""The judge of groups: a few directed sums and products of what a group is, and their weights.

Each feature is in [0, 1], 0 where it says nothing; weights are not below zero. The products say what single measurements do not: offices
are bound but not alike, a popular template's users are alike but not bound, a class is both but does not divide its questions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.scoring.groups import DAY, Groups
from siphonwatch.detector.settings import DEFAULT

Array = npt.NDArray[Any]

LEAST = DEFAULT.link_least  # accounts that make a group at all
OWNER = ("address", "payment", "hand_over")  # bonds that strangers on one template do not have by chance ...
TIMES = ("day", "week")  # ... and those that a few of them do, in a crowd that is large
FLAG = 1.3  # evidence that the measurements of members are held against: the shipped height of the flag


class GroupPrior(msgspec.Struct, frozen=True):
    """What is known of groups before a stream is seen."""

    weights: dict[str, float]
    fence: float  # how many times its stream's breadth above the stream's middle a group is flagged
    middle: float  # see :func:`extent`; over the hands
    breadth: float


def _span(values: Array, low: float, high: float) -> Array:
    result: Array = np.clip((values - low) / (high - low), 0.0, 1.0)
    return result


def _any(bonds: list[Array]) -> Array:
    """How surely some of the ``bonds`` hold; none by itself is quite sure."""
    result: Array = 1.0 - np.prod([1.0 - 0.8 * each for each in bonds], axis=0)
    return result


class Standing:
    """The measurements of groups, each scaled to [0, 1]."""

    def __init__(self, groups: Groups) -> None:
        view, member = groups.view, groups.own[groups.member] - FLAG
        self.groups = groups
        self.own = _span(groups.mean(member), -8.0, 0.0)
        self.least = _span(groups.quantile(member, 0.2), -8.0, 0.0)
        self.most = _span(groups.quantile(member, 0.9), -6.0, 1.0)
        self.many = _span(np.log2(np.maximum(groups.size, 1)), 1.5, 6.0)
        close = [groups.subjects, groups.lengths("log_in"), groups.lengths("log_out"), groups.rhythm]
        like = [view.question_length, view.answer_length, np.log2(1.0 + view.novelty), np.log2(1.0 + view.asks)]
        parts = [_span(groups.closer(each), 0.0, 4.0) for each in close] + [_span(groups.likeness(each), 0.0, 3.0) for each in like]
        self.alike = np.mean(parts, axis=0)
        self.steady = _span(groups.steady, 0.3, 0.9)
        self.whole = 1.0 - _span(groups.mean((view.taken("cut") / np.maximum(view.asks, 1.0))[groups.member]), 0.0, 0.2)
        self.making = _span(groups.mean(view.of_asks("cue_generation")[groups.member]), 0.0, 0.2)
        created = view.state["created"].astype(np.float64)
        self.bonds = {
            "address": groups.sharing("address"),
            "payment": groups.sharing("payment"),
            "day": _span(groups.together(created, DAY), 0.0, 6.0),
            "week": _span(groups.together(created, 7 * DAY), 0.0, 6.0),
            "began": _span(groups.together(groups.began, 120.0), 0.0, 5.0),
            "hand_over": _span(groups.hand_over, 0.0, 0.4),
        }
        self.bound = _any(list(self.bonds.values()))
        shared = groups.phrases(2)
        apart, few = _span(groups.phrases(1, 1), 0.4, 0.85), groups.phrases(2, 3) / np.maximum(shared, 0.05)
        # a list whose every item goes to two or three accounts is divided as well; a class's homework goes to all
        self.divided = np.maximum(apart, 0.8 * _span(few, 0.5, 1.0) * _span(shared, 0.3, 0.8))

    def tied(self, closed: Array) -> Array:
        """(G,) how surely somebody's accounts these are, in [0, 1]; a crowd on one template is alike, and nobody's.

        ``closed`` (G,) is the share of what ties the members to anybody that ties them to each other: of a large crowd some few signed up
        on one day, and they are tied to the rest of it as well.
        """
        return _any([self.bonds[name] for name in OWNER] + [self.bonds[name] * np.sqrt(closed) for name in TIMES])


@dataclass(frozen=True, slots=True)
class GroupFeature:
    """One named measurement of a group."""

    name: str
    compute: Callable[[Standing], Array]
    forging: str  # what it would cost to look innocent
    why: str
    sentence: str  # with {size}, {bonds}, {repeated} and {value}


_SLOW = "each account must look innocent by itself: fewer, shorter or repeated answers"
_APART = "work of another kind for each account, at hours of its own"
_UNBOUND = "addresses, cards and sign-up days of their own for each account"
_FEW = "fewer accounts"
_PEAKS = "throughput: the list waits in hours that people would leave empty"

FEATURES = (
    GroupFeature("members", lambda s: s.own, _SLOW, "What members are by themselves adds up.",
        "has members who look {value} of the way to a harvest by themselves, on average"),
    GroupFeature("least_member", lambda s: s.least, _SLOW, "Among strangers one in five is a person who talks.",
        "has four members in five who are {value} of the way to a harvest or more by themselves"),
    GroupFeature("most_member", lambda s: s.most, _SLOW, "Some accounts of a hydra do more than others.",
        "has one member in ten who is {value} of the way to a harvest or more by itself"),
    GroupFeature("divides", lambda s: s.divided * s.bound * s.alike, f"{_UNBOUND}; {_APART}",
        "One list behind many accounts: they belong together, are like random parts of a whole, and do not repeat each other.",
        "divides its work: its {size} accounts {bonds}, are parts of one whole in subjects, lengths and hours, and repeat {repeated} of "
        "each other's text"),
    GroupFeature("divides_among_many", lambda s: s.divided * s.bound * s.alike * s.many, f"{_FEW}; {_UNBOUND}; {_APART}",
        "The same, the more accounts do it.", "divides its work among as many as {size} accounts that {bonds}"),
    GroupFeature("divides_a_harvest", lambda s: s.divided * s.bound * s.alike * s.own, f"{_UNBOUND}; {_APART}; {_SLOW}",
        "The same, the more it looks like a harvest.", "divides work that looks like a harvest in each of its accounts, which {bonds}"),
    GroupFeature("divides_a_harvest_among_many", lambda s: s.divided * s.bound * s.alike * s.own * s.many, f"{_FEW}; {_UNBOUND}; {_APART}",
        "All of it together.", "divides what looks like a harvest among {size} accounts that {bonds}"),
    GroupFeature("alike_many", lambda s: s.divided * s.alike * s.many, f"{_FEW}; {_APART}",
        "So many accounts that are parts of one whole are one, even where nothing else binds them.",
        "has {size} accounts that are parts of one whole in subjects, lengths and hours, and repeat {repeated} of each other's text"),
    GroupFeature("alike_harvesting", lambda s: s.divided * s.alike * s.own * s.many, f"{_FEW}; {_APART}; {_SLOW}",
        "The same, the more it looks like a harvest.", "has {size} accounts that harvest alike"),
    GroupFeature("even_load", lambda s: s.steady, _PEAKS,
        "The demand of many people has peaks; a list is worked off as fast in one hour as in the next, whoever of its accounts does it.",
        "loads each hour in which it works alike, {value} of the way from people to a machine"),
    GroupFeature("even_load_of_one", lambda s: s.steady * s.alike, f"{_PEAKS}; {_APART}",
        "The same where the accounts are parts of one whole: their turns add up to one machine.",
        "has accounts that are parts of one whole and together load each hour alike"),
    GroupFeature("even_load_in_full", lambda s: s.steady * s.alike * s.whole, f"{_PEAKS}; {_APART}; answers that are cut short",
        "Who works off a list wants its answers to their end; most programs bound what they pay for.",
        "has accounts that are parts of one whole, load each hour alike, and take their answers to the end"),
    GroupFeature("making_of_one", lambda s: s.making * s.alike, f"questions that do not ask for data to be made; {_APART}",
        "One account that has texts written by the dozen may write a test; many that are parts of one whole make a data set.",
        "has accounts that are parts of one whole and ask for data to be made, {value} of the way from people to a list"),
    GroupFeature("beyond_chance", lambda s: 1.0 - LEAST / np.maximum(s.groups.size, LEAST), _FEW,
        "Three strangers in ten thousand will have much in common by chance; thirty will not.",
        "has {size} accounts: what a few have in common by chance, so many have not"),
)  # fmt: skip
NAMES = tuple(feature.name for feature in FEATURES)


def matrix(standing: Standing) -> Array:
    """(G, len(FEATURES)) the features of groups, each in [0, 1]."""
    if not len(standing.groups):
        return np.zeros((0, len(FEATURES)))
    return np.stack([feature.compute(standing) for feature in FEATURES], axis=1)


def scores(features: Array, prior: GroupPrior) -> Array:
    """(G,) sums of the features by their weights, in log-odds against an unknown middle."""
    result: Array = features @ np.array([prior.weights.get(name, 0.0) for name in NAMES])
    return result


def best(scored: Array, members: list[Array], accounts: int) -> Array:
    """(accounts,) the best score of a group that each account is in, -inf for none."""
    result = np.full(accounts, -np.inf)
    for score, group in zip(scored.tolist(), members, strict=True):
        result[group] = np.maximum(result[group], score)
    return result


def extent(strongest: Array) -> tuple[float, float]:
    """(middle, breadth) of the best scores of the accounts that are in some group; ``strongest`` (N,) is -inf of the others.

    The middle is the median; the breadth is the root of the span from the tenth part to the upper quartile. Hands differ in how much like
    each other their people are, and where groups differ more, the innocent ones reach further, but less than in proportion: with the span
    itself one hand's heights were too high, with none another's; measured by leaving hands out.
    """
    grouped = strongest[strongest > -np.inf]
    if not len(grouped):
        return 0.0, 0.0
    low, middle, upper = np.quantile(grouped, [0.1, 0.5, 0.75]).tolist()
    return middle, max(upper - low, 1.0) ** 0.5


def height(strongest: Array, prior: GroupPrior, weight: float) -> float:
    """Score at which groups of this stream are flagged, with the shipped extent mixed in as if it were that of ``weight`` accounts.

    It stands as long as harvesters are not a quarter of all who are in some group; with more it rises, and misses some of them.
    """
    count = int((strongest > -np.inf).sum())
    shipped = (prior.middle, prior.breadth)
    middle, breadth = ((count * own + weight * known) / (count + weight) for own, known in zip(extent(strongest), shipped, strict=True))
    return middle + prior.fence * breadth
