"""What analysts teach: rulings that move the model, and an allow list. Every ruling can be listed and taken back."""

from __future__ import annotations

import msgspec
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.detector.scoring.model import Model, Prior


class Ruling(msgspec.Struct, frozen=True):
    """One analyst's word on an account or a campaign."""

    id: str
    subject: str  # account or campaign as it was named
    accounts: list[str]  # the accounts it speaks of
    harvest: bool | None  # None: only an allow-list entry
    analyst: str
    at: float  # wall clock, epoch seconds
    note: str = ""
    inputs: dict[str, float] = {}  # the model's inputs when the ruling was given: of the account, or the campaign merged
    allow_until: float | None = None  # event time, epoch seconds

    def allows(self, now_ms: int) -> bool:
        """Whether its accounts are on the allow list at event time ``now_ms``."""
        return self.allow_until is not None and now_ms < self.allow_until * 1000


class Teaching:
    """The prior, moved by the rulings that stand."""

    def __init__(self, prior: Prior) -> None:
        self.prior = prior
        self.model = Model(prior)
        self.applied: tuple[str, ...] = ()

    def apply(self, rulings: list[Ruling]) -> None:
        """Learn from ``rulings`` in their order, from the prior on, whenever the list has changed.

        A ruling taken back is simply not in the list: nothing of it stays in the weights.
        """
        wanted = tuple(ruling.id for ruling in rulings)
        if wanted == self.applied:
            return
        model = Model(self.prior)
        for ruling in rulings:
            if ruling.harvest is not None and ruling.inputs:
                model.learn_one({name: ruling.inputs.get(name, 0.0) for name in NAMES}, ruling.harvest)
        self.model, self.applied = model, wanted
