"""The review queue of an epoch, from how accounts stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from siphonwatch.detector.judging.accounts import facts
from siphonwatch.detector.learning.queue import Card, pick

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

NAMED = 50  # accounts that a card names, of all that are like it


def review(engine: Engine) -> list[Card]:
    """One card for each behaviour that is near the flag or over it, and that nobody has ruled on."""
    context, settings, accounts = engine.context, engine.settings, engine.accounts
    _, records = accounts.known()
    reach = np.flatnonzero((records["current"] >= context.height - settings.queue_reach) & (records["allowed"] == 0))
    names = sorted(accounts.ids[row] for row in reach.tolist() if accounts.ids[row] not in engine.teaching.ruled)
    if not names:
        return []
    position, inputs = accounts.positions(names), engine.inputs_of(names)
    evidence = records["current"][position]  # their own: what a campaign lends its members teaches nothing about accounts
    ruled = np.array(context.lesson.examples).reshape(-1, inputs.shape[1])
    cards, owner = pick(inputs, evidence, context.height, ruled, settings)
    made = []
    for number, (card, reasons) in enumerate(zip(cards.tolist(), engine.reasons(position[cards]), strict=True)):
        alike = [names[row] for row in np.flatnonzero(owner == number).tolist() if row != card]
        known, why = facts(names[card], records[position[card]]), reasons[0].text if reasons else ""
        made.append(Card(names[card], known.level, round(float(evidence[card]), 4), len(alike), alike[:NAMED], known.campaign, why))
    return made
