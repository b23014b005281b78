"""Groups in the judging: who belongs together is linked over all accounts, whole groups are judged, and what is found of them is theirs.

Nothing here depends on the order of arrival: accounts come in the order of their ids, and what is compared are integers or sums in
that order.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import NOTHING
from siphonwatch.detector.judging.candidates import Candidates, measured
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.judging.shards import fetch, linkable
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import campaign as campaigns
from siphonwatch.detector.verdicts import linking
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.detector.verdicts.campaign import Campaign, CampaignVerdict
from siphonwatch.detector.verdicts.customers import Customers

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]


def group(engine: Engine, at: int, tick: int) -> tuple[list[CampaignVerdict], frozenset[str]]:
    """Link and judge: what is told of campaigns at event time ``at`` (ms), and who is in a group that was found just now."""
    context, settings, prior, scorer = engine.context, engine.settings, engine.prior.groups, engine.scorer
    _leave(engine)
    chosen = fetch(engine.shards, linkable(engine.shards, settings))
    found: set[str] = set()
    if prior is not None and len(chosen.names) >= settings.link_least:
        customers = Customers.among(scorer.view(chosen.rows))
        # rulings are on accounts, and move them all: groups stay as they were
        own = scorer.shipped.log_odds(matrix(customers.view), scorer.summary)
        links = linking.links(customers.view, customers.sizes)
        groups = linking.groups(customers.view, own, links, settings)
        found = adopt(engine, measured(engine, prior, chosen, customers, own, links, groups), at)
    for one in context.campaigns:
        one.evidence = context.height + engine.scorer.said(one).raised(one.strength)
        one.level = int(verdict.level_of(np.array([one.evidence]), context.height, settings)[0])
    return [_tell(one, at, tick) for one in context.campaigns if campaigns.worth_telling(one, settings)], frozenset(found)


def _leave(engine: Engine) -> None:
    """Members that are no longer known leave their groups; a group that has too few left is over."""
    context, settings = engine.context, engine.settings
    members = sorted({name for one in (*context.campaigns, *context.watched) for name in one.members})
    known = {name for part in engine.shards.all(partial(Shard.known, names=members)) for name in part}
    gone = set(members) - known
    for one in (*context.campaigns, *context.watched):
        one.part_with(gone)
    _step_down(engine)
    context.campaigns, context.watched = _strongest(context.campaigns, settings), _strongest(context.watched, settings)


def _step_down(engine: Engine) -> None:
    """Campaigns that stood over the height by analysts' words alone are watched again once those are taken back or outweighed."""
    context = engine.context
    for one in [one for one in context.campaigns if one.strength < 0.0 and engine.scorer.said(one).raised(one.strength) < 0.0]:
        context.campaigns.remove(one)
        one.number, one.told_members, one.told_level = context.next_watched, 0, 0
        context.watched.append(one)
        context.next_watched += 1


def _strongest(groups: list[Campaign], settings: Settings) -> list[Campaign]:
    """As many as are kept, of those that have members enough."""
    strongest = sorted(groups, key=lambda one: (-one.strength, one.number))[: settings.campaigns_most]
    stay = {one.number for one in strongest if len(one.members) >= settings.link_least}
    return [one for one in groups if one.number in stay]


def adopt(engine: Engine, found: Candidates, at: int) -> set[str]:
    """Make campaigns of the groups that are over their height, by themselves or with what rulings say of their members.

    Those not far below are watched: they rank their members, and flag nobody.
    Each goes on from the known one that it shares most members with. Who is in a campaign stays there, whatever weaker group they are in
    as well. Returns who is in one that was found.
    """
    context, settings = engine.context, engine.settings
    over = [number for number in found.said if found.over(number)]
    told = _take(engine, context.campaigns, context.next_campaign, found, over, at)
    held = {name for one in context.campaigns for name in one.members}
    for one in context.watched:
        one.part_with(held)
    free = np.array([name not in held for name in found.names])
    rest = replace(found, groups=[members[free[members]] for members in found.groups])
    near = [part for part in sorted(set(found.said) - set(over)) if _stays(found, rest, part, settings)]
    kept = _take(engine, context.watched, context.next_watched, rest, near, at)
    context.watched = [one for one in context.watched if len(one.members) >= settings.link_least]
    context.next_campaign = max([context.next_campaign, *(number + 1 for number in told)])
    context.next_watched = max([context.next_watched, *(number + 1 for number in kept)])
    taken = [one for one in context.campaigns if one.number in told] + [one for one in context.watched if one.number in kept]
    return {name for one in taken for name in one.members}


def _stays(found: Candidates, rest: Candidates, part: int, settings: Settings) -> bool:
    """Whether a group is one without those who are in campaigns: a firm that was beside them is not, by what was said of all."""
    whole, left = (len(np.unique(found.customers.of[each.groups[part]])) for each in (found, rest))
    return len(rest.groups[part]) >= settings.link_least and (whole == 1 or left >= settings.link_least)


def _take(engine: Engine, known: list[Campaign], fresh: int, found: Candidates, chosen: list[int], at: int) -> set[int]:
    """Take the ``chosen`` groups into the ``known`` ones, each as the one that it goes on from or under a fresh number."""
    together: dict[frozenset[str], list[int]] = {}
    for several in campaigns.united([found.groups[number] for number in chosen]):
        parts = [chosen[each] for each in several]
        together[frozenset(found.names[row] for row in found.members(parts).tolist())] = parts
    taken = set()
    for number, names in campaigns.adopt(list(together), known, fresh):
        _keep(engine, known, number, found, together[names], at)
        taken.add(number)
    return taken


def _shares(engine: Engine, found: Candidates, parts: list[int], members: Array, strength: Array) -> list[float]:
    """What each of ``members`` has of a campaign's evidence.

    It is that of the strongest group the member is in, less what a looser group lost by taking it in beside the tighter one that was there,
    what the member is weakly tied, what it is behind the others by itself, and, of a customer with several accounts, that one of
    them may have brought the others in.
    """
    settings, above, own = engine.settings, found.above, found.own
    share, core = np.full(len(members), NOTHING), np.full(len(members), NOTHING)
    for part in sorted(parts, key=lambda part: (-above[part], len(found.groups[part]), part)):
        inside = np.searchsorted(members, found.groups[part])
        fresh = inside[core[inside] == NOTHING]
        if not len(fresh):
            continue
        lost = max(float(core[inside].max()) - above[part], 0.0)
        least = float(np.quantile(own[found.groups[part]], settings.unlike_quantile)) - settings.unlike_reach
        core[fresh] = above[part]
        unlike = np.maximum(least - own[members[fresh]], 0.0)
        share[fresh] = above[part] - settings.loose_odds * lost - unlike - found.doubt(part, members[fresh])
    weak = settings.weak_odds * np.maximum(1.0 - 2.0 * strength, 0.0)
    return [round(campaigns.lent(each, settings), 6) for each in (share - weak).tolist()]


def _keep(engine: Engine, known: list[Campaign], number: int, found: Candidates, parts: list[int], at: int) -> None:
    """Add the groups ``parts`` to the one of that number among the ``known``: the strongest so far, of it and of each member."""
    members, lead = found.members(parts), max(parts, key=lambda part: (found.above[part], -part))
    tied, strength = found.ties(members)
    share = _shares(engine, found, parts, members, strength)
    one = next((each for each in known if each.number == number), None)
    if one is None:
        one = Campaign(number, [], at, NOTHING, tied)
        known.append(one)
    had = dict(zip(one.members, one.shares, strict=True))
    for name, value in zip([found.names[row] for row in members.tolist()], share, strict=True):
        if value >= -engine.settings.watch_margin or name in had:  # who is not even watched for it is no member
            had[name] = max(had.get(name, NOTHING), value)
    one.members = sorted(had)
    one.shares = [had[name] for name in one.members]
    if float(found.above[lead]) >= one.strength:
        one.strength, one.ties, one.crowd = float(found.above[lead]), tied, bool(found.crowd[lead])
        one.reasons = found.reasons[lead]()
    for other in known:  # who was found to belong here leaves the others
        if other is not one:
            other.part_with(had)
    records = fetch(engine.shards, one.members).records
    one.requests = int(records["requests"].sum())
    one.tokens_out = int(records["tokens_out"].sum())


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
