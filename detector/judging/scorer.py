"""How accounts are scored between two turns of the epoch: by the model, the population and the rulings of then, which stay as they are.

Everything here is a function of single accounts, so that it does not matter which accounts are scored together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import NOTHING
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.learning import words
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.learning.words import Words
from siphonwatch.detector.scoring.features import NAMES, matrix
from siphonwatch.detector.scoring.model import Model, Prior
from siphonwatch.detector.scoring.population import Summary
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import campaign as campaigns
from siphonwatch.detector.verdicts.account import Reason

Array = npt.NDArray[Any]


@dataclass(slots=True)
class Word:
    """What analysts' own word is on accounts."""

    ruled: dict[str, Ruling] = field(default_factory=dict)  # account -> the newest ruling that stands on it
    allowed: set[str] = field(default_factory=set)


class Scorer:
    """Scores accounts in a context."""

    def __init__(self, prior: Prior, settings: Settings, context: Context) -> None:
        self.prior, self.settings, self.context = prior, settings, context
        self.word = Word()
        self.shipped = Model(prior)
        self.prior_name = prior.name
        self._reference = self.shipped.reference
        self._model: Model | None = None
        self._summary: Summary | None = None
        self._shares: dict[str, tuple[int, float]] | None = None

    def turned(self, context: Context) -> None:
        """Score in ``context`` from now on, be it the same one that has changed."""
        self.context, self._model, self._summary, self._shares = context, None, None, None

    def obey(self, word: Word) -> None:
        """Keep analysts' ``word`` from now on."""
        self.word, self._shares = word, None

    @property
    def model(self) -> Model:
        """The model as analysts have moved it."""
        if self._model is None:
            self._model = Model(self.prior, self.context.lesson, self.settings.resemblance_width)
        return self._model

    @property
    def summary(self) -> Summary:
        """The population that accounts are judged by in this epoch."""
        if self._summary is None:
            known = self.context.population.summary(self._reference, self.settings.reference_accounts)
            self._summary = msgspec.structs.replace(known, released=self.context.released)
        return self._summary

    def view(self, rows: Array) -> View:
        """Quantities of the states ``rows``, beside the population as it is known now."""
        return View(rows, self.summary.released)

    def inputs(self, rows: Array) -> Array:
        """(N, F) what the model sees of accounts in the states ``rows``."""
        if not len(rows):
            return np.zeros((0, len(NAMES)))
        return self.model.inputs(matrix(self.view(rows)), self.summary)

    def over_median(self, features: Array) -> Array:
        """(N, F) what each feature adds to the log-odds beyond what it adds for the population's median."""
        median = np.array([self.summary.median])
        result: Array = self.model.contributions(features, self.summary) - self.model.contributions(median, self.summary)
        return result

    # ------------------------------------------------------------------------------------------------ campaigns and rulings

    @property
    def members(self) -> dict[str, tuple[int, float]]:
        """Account -> the number of its campaign, 0 for a group that is only watched, and what it has of that one's strength."""
        if self._shares is None:
            watched = [(0, one) for one in self.context.watched]
            told = [(one.number, one) for one in self.context.campaigns]  # last, as they count before what is watched
            self._shares = {
                name: (number, campaigns.worded(share, one.strength, said, self.settings))
                for number, one in [*watched, *told]
                for said in [self.said(one)]
                for name, share in zip(one.members, one.shares, strict=True)
            }
        return self._shares

    def said(self, one: campaigns.Campaign) -> Words:
        """What rulings say of a group, or of a crowd."""
        return self.words(one.members, one.crowd)

    def words(self, members: Sequence[str], crowd: bool) -> Words:
        """What the rulings on some of ``members`` say of all of them as a group, or as a crowd. A ruling on many of them counts once."""
        if not self.word.ruled:
            return Words()
        found = {ruling.id: ruling for ruling in (self.word.ruled.get(name) for name in members) if ruling is not None}
        errs = self.settings.analyst_errs
        tellings = [words.telling(bool(found[each].harvest), self._chance(found[each]), errs) for each in sorted(found)]
        said = words.together(tellings, self.settings.words_most * words.telling(True, 0.0, errs))
        return said.of_crowd(len(members), self.settings) if crowd else said

    def _chance(self, ruling: Ruling) -> float:
        """How likely the accounts of ``ruling`` were harvesters by their own evidence and the prior: the likeliest of them."""
        weights = self.prior.weights
        odds = [self.prior.bias + sum(weights.get(name, 0.0) * value for name, value in inputs.items()) for inputs in ruling.examples]
        return verdict.probability(max(odds, default=0.0))

    def shares(self, names: Sequence[str]) -> Array:
        """(N,) what accounts have of their groups' evidence now; ``NOTHING`` without one."""
        members, context = self.members, self.context
        found = [
            campaigns.evidence(members[name][1], context.height, self.settings, context.lift) if name in members else NOTHING
            for name in names
        ]
        return np.array(found, dtype=np.float64)

    def own(self, records: Array) -> Array:
        """(N,) accounts' own evidence as it stands now.

        Whom the prior flags and no ruling speaks against stays at the flag's height: others were taught to be worse, and it rose with them.
        """
        current, shipped = records["current"], records["shipped"]
        kept = (shipped >= self.context.prior_height) & (current >= shipped)
        result: Array = np.where(kept, np.maximum(current, self.context.height), current)
        return result

    def as_ruled(self, names: Sequence[str], rows: Array, standing: Array) -> Array:
        """(N,) the same with analysts' word: a ruled harvest is blocked; a benign account is clear as long as it goes on as it was."""
        settings, height, result = self.settings, self.context.height, standing.copy()
        for row, account in enumerate(names):
            ruling = self.word.ruled.get(account)
            if ruling is None:
                continue
            if ruling.harvest:
                result[row] = max(result[row], height + settings.block_margin)
                continue
            then = np.array([example(inputs) for inputs in ruling.examples])
            distance = np.sqrt(((self.inputs(rows[row : row + 1]) - then) ** 2).sum(axis=1))
            if float(distance.min(initial=np.inf)) < settings.behaviour_radius:
                result[row] = min(result[row], height - settings.watch_margin - 1e-6)
        return result

    def reasons(self, names: Sequence[str], rows: Array, records: Array) -> list[list[Reason]]:
        """The strongest features of each account, or of its campaign where that is the stronger; one that is only watched has its own."""
        if not len(rows):
            return []
        features = matrix(self.view(rows))
        over, shared = self.over_median(features), self.shares(names) > records["current"]
        groups = {one.number: one for one in self.context.campaigns}
        numbers = [self.members[name][0] if lent else 0 for name, lent in zip(names, shared.tolist(), strict=True)]
        alike = self.model.resemblance(features, self.summary).tolist()
        lifted = [self.members[name][1] if lent else 0.0 for name, lent in zip(names, shared.tolist(), strict=True)]
        return [
            verdict.of_campaign(groups[number].reasons)
            if number
            else verdict.with_analysts(verdict.reasons(features[row], over[row], self.summary), alike[row], lifted[row])
            for row, number in enumerate(numbers)
        ]


def example(inputs: dict[str, float]) -> list[float]:
    """Stored inputs in today's order of features; what was not stored says nothing."""
    return [inputs.get(name, 0.0) for name in NAMES]
