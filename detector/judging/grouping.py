"""Groups in the judging: who belongs together is linked over all accounts, whole groups are judged, and what is found of them is theirs.

Nothing here depends on the order of arrival: accounts come in the order of their ids, and what is compared are integers or sums in
that order.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import NOTHING
from siphonwatch.detector.scoring import group_judge
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.groups import Groups
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import campaign as campaigns
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.detector.verdicts.campaign import Campaign, CampaignVerdict

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]


def group(engine: Engine, at: int, tick: int) -> tuple[list[CampaignVerdict], Array]:
    """Link, judge and pass on: what is told of campaigns at event time ``at`` (ms), and the positions of all their members, by id."""
    context, settings, prior = engine.context, engine.settings, engine.prior.groups
    _leave(engine)
    chosen = _candidates(engine)
    if prior is not None and len(chosen) >= settings.link_least:
        view = engine.view(engine.accounts.known()[0][chosen])
        own = engine.shipped.log_odds(matrix(view), engine.summary)  # rulings are on accounts, and move them all: groups stay as they were
        links = linking.links(view)
        candidates = linking.groups(view, own, links, settings)
        if candidates:
            standing = group_judge.Standing(Groups(view, own, candidates))
            features = group_judge.matrix(standing)
            scores = group_judge.scores(features, prior)
            strongest = group_judge.best(scores, candidates, len(view))
            above = scores - prior.height - group_judge.middle(strongest, prior, settings.reference_accounts, settings.group_range)
            _adopt(engine, chosen, links, candidates, above, standing, features, at)
    for one in context.campaigns:
        one.evidence = context.height + one.strength
        one.level = int(verdict.level_of(np.array([one.evidence]), context.height, settings)[0])
    told = [_tell(one, at, tick) for one in context.campaigns if campaigns.worth_telling(one, settings)]
    return told, engine.accounts.positions(sorted({name for one in context.campaigns for name in one.members}))


def shares(engine: Engine, position: Array) -> Array:
    """(N,) what accounts have of their campaigns' evidence now; ``NOTHING`` without one."""
    numbers = engine.accounts.records["campaign"][position]
    result = np.full(len(position), NOTHING)
    for number in np.unique(numbers[numbers > 0]).tolist():
        one = next((each for each in engine.context.campaigns if each.number == number), None)
        if one is None:
            continue
        share = dict(zip(one.members, one.shares, strict=True))
        for row in np.flatnonzero(numbers == number).tolist():
            result[row] = engine.context.height + share.get(engine.accounts.ids[int(position[row])], NOTHING)
    return result


def _candidates(engine: Engine) -> Array:
    """Positions of the accounts that may be grouped, in the order of their ids: all that were judged and are not allowed."""
    _, records = engine.accounts.known()
    judged = np.flatnonzero((records["current"] > NOTHING) & (records["allowed"] == 0))
    ids = np.array([engine.accounts.ids[row] for row in judged.tolist()], dtype=object)
    result: Array = judged[np.argsort(ids, kind="stable")]
    return result


def _leave(engine: Engine) -> None:
    """Members that the engine has forgotten leave their campaigns; a campaign that has too few left is over."""
    context, known, settings = engine.context, engine.accounts.index, engine.settings
    for one in context.campaigns:
        left = [row for row, name in enumerate(one.members) if name in known]
        if len(left) < len(one.members):
            one.members, one.shares = [one.members[row] for row in left], [one.shares[row] for row in left]
    strongest = sorted(context.campaigns, key=lambda one: (-one.strength, one.number))[: settings.campaigns_most]
    stay = {one.number for one in strongest if len(one.members) >= settings.link_least}
    for one in context.campaigns:
        if one.number not in stay:
            engine.accounts.records["campaign"][engine.accounts.positions(one.members)] = 0
            engine.changed.update(one.members)
    context.campaigns = [one for one in context.campaigns if one.number in stay]


def _adopt(
    engine: Engine, chosen: Array, links: linking.Links, candidates: list[Array], above: Array,
    standing: group_judge.Standing, features: Array, at: int,
) -> None:  # fmt: skip
    """Make campaigns of the groups that are over their height, and give each the number of the known one that it goes on from."""
    context, accounts = engine.context, engine.accounts
    flagged = np.flatnonzero(above >= 0.0).tolist()
    found: dict[frozenset[str], list[int]] = {}
    for together in campaigns.united([candidates[number] for number in flagged]):
        parts = [flagged[each] for each in together]
        members = np.unique(np.concatenate([candidates[number] for number in parts]))
        found[frozenset(accounts.ids[row] for row in chosen[members].tolist())] = parts
    for number, names in campaigns.adopt(list(found), context.campaigns, context.next_campaign):
        context.next_campaign = max(context.next_campaign, number + 1)
        parts = found[names]
        members = np.unique(np.concatenate([candidates[part] for part in parts]))
        tied, strength = linking.ties(members, links)
        share = _shares(members, strength, parts, candidates, above, standing.groups.own, engine)
        lead = max(parts, key=lambda part: (above[part], -part))
        why = campaigns.reasons(standing, lead, features[lead], engine.prior.groups) if engine.prior.groups else []
        _keep(engine, number, [accounts.ids[row] for row in chosen[members].tolist()], share, float(above[lead]), tied, why, at)


def _shares(
    members: Array, strength: Array, parts: list[int], candidates: list[Array], above: Array, own: Array, engine: Engine
) -> list[float]:  # fmt: skip
    """What each of ``members`` has of a campaign's evidence.

    It is that of the strongest group the member is in, less what a looser group lost by taking it in beside the tighter one that was there,
    what the member is weakly tied, and what it is behind the others by itself.
    """
    settings = engine.settings
    share, core = np.full(len(members), NOTHING), np.full(len(members), NOTHING)
    for part in sorted(parts, key=lambda part: (-above[part], len(candidates[part]), part)):
        inside = np.searchsorted(members, candidates[part])
        fresh = inside[core[inside] == NOTHING]
        if not len(fresh):
            continue
        lost = max(float(core[inside].max()) - above[part], 0.0)
        least = float(np.quantile(own[candidates[part]], settings.unlike_quantile)) - settings.unlike_reach
        core[fresh] = above[part]
        share[fresh] = above[part] - settings.loose_odds * lost - np.maximum(least - own[members[fresh]], 0.0)
    weak = settings.weak_odds * np.maximum(1.0 - 2.0 * strength, 0.0)
    return [round(each, 6) for each in (share - weak).tolist()]


def _keep(
    engine: Engine, number: int, names: list[str], share: list[float], strength: float, tied: dict[str, float],
    why: list[verdict.Reason], at: int,
) -> None:  # fmt: skip
    """Add what was found to the campaign of that number: the strongest so far, of it and of each member."""
    context, accounts = engine.context, engine.accounts
    one = next((each for each in context.campaigns if each.number == number), None)
    if one is None:
        one = Campaign(number, [], at, NOTHING, tied)
        context.campaigns.append(one)
    had = dict(zip(one.members, one.shares, strict=True))
    for name, value in zip(names, share, strict=True):
        if value >= -engine.settings.watch_margin or name in had:  # who is not even watched for it is no member
            had[name] = max(had.get(name, NOTHING), value)
    one.members = sorted(had)
    one.shares = [had[name] for name in one.members]
    if strength >= one.strength:
        one.strength, one.ties, one.reasons = strength, tied, why
    position, records = accounts.positions(one.members), accounts.records
    moved = np.flatnonzero((records["campaign"][position] != number) & (records["campaign"][position] > 0)).tolist()
    for other in {int(records["campaign"][position[row]]) for row in moved}:
        _give_up(engine, other, {one.members[row] for row in moved})
    records["campaign"][position] = number
    records["evidence"][position] = np.maximum(records["evidence"][position], context.height + np.array(one.shares))
    one.requests = int(records["requests"][position].sum())
    one.tokens_out = int(records["tokens_out"][position].sum())
    engine.changed.update(one.members)


def _give_up(engine: Engine, number: int, names: set[str]) -> None:
    """Members that were found to belong to another campaign leave this one."""
    for one in engine.context.campaigns:
        if one.number == number:
            left = [row for row, name in enumerate(one.members) if name not in names]
            one.members, one.shares = [one.members[row] for row in left], [one.shares[row] for row in left]


def _tell(one: Campaign, at: int, tick: int) -> CampaignVerdict:
    """The verdict on a campaign as it stands now."""
    previous, one.told_level, one.told_members = Level(one.told_level), one.level, len(one.members)
    return CampaignVerdict(
        campaign=one.name,
        level=Level(one.level).word,
        previous=previous.word,
        score=verdict.probability(one.evidence),
        evidence=round(one.evidence, 4),
        at=at / 1000,
        tick=tick,
        since=one.since / 1000,
        size=len(one.members),
        members=list(one.members),
        ties=one.ties,
        tied_by=campaigns.tie_words(one.ties),
        requests=one.requests,
        tokens_out=one.tokens_out,
        reasons=list(one.reasons),
    )
