"""The end of an epoch: what its accounts looked like, counted in every shard, becomes what the next epoch's are judged by."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from siphonwatch.detector.judging import reviewing
from siphonwatch.detector.judging.census import Census, total
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.scoring import drift
from siphonwatch.detector.verdicts.account import flag_height

if TYPE_CHECKING:
    from siphonwatch.detector.judging.engine import Engine


def learn(engine: Engine, number: int) -> None:
    """Learn from epoch ``number``: the population, the height of the flag, the models that are new, and whom to look at next."""
    context, settings = engine.context, engine.settings
    first = number * settings.epoch_ms // settings.tick_ms
    found = total(engine.shards.all(partial(Shard.census, first=first)))
    context.population.fade(settings.population_keep)
    context.population.counts += found.population.counts
    if len(found.current):
        context.history = [*context.history, float(found.current.quantiles([0.5])[0])][-drift.HISTORY :]
        context.drifting = drift.drifting(context.history)
    set_height(engine, found)
    context.released = context.released_now(settings)
    engine.scorer.turned(context)
    if engine.queued:
        context.queue = reviewing.review(engine)


def set_height(engine: Engine, found: Census) -> None:
    """Set the flag's height by the evidence of all accounts."""
    context, settings = engine.context, engine.settings
    reach, taught = engine.scorer.shipped.reach, engine.scorer.model.reach
    shipped = flag_height(settings, found.shipped, reach)
    plain, own = (flag_height(settings, evidence, taught) for evidence in (found.plain, found.own))
    # what resembles a ruled harvest thickens the tail: with it the height is too high, without it too low, by about as much
    context.lift = max((plain + own) / 2 - shipped, 0.0)
    context.height = shipped + context.lift + settings.drift_odds * context.drifting
