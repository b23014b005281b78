"""Rulings: what analysts say an account or a campaign really was. Each counts from one event time on, and may be taken back.

A ruling has a place in the log, as everything that steers a verdict: it stands from ``at`` until ``until``, in event time. So a
replay that is given the rulings says what the live stream said that was taught by them.
"""

from __future__ import annotations

import msgspec

DAY = 86_400.0


class Ruling(msgspec.Struct, frozen=True):
    """One analyst's word on an account or a campaign."""

    id: str
    subject: str  # account or campaign as it was named
    harvest: bool | None  # ``None``: only an allow-list entry
    analyst: str = "unknown"
    given: float = 0.0  # wall clock, epoch seconds; for people alone
    note: str = ""
    days: float | None = None  # of event time that its accounts are on the allow list
    at: float | None = None  # event time from which it counts, epoch seconds; ``None`` until a judging has heard of it
    until: float | None = None  # event time from which it counts no more
    withdrawn: bool = False  # taken back; the next judging sets ``until``
    accounts: list[str] = []  # whom it speaks of: filled in by the judging that heard of it
    others: list[str] = []  # accounts that were ruled on with the subject, as they are like it
    examples: list[dict[str, float]] = []  # the model's inputs of (some of) those accounts at that time

    def stands(self, at_ms: int) -> bool:
        """Whether it counts at event time ``at_ms``."""
        return self.at is not None and self.at * 1000 <= at_ms and (self.until is None or at_ms < self.until * 1000)

    def allows(self, at_ms: int) -> bool:
        """Whether its accounts are on the allow list at event time ``at_ms``."""
        return self.days is not None and self.at is not None and self.stands(at_ms) and at_ms < (self.at + self.days * DAY) * 1000

    def heard(self, at_ms: int) -> Ruling:
        """The same, as a judging at event time ``at_ms`` hears of it: with its place in the log."""
        at = at_ms / 1000 if self.at is None else self.at
        until = at_ms / 1000 if self.withdrawn and self.until is None else self.until
        return msgspec.structs.replace(self, at=at, until=until)
