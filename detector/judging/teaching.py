"""Rulings in the judging: each gets its place in the log, what they teach is learned anew when they change, and their word is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.scorer import Word, example
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.judging.shards import fetch, quiet
from siphonwatch.detector.learning.lesson import Lesson, learn
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine

Array = npt.NDArray[Any]

EXAMPLES = 16  # members of a ruled campaign that are learned from, together counting as the root of their number


@dataclass(slots=True)
class Teaching:
    """The rulings as the judging knows them."""

    rulings: list[Ruling] = field(default_factory=list)  # all that were heard of, whether they stand or not
    placed: list[Ruling] = field(default_factory=list)  # those that were given their place in the log, for a store to keep

    def take_placed(self) -> list[Ruling]:
        """Rulings that were given their place in the log since the last call."""
        placed, self.placed = self.placed, []
        return placed


def obey(engine: Engine, at: int) -> bool:
    """Let the rulings count that stand at event time ``at`` (ms); whether that changed what is taught."""
    mine, context = engine.teaching, engine.context
    heard = [_placed(engine, ruling.heard(at), at) for ruling in mine.rulings]
    mine.placed += [ruling for ruling, before in zip(heard, mine.rulings, strict=True) if ruling != before]
    mine.rulings = heard
    standing = [ruling for ruling in heard if ruling.stands(at)]
    word = Word(
        {account: ruling for ruling in standing if ruling.harvest is not None for account in ruling.accounts},
        {account for ruling in standing for account in ruling.accounts if ruling.allows(at)},
    )
    if word != engine.scorer.word:
        engine.scorer.obey(word)
        engine.shards.all(partial(Shard.obey, word=word))
    teaching = [ruling for ruling in standing if ruling.harvest is not None and ruling.examples]
    taught = [ruling.id for ruling in teaching]
    if taught:
        taught.append(f"by {engine.scorer.prior_name}")  # what they teach is a way from this prior, and of no use to another
    if taught == context.taught:
        return False
    context.lesson = lesson(teaching, engine.prior, _innocents(engine), engine.settings)
    context.taught = taught
    return True


def _placed(engine: Engine, ruling: Ruling, at: int) -> Ruling:
    """A ruling that stands, filled with the accounts it speaks of and with what the model sees of them, once those are known."""
    if not ruling.stands(at) or ruling.accounts:
        return ruling
    campaign = next((each for each in engine.context.campaigns if each.name == ruling.subject), None)
    accounts = list(campaign.members) if campaign is not None else [ruling.subject, *ruling.others]
    known = fetch(engine.shards, accounts[:: max(1, -(-len(accounts) // EXAMPLES))])
    seen = engine.scorer.inputs(known.rows).tolist()
    if not seen and ruling.harvest is not None:
        return ruling
    examples = [{name: round(value, 6) for name, value in zip(NAMES, row, strict=True)} for row in seen]
    return msgspec.structs.replace(ruling, accounts=accounts, examples=examples)


def lesson(rulings: Sequence[Ruling], prior: Prior, innocents: Array, settings: Settings) -> Lesson:
    """What ``rulings`` teach, from the prior on; nothing where there are none."""
    taught = [(example(inputs), bool(ruling.harvest), len(ruling.examples) ** -0.5) for ruling in rulings for inputs in ruling.examples]
    if not taught:
        return Lesson()
    rows, harvest, count = zip(*taught, strict=True)
    weights = np.array([prior.weights[name] for name in NAMES])
    return learn(weights, prior.bias, np.array(rows), list(harvest), np.array(count), innocents, settings)


def _innocents(engine: Engine) -> Array:
    """(M, F) inputs of accounts below the watch level: those of the smallest hashes, so that no order of arrival matters."""
    settings = engine.settings
    below = quiet(engine.shards, engine.context.height - settings.watch_margin, settings.innocents_seen)
    return engine.scorer.inputs(fetch(engine.shards, below.names).rows)
