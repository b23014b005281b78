"""The review queue of an epoch, from how accounts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from siphonwatch.detector.judging.accounts import facts
from siphonwatch.detector.judging.shards import fetch, near
from siphonwatch.detector.learning.queue import Card, pick

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

NAMED = 50  # accounts that a card names, of all that are like it


def review(engine: Engine) -> list[Card]:
    """One card for each behaviour that is near the flag or over it, and that nobody has ruled on."""
    context, settings, scorer = engine.context, engine.settings, engine.scorer
    found = fetch(engine.shards, sorted(near(engine.shards, context.height - settings.queue_reach, settings.queue_most).names))
    names, records = found.names, found.records
    if not names:
        return []
    inputs, evidence = scorer.inputs(found.rows), records["current"]  # their own: what a campaign lends teaches nothing about accounts
    ruled = np.array(context.lesson.examples).reshape(-1, inputs.shape[1])
    cards, owner = pick(inputs, evidence, context.height, ruled, settings)
    made = []
    why = scorer.reasons([names[card] for card in cards.tolist()], found.rows[cards], records[cards])
    for number, (card, reasons) in enumerate(zip(cards.tolist(), why, strict=True)):
        alike = [names[row] for row in np.flatnonzero(owner == number).tolist() if row != card]
        known, first = facts(names[card], records[card]), reasons[0].text if reasons else ""
        made.append(Card(names[card], known.level, round(float(evidence[card]), 4), len(alike), alike[:NAMED], known.campaign, first))
    return made
