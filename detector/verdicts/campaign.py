"""Campaigns: one harvester behind many accounts; what a campaign is, which groups make one, and what is told of it."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.learning.words import Words
from siphonwatch.detector.scoring.features import EXTRACTION
from siphonwatch.detector.scoring.group_judge import FEATURES, NAMES, GroupPrior, Standing
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Level, Reason
from siphonwatch.detector.verdicts.limits import SIGNS

Array = npt.NDArray[Any]

BONDS = {
    "address": "share addresses", "payment": "share payment", "day": "signed up on one day", "week": "signed up in one week",
    "began": "began together", "hand_over": "go on where another one stopped",
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
    strength: float = -99.0  # strongest so far over the height of groups, log-odds: its evidence is that of the flag and this
    shares: list[float] = []  # the same of each member: less where it is weakly tied, or unlike the others
    reasons: list[Reason] = []  # why, when its evidence was strongest
    told_members: int = 0  # how many there were when it was last told of, 0 for never
    told_level: int = 0
    limit_counts: list[int] = msgspec.field(default_factory=lambda: [0] * len(SIGNS))  # see :mod:`siphonwatch.detector.verdicts.limits`
    limit_peaks: list[int] = msgspec.field(default_factory=lambda: [0] * len(SIGNS))
    limit_told: int = 0
    crowd: bool = False  # nothing binds it: it takes more to flag it, and that one of it harvests says less of the others

    @property
    def name(self) -> str:
        """How a person names it."""
        return campaign_name(self.number)

    def part_with(self, names: Container[str]) -> None:
        """Let members go."""
        left = [row for row, name in enumerate(self.members) if name not in names]
        if len(left) < len(self.members):
            self.members, self.shares = [self.members[row] for row in left], [self.shares[row] for row in left]


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
    return ", ".join(linking.WORDS[trait] for trait in ties) or "nothing rare"


def lent(strength: float, settings: Settings) -> float:
    """What a group of so much over its height lends to its members, over the flag: of what it is below, a part."""
    return strength if strength >= 0.0 else settings.group_under * strength


def worded(share: float, strength: float, said: Words, settings: Settings) -> float:
    """The ``share`` of a member of a group of that ``strength`` with what rulings on members have ``said`` of the group.

    What makes it doubtful whether an account is of the group at all, it loses of a word for harvest as well: that its others harvest says
    less of it.
    """
    if not said.net and not said.all:
        return share
    own = share if share >= 0.0 else share / settings.group_under
    return round(lent(said.of_member(max(strength - own - settings.words_behind, 0.0)).raised(own), settings), 6)


def evidence(share: float, height: float, settings: Settings, lift: float = 0.0) -> float:
    """The evidence of who has such a share of a campaign's, where the flag is at ``height``, of which ``lift`` is what analysts taught.

    Who is below stays below even odds as well: while a stream is young its flag is high out of caution, and that speaks against nobody.
    What lifts everybody lifts these too, or single accounts would come before all groups as soon as somebody has ruled.
    """
    return height + settings.group_over + share if share >= 0.0 else min(height, lift) - settings.group_apart + share


def worth_telling(one: Campaign, settings: Settings) -> bool:
    """Whether a campaign is new, stronger or clearly larger than when it was last told of."""
    return one.level >= Level.THROTTLE and (one.level > one.told_level or len(one.members) >= settings.campaign_growth * one.told_members)


def united(groups: list[Array]) -> list[list[int]]:
    """Numbers of the groups that make one campaign each: those that have a member in common, directly or through others."""
    owner: dict[int, int] = {}
    parent = list(range(len(groups)))

    def root(number: int) -> int:
        while parent[number] != number:
            parent[number] = parent[parent[number]]
            number = parent[number]
        return number

    for number, members in enumerate(groups):
        for account in members.tolist():
            parent[root(number)] = root(owner.setdefault(account, number))
    found: dict[int, list[int]] = {}
    for number in range(len(groups)):
        found.setdefault(root(number), []).append(number)
    return list(found.values())


def reasons(
    standing: Standing, group: int, features: Array, prior: GroupPrior, accounts: int, least: int = 3, most: int = 5
) -> list[Reason]:
    """The ``least`` to ``most`` strongest features (F,) of one group of so many ``accounts``, as sentences about a campaign."""
    added = features * np.array([prior.weights.get(name, 0.0) for name in NAMES])
    bonds = sorted((name for name in BONDS if standing.bonds[name][group] >= 0.25), key=lambda name: -standing.bonds[name][group])
    bound = [BONDS[name] for name in bonds[:2]] or ["share little"]
    repeated = float(standing.groups.phrases(2)[group])
    known = {"size": accounts, "bonds": " and ".join(bound), "repeated": f"{repeated:.0%}"}
    found = []
    for rank, place in enumerate(np.argsort(-added, kind="stable")[:most].tolist()):
        if rank < least or added[place] > 0.25:
            feature, value = FEATURES[place], float(features[place])
            text = feature.sentence.format(**known, value=f"{value:.0%}")
            found.append(Reason(feature.name, round(value, 4), 0.0, 1.0, round(float(added[place]), 3), text, EXTRACTION))
    return found


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
