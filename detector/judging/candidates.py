"""Candidate groups of one linking: what they measure, how far they are over their height, and which of them are only a crowd.

Accounts of one organisation meet as one customer. A customer's accounts are a campaign by themselves where they are parts of one whole and
together would be flagged as one account: it may have many keys, and it may not harvest with them.

Strangers on one template are parts of one whole in subjects and lengths, as a hydra's accounts are: so it takes more where nothing binds
them, and that one of a crowd harvests says less of the others. A part of a hydra is often over the height beside a whole just under it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.shard import Named
from siphonwatch.detector.learning.words import Words
from siphonwatch.detector.scoring import group_judge
from siphonwatch.detector.scoring.crowd import Crowd
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.group_judge import GroupPrior, Standing
from siphonwatch.detector.scoring.groups import Groups
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import campaign as campaigns
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Reason
from siphonwatch.detector.verdicts.customers import Customers
from siphonwatch.detector.verdicts.linking import Links

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Candidates:
    """G groups among N accounts."""

    names: list[str]  # (N,) ascending
    own: Array  # (N,) evidence of the customer that each is of
    customers: Customers
    links: Links  # among customers
    groups: list[Array]  # G positions, ascending
    above: Array  # (G,) log-odds over the height of groups
    crowd: Array  # (G,) whether nothing binds it
    reasons: list[Callable[[], list[Reason]]]  # G ways to say why
    said: dict[int, Words]  # what rulings on members say of each group that is not too far below its height to be watched

    def over(self, number: int) -> bool:
        """Whether a group is over its height, by itself or with what rulings say."""
        above = float(self.above[number])
        return above >= 0.0 or self.said[number].raised(above) >= 0.0

    def members(self, parts: Sequence[int]) -> Array:
        """Who is in some of the ``parts``, ascending."""
        return np.unique(np.concatenate([self.groups[part] for part in parts]))

    def doubt(self, part: int, members: Array) -> Array:
        """What each of some ``members`` of a group loses as one of its customer's accounts: any of them may have brought in the rest.

        Nothing where the group is one customer.
        """
        of = self.customers.of
        alone = len(np.unique(of[self.groups[part]])) == 1
        result: Array = np.log(self.customers.sizes[of[members]]) * (not alone)
        return result

    def ties(self, members: Array) -> tuple[dict[str, float], Array]:
        """What ties accounts, and how strongly each is tied: see :func:`linking.ties`. Those of one customer are tied as can be."""
        customer, of = np.unique(self.customers.of[members], return_inverse=True)
        tied, strength = linking.ties(customer, self.links)
        if len(customer) < len(members):
            shared = float((np.bincount(of)[of] > 1).mean())
            tied = linking.strongest({**tied, "organization": linking.LIMITS["payment"] * shared})
        return tied, strength[of] if len(customer) > 1 else np.ones(len(members))


def measured(
    engine: Engine, prior: GroupPrior, chosen: Named, customers: Customers, own: Array, links: Links, groups: list[Array]
) -> Candidates:
    """The candidates among the accounts ``chosen``: ``groups`` of ``customers``, and customers by themselves.

    ``own`` (K,) is the customers' own evidence, and ``links`` are theirs.
    """
    settings, (firms, alone) = engine.settings, _alone(engine, chosen, customers, own)
    above, crowd = np.zeros(0), np.zeros(0, dtype=bool)
    reasons: list[Callable[[], list[Reason]]] = []
    members = customers.accounts([*groups, *firms[:, None]])
    if groups:
        standing = Standing(Groups(customers.view, own, groups))
        features, sizes = group_judge.matrix(standing), [len(each) for each in members]
        scores = group_judge.scores(features, prior)
        best = group_judge.best(scores, groups, len(customers.view))
        above = scores - group_judge.height(best, prior, settings.reference_accounts)
        tied = standing.tied(linking.closed(groups, links, len(customers.view)))
        crowd = (tied < settings.group_tied) & (standing.own < settings.group_own)
        held = Crowd.of(settings).held
        growth = _growth(np.where(crowd, held(above), above), members[: len(groups)], _flagged(engine, chosen), settings)
        above = np.where(crowd, held(above + growth), above + growth)
        reasons = [partial(campaigns.reasons, standing, at, features[at], prior, sizes[at]) for at in range(len(groups))]
    above = np.append(above, alone)
    reasons += [partial(_as_one, engine, customers.view.state[firm : firm + 1]) for firm in firms.tolist()]
    crowd = np.append(crowd, np.zeros(len(firms), dtype=bool))
    said = {}
    for number in np.flatnonzero(above >= -settings.group_reach).tolist():
        said[number] = engine.scorer.words([chosen.names[row] for row in members[number].tolist()], bool(crowd[number]))
    return Candidates(chosen.names, own[customers.of], customers, links, members, above, crowd, reasons, said)


def _alone(engine: Engine, chosen: Named, customers: Customers, own: Array) -> tuple[Array, Array]:
    """(customers of accounts enough, how far each is over its height as one account), of those not too far below to be watched.

    ``own`` (K,) is their evidence. A harvest's accounts are parts of one whole; those of an office or an agency are not.
    """
    settings = engine.settings
    over = own - engine.context.prior_height + settings.organization_under
    firms = np.flatnonzero((customers.sizes >= settings.link_least) & (over >= -settings.group_reach))
    if not len(firms):
        return firms, np.zeros(0)
    accounts = Groups(engine.scorer.view(chosen.rows), own[customers.of], customers.accounts([*firms[:, None]]))
    unlike = 1.0 - np.minimum(Standing(accounts).alike / settings.organization_alike, 1.0)
    above = over[firms] - settings.organization_apart * unlike
    near = above >= -settings.group_reach
    return firms[near], above[near]


def _as_one(engine: Engine, state: Array) -> list[Reason]:
    """Why a customer's accounts would be flagged as one account."""
    scorer = engine.scorer
    features = matrix(scorer.view(state))
    found = verdict.reasons(features[0], scorer.over_median(features)[0], scorer.summary)
    return [msgspec.structs.replace(one, text=f"as one account {one.text}") for one in found]


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
    result: Array = joined | (chosen.records["shipped"] >= context.prior_height)
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
