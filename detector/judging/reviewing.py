"""The review queue of an epoch, from how accounts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from siphonwatch.detector.judging.accounts import NOTHING, facts
from siphonwatch.detector.judging.shards import fetch, near
from siphonwatch.detector.learning.queue import Card, pick
from siphonwatch.detector.scoring.crowd import Crowd
from siphonwatch.detector.verdicts.campaign import Campaign

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

NAMED = 50  # accounts that a card names, of all that are like it; and members of a group that its card is chosen from
TO_TURN = 2  # rulings that agree which carry a group over its height, or back
TO_CONFIRM = 1  # ... and that leave one over it where it is: a further card would teach nothing


def review(engine: Engine) -> list[Card]:
    """One card for each behaviour that is near the flag or over it, and for groups near theirs, of which nobody has ruled."""
    context, settings, scorer = engine.context, engine.settings, engine.scorer
    groups = _groups(engine)
    several = {name for one in groups for name in _named(one)}
    found = fetch(engine.shards, sorted({*near(engine.shards, context.height - settings.queue_reach, settings.queue_most).names, *several}))
    names, records = found.names, found.records
    if not names:
        return []
    inputs, evidence = scorer.inputs(found.rows), records["current"]  # their own: what a campaign lends teaches nothing about accounts
    ruled = np.array(context.lesson.examples).reshape(-1, inputs.shape[1])
    place = {name: row for row, name in enumerate(names)}
    speaks: dict[int, int] = {}  # row of a group's card -> members of the group
    for one in groups:
        free = [place[name] for name in _named(one) if name in place and name not in scorer.word.ruled]
        free = [row for row in free if evidence[row] > NOTHING and not records["allowed"][row]]
        if free:
            speaks.setdefault(max(free, key=lambda row: (evidence[row], -row)), len(one.members))
    cards, owner = pick(inputs, evidence, context.height, ruled, settings, list(speaks))
    made = []
    why = scorer.reasons([names[card] for card in cards.tolist()], found.rows[cards], records[cards])
    for number, (card, reasons) in enumerate(zip(cards.tolist(), why, strict=True)):
        alike = [names[row] for row in np.flatnonzero(owner == number).tolist() if row != card]
        known, first = facts(names[card], records[card]), reasons[0].text if reasons else ""
        if card in speaks:
            first = f"speaks for a group of {speaks[card]} accounts; {first}"
        made.append(Card(names[card], known.level, round(float(evidence[card]), 4), len(alike), alike[:NAMED], known.campaign, first))
    return made


def _groups(engine: Engine) -> list[Campaign]:
    """Groups to ask about, by what they would be with a word for harvest, the strongest first, as long as a word would move them."""
    scorer, context = engine.scorer, engine.context
    said = [(one, scorer.said(one)) for one in (*context.watched, *context.campaigns)]
    crowd = Crowd.of(engine.settings)
    asked = sorted(
        (-(crowd.spoken_for(one.strength) if one.crowd else one.strength) - words.all, -one.strength, one.number, at)
        for at, (one, words) in enumerate(said)
        if (0 <= words.net < TO_TURN if one.strength < 0.0 else -TO_TURN < words.net < TO_CONFIRM)
    )
    return [said[at][0] for *_, at in asked[: engine.settings.queue_cards]]


def _named(one: Campaign) -> list[str]:
    return one.members[:NAMED]
