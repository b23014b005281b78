"""What the engine knows beside the accounts: small, and stored whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy.typing as npt
from siphonwatch.detector.learning.lesson import Lesson
from siphonwatch.detector.learning.queue import Card
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts.campaign import Campaign

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Context:
    """The population, the campaigns, the models met so far, and where event time stands."""

    closed: int = -1  # the newest tick that was judged
    epoch: int = -1  # the epoch that is being counted
    height: float = 0.0  # evidence at which accounts are flagged now
    population: Population = field(default_factory=Population)
    campaigns: list[Campaign] = field(default_factory=list)
    next_campaign: int = 1
    history: list[float] = field(default_factory=list)  # median evidence of each epoch, for drift
    drifting: bool = False
    begun: int = -1  # the first tick of the log
    models: dict[int, int] = field(default_factory=dict)  # hash of a model -> tick of the first request to it, oldest first
    released: list[int] = field(default_factory=list)  # those that are new in this epoch
    taught: list[str] = field(default_factory=list)  # ids of the rulings that the lesson rests on
    lesson: Lesson = field(default_factory=Lesson)
    queue: list[Card] = field(default_factory=list)  # whom to look at next, as of this epoch
    watched: list[Campaign] = field(default_factory=list)  # groups below their height: they rank their members, and nobody is told
    next_watched: int = 1  # numbers of their own, so that those of campaigns have no gaps
    lift: float = 0.0  # how much of the height is what analysts taught: it lifts everybody, and the flag with them

    @property
    def prior_height(self) -> float:
        """Where the flag would be had nobody taught anything: what the prior says of accounts is held against this."""
        return self.height - self.lift

    def meet_models(self, met: Array, tick: int, settings: Settings) -> None:
        """Note models that nobody used before, from the ascending marks of those that a tick's requests were answered by."""
        for model in met.tolist():
            if model and model not in self.models:
                self.models[model] = tick
        for oldest in list(self.models)[: max(len(self.models) - settings.models_known, 0)]:
            del self.models[oldest]

    def released_now(self, settings: Settings) -> list[int]:
        """Hashes of the models that are new: not met at the log's start, and not met for long."""
        quiet = self.begun + settings.release_quiet_ms // settings.tick_ms
        recent = self.closed - settings.release_ms // settings.tick_ms
        return [model for model, tick in self.models.items() if tick > quiet and tick >= recent]

    @property
    def named(self) -> set[str]:
        """Every account that is named here."""
        members = {name for one in (*self.campaigns, *self.watched) for name in one.members}
        return members.union(*([card.account, *card.accounts] for card in self.queue))

    def without(self, names: set[str]) -> None:
        """Forget accounts by name, in campaigns, in groups that are watched, and in the queue."""
        for one in (*self.campaigns, *self.watched):
            one.part_with(names)
        self.queue = [
            msgspec.structs.replace(card, accounts=[each for each in card.accounts if each not in names])
            for card in self.queue
            if card.account not in names
        ]
