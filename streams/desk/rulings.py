"""Analysts' decisions, made from what they name."""

from __future__ import annotations

import secrets
import time

from siphonwatch.detector.learning.rulings import Decision
from siphonwatch.streams.desk.reports import Desk


def decide(desk: Desk, subject: str, harvest: bool | None, analyst: str, note: str, days: float | None) -> Decision:
    """A decision on an account or a campaign, with what the model saw of it just now."""
    now = time.time()
    if subject.startswith("campaign-"):
        found = desk.campaign(subject)
        accounts, inputs = found.members, desk.campaign_inputs(found)
    else:
        subject = desk.named(subject)
        accounts, inputs = [subject], desk.account(subject).inputs
    return Decision(
        id=secrets.token_hex(4), subject=subject, accounts=accounts, harvest=harvest, analyst=analyst, at=now, note=note,
        inputs=inputs, allow_until=None if days is None else now + days * 86_400,
    )  # fmt: skip
