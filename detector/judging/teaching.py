"""Rulings in the judging: each gets its place in the log, what they teach is learned anew when they change, and their word is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging.accounts import NOTHING
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
    ruled: dict[str, Ruling] = field(default_factory=dict)  # account -> the newest ruling that stands on it
    allowed: set[str] = field(default_factory=set)

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
    mine.ruled = {account: ruling for ruling in standing if ruling.harvest is not None for account in ruling.accounts}
    _allow(engine, {account for ruling in standing for account in ruling.accounts if ruling.allows(at)})
    teaching = [ruling for ruling in standing if ruling.harvest is not None and ruling.examples]
    taught = [ruling.id for ruling in teaching]
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
    seen = engine.inputs_of(accounts[:: max(1, -(-len(accounts) // EXAMPLES))]).tolist()
    if not seen and ruling.harvest is not None:
        return ruling
    examples = [{name: round(value, 6) for name, value in zip(NAMES, row, strict=True)} for row in seen]
    return msgspec.structs.replace(ruling, accounts=accounts, examples=examples)


def example(inputs: dict[str, float]) -> list[float]:
    """Stored inputs in today's order of features; what was not stored says nothing."""
    return [inputs.get(name, 0.0) for name in NAMES]


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
    _, records = engine.accounts.known()
    below = records["current"] < engine.context.height - engine.settings.watch_margin
    quiet = [engine.accounts.ids[row] for row in np.flatnonzero(below & (records["current"] > NOTHING)).tolist()]
    return engine.inputs_of(sorted(quiet, key=lambda account: (crc32(account.encode()), account))[: engine.settings.innocents_seen])


def _allow(engine: Engine, wanted: set[str]) -> None:
    """Mark the accounts on the allow list."""
    if not wanted and not engine.teaching.allowed:
        return
    engine.teaching.allowed = wanted
    _, records = engine.accounts.known()
    marks = np.array([account in wanted for account in engine.accounts.ids], dtype=np.uint8)
    engine.changed.update(engine.accounts.ids[row] for row in np.flatnonzero(records["allowed"] != marks).tolist())
    records["allowed"] = marks


def as_ruled(engine: Engine, position: Array, standing: Array) -> Array:
    """Evidence (N,) with analysts' own word on an account: a harvest is blocked; a benign one is clear as long as it goes on as it was."""
    if not engine.teaching.ruled:
        return standing
    settings, height, result = engine.settings, engine.context.height, standing.copy()
    for row, account in enumerate(engine.accounts.ids[each] for each in position.tolist()):
        ruling = engine.teaching.ruled.get(account)
        if ruling is None:
            continue
        if ruling.harvest:
            result[row] = max(result[row], height + settings.block_margin)
            continue
        then = np.array([example(inputs) for inputs in ruling.examples])
        distance = np.sqrt(((engine.inputs_of([account]) - then) ** 2).sum(axis=1))
        if float(distance.min(initial=np.inf)) < settings.behaviour_radius:
            result[row] = min(result[row], height - settings.watch_margin - 1e-6)
    return result
