"""The engine: ticks of folded requests in, changed verdicts out. The pure core of live, replay and benchmark alike.

What it says is a function of the sequence of (tick, account -> row) that it is given: no clock, no batches, no order of
arrival, and no number of shards. So a live stream split over workers and a replay of the same log agree to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from siphonwatch.detector.judging import epoch, grouping, teaching
from siphonwatch.detector.judging.accounts import Accounts
from siphonwatch.detector.judging.census import total
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.scorer import Scorer
from siphonwatch.detector.judging.shard import Judged, Shard
from siphonwatch.detector.judging.shards import Local, Shards
from siphonwatch.detector.judging.teaching import Teaching
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.sketch.panes import Added, Panes
from siphonwatch.detector.verdicts import limit_habits
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.finding import Finding, place, settled


class Engine:
    """Judges accounts tick by tick: each shard its own, and between epochs all of them together."""

    def __init__(
        self, prior: Prior, settings: Settings = DEFAULT, context: Context | None = None, shards: Shards | None = None, queued: bool = True
    ) -> None:
        """An engine that begins in ``context``; ``shards`` hold the accounts, one shard in this process where none are given.

        With ``queued`` each epoch chooses whom to look at next; without it nobody is there to look before the end, and no verdict differs.
        """
        self.prior, self.settings, self.queued = prior, settings, queued
        self.context = context or Context(height=settings.flag_odds)
        self.scorer = Scorer(prior, settings, self.context)
        self.shards: Shards = shards or Local([Shard(self.scorer)])
        self.teaching = Teaching()
        self._own = Panes(settings)  # of ``process``: a log that is one partition

    # ------------------------------------------------------------------------------------- one log, one partition

    def process(self, batch: RequestBatch) -> tuple[Added, list[Finding]]:
        """Fold a batch and judge every tick that it completes."""
        added = self.fold(batch)
        return added, self.judge_due()

    def fold(self, batch: RequestBatch) -> Added:
        """Fold a batch into the log's open panes."""
        return self._own.add(batch)

    def judge_due(self) -> list[Finding]:
        """Judge every tick that the log's own order has passed."""
        return self._close_to(self._own.watermark - 1)

    def finish(self) -> list[Finding]:
        """Judge what is left at the end of a log."""
        return self._close_to(self._own.last)

    def _close_to(self, tick: int) -> list[Finding]:
        return [one for each, pane in self._own.seal(tick) for one in self.close(each, [pane])]

    # ------------------------------------------------------------------------------------------------ one tick

    def close(self, tick: int, panes: Sequence[Any]) -> list[Finding]:
        """Judge tick ``tick`` with the panes that all partitions have for it, as the shards take them.

        What changed comes in the order of :func:`siphonwatch.detector.verdicts.finding.place`.

        Ticks are closed in ascending order; one without requests may be left out.
        """
        context = self.context
        if tick <= context.closed:
            raise ValueError(f"tick {tick} comes after tick {context.closed}, which is judged already")
        at = (tick + 1) * self.settings.tick_ms + self.settings.lateness_ms
        context.begun = tick if context.begun < 0 else context.begun
        changes: list[Finding] = [*self._obey(at, tick), *self._turn(tick, at)]
        judged = self.shards.judge(tick, at, panes)
        context.closed = tick
        changes += [one for part in judged for one in part.findings]
        changes += self._together(judged, at, tick)
        return sorted(settled(changes), key=place)

    def _together(self, judged: list[Judged], at: int, tick: int) -> list[Finding]:
        """What a tick says of more than one account: models that nobody met before, and what members of a campaign did."""
        self.context.meet_models(np.unique(np.concatenate([part.met for part in judged])), tick, self.settings)
        together: dict[int, list[Any]] = {}
        for part in judged:
            for number, members in part.together.items():
                together.setdefault(number, []).extend(members)
        return [*limit_habits.of_campaigns(together, self.context.campaigns, at, tick, self.settings)]

    def _turn(self, tick: int, at: int) -> list[Finding]:
        """At the first tick of a new epoch: learn the population, set the height of the flag, link accounts."""
        context, settings = self.context, self.settings
        number = tick * settings.tick_ms // settings.epoch_ms
        if context.epoch == number:
            return []
        if context.epoch >= 0:
            epoch.learn(self, context.epoch)
        span = tick * settings.tick_ms // settings.link_ms
        due = context.epoch >= 0 and span != context.epoch * settings.epoch_ms // settings.link_ms
        context.epoch = number
        self.shards.all(partial(Shard.turn, context=context, tick=tick))
        if not due:
            return []
        told, found = grouping.group(self, at, tick)
        moved = self.shards.all(partial(Shard.grouped, context=context, found=found, at=at, tick=tick))
        self.scorer.turned(context)
        return [*told, *(one for part in moved for one in part)]

    # ---------------------------------------------------------------------------------------------- rulings

    def hear(self, rulings: list[Ruling]) -> None:
        """Rulings of analysts, all that there are: each counts from the next judging on, or from its own event time."""
        self.teaching.rulings = sorted(rulings, key=lambda ruling: (ruling.given, ruling.id))

    def _obey(self, at: int, tick: int) -> list[Finding]:
        """Let the rulings count that stand at event time ``at``; where they changed, learn and judge everybody anew."""
        if not self.teaching.rulings and not self.context.taught:
            return []
        if not teaching.obey(self, at):
            return []
        self.scorer.turned(self.context)
        self.shards.all(partial(Shard.rescored, context=self.context, at=at))
        # by the height of before, what one ruling lifts would be flagged at once that the height, an hour later, spares
        epoch.set_height(self, total(self.shards.all(partial(Shard.census, first=tick))))
        return [one for part in self.shards.all(partial(Shard.relearned, context=self.context, at=at, tick=tick)) for one in part]

    # ---------------------------------------------------------------------------------------------- what it knows

    @property
    def shard(self) -> Shard:
        """The one shard of an engine that holds all accounts in it."""
        if not isinstance(self.shards, Local) or len(self.shards.shards) != 1:
            raise ValueError("the accounts stand in several shards: ask each of them")
        return self.shards.shards[0]

    @property
    def accounts(self) -> Accounts:
        """The accounts, where they stand in one shard."""
        return self.shard.accounts

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """The last verdict of every account that is not clear."""
        parts = self.shards.all(Shard.not_clear)
        return parts[0] if len(parts) == 1 else {account: one for part in parts for account, one in part.items()}

    @verdicts.setter
    def verdicts(self, verdicts: dict[str, Verdict]) -> None:
        self.shard.verdicts = verdicts

    def erase(self, names: set[str]) -> None:
        """Forget accounts altogether: their states, their verdicts, and their names in campaigns and in the queue."""
        self.context.without(names)
        self.scorer.turned(self.context)
        self.shards.all(partial(Shard.erase, context=self.context, names=names))

    def take_crowded(self) -> int:
        """How many accounts were let go since the last call as there were too many."""
        return sum(self.shards.all(Shard.take_crowded))

    def take_changes(self) -> tuple[list[str], list[str]]:
        """(accounts changed, accounts dropped) since the last call."""
        parts = self.shards.all(Shard.take_changes)
        return sorted(name for changed, _ in parts for name in changed), [name for _, dropped in parts for name in dropped]
