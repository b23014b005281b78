"""The engine: ticks of folded requests in, changed verdicts out. The pure core of live, replay and benchmark alike.

What it says is a function of the sequence of (tick, account -> row) that it is given: no clock, no batches, no order of
arrival. So a live stream split over workers and a replay of the same log agree to the byte.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging import grouping, reviewing, teaching, trace
from siphonwatch.detector.judging.accounts import NEVER, NOTHING, Accounts, facts
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.teaching import Teaching
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.scoring import drift
from siphonwatch.detector.scoring.features import NAMES, matrix, off
from siphonwatch.detector.scoring.model import Model, Prior
from siphonwatch.detector.scoring.population import Summary
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.panes import Added, Panes
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import GENERATION
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import limit_habits as evasion
from siphonwatch.detector.verdicts.account import Level, Reason, Verdict
from siphonwatch.detector.verdicts.finding import Finding, place, settled

Array = npt.NDArray[Any]

THROTTLE, BLOCK = int(Level.THROTTLE), int(Level.BLOCK)


class Engine:
    """Judges accounts tick by tick."""

    def __init__(self, prior: Prior, settings: Settings = DEFAULT, context: Context | None = None) -> None:
        self.settings = settings
        self.accounts = Accounts()
        self.context = context or Context(height=settings.flag_odds)
        self.prior = prior
        self.verdicts: dict[str, Verdict] = {}  # the last verdict of every account that is not clear
        self.changed: set[str] = set()  # accounts whose state or record changed since the last ``take_changes``
        self.dropped: list[str] = []
        self.teaching = Teaching()
        self._model: Model | None = None
        self.shipped = Model(prior)
        self._reference = self.model.reference
        self._summary: Summary | None = None
        self._own = Panes(settings)  # of ``process``: a log that is one partition

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

    def close(self, tick: int, panes: list[Pane]) -> list[Finding]:
        """Judge tick ``tick`` with the panes that all partitions have for it.

        What changed comes in the order of :func:`siphonwatch.detector.verdicts.finding.place`.

        Ticks are closed in ascending order; one without requests may be left out.
        """
        context, settings = self.context, self.settings
        if tick <= context.closed:
            raise ValueError(f"tick {tick} comes after tick {context.closed}, which is judged already")
        at = (tick + 1) * settings.tick_ms + settings.lateness_ms
        context.begun = tick if context.begun < 0 else context.begun
        changes: list[Finding] = [*self._obey(at, tick), *self._turn_epoch(tick, at)]
        merged = panes[0] if len(panes) == 1 else Pane()
        for pane in panes if len(panes) > 1 else ():
            merged.add(pane.accounts, pane.filled)
        unsorted = merged.accounts
        order = sorted(range(len(unsorted)), key=unsorted.__getitem__)
        names = [unsorted[position] for position in order]
        delta = merged.filled[order]
        position = self.accounts.positions(names)
        known, records = self.accounts.rows, self.accounts.records
        known[position] = state.merge(known[position], delta)
        counters = delta["slots"]["counters"].sum(axis=1, dtype=np.uint64)
        records["requests"][position] += counters[:, state.COUNTER["requests"]]
        records["tokens_out"][position] += counters[:, state.COUNTER["tokens_out"]]
        records["seen"][position] = tick
        if self.teaching.allowed:
            records["allowed"][position] = [name in self.teaching.allowed for name in names]
        self.changed.update(names)
        context.closed = tick
        if len(position):
            context.meet_models(delta, tick, settings)
            self._judge(position, at)
            changes += self._verdicts(position, at, tick)
            changes += evasion.of_accounts(delta, self.accounts, position, at, tick, settings)
            changes += evasion.of_campaigns(delta, self.accounts, position, context.campaigns, at, tick, settings)
        return sorted(settled(changes), key=place)

    def view(self, rows: Array) -> View:
        """Quantities of the states ``rows``, beside the population as it is known now."""
        return View(rows, self.summary.usual, self.summary.released)

    def _judge(self, position: Array, at: int) -> None:
        """Score the accounts at ``position`` and keep their strongest evidence."""
        view, records = self.view(self.accounts.rows[position]), self.accounts.records
        features, judged = matrix(view), view.count("requests") >= self.settings.judged_floor
        current = self.model.log_odds(features, self.summary)
        alike = np.maximum(self.model.resemblance(features, self.summary), 0.0)
        shipped = self.shipped.log_odds(features, self.summary) if self.context.taught else current
        records["current"][position] = np.where(judged, current, NOTHING)
        trace.note(records, position, at, current, judged)
        for name, value in (("own", current), ("evidence", current), ("shipped", shipped), ("plain", current - alike)):
            records[name][position] = np.maximum(records[name][position], np.where(judged, value, NOTHING))

    def _verdicts(self, position: Array, at: int, tick: int) -> list[Verdict]:
        """Move levels, and say which accounts' changed."""
        settings, records = self.settings, self.accounts.records
        mine = records[position]
        height = self.context.height
        standing = self.standing(position)
        asked = verdict.level_of(standing, height, settings)
        supported = asked >= mine["level"]
        mine["held"] = np.where(supported, at, mine["held"])
        calm = at - mine["held"] >= settings.calm_ms
        level = np.where(asked > mine["level"], asked, np.where(~supported & calm, mine["level"] - 1, mine["level"]))
        level = np.where(mine["allowed"] > 0, 0, level).astype(np.uint8)
        mine["held"] = np.where(level < mine["level"], at, mine["held"])
        first = (level >= THROTTLE) & (mine["flagged_at"] == NEVER)
        mine["flagged_at"] = np.where(first, at, mine["flagged_at"])
        mine["requests_at_flag"] = np.where(first, mine["requests"], mine["requests_at_flag"])
        mine["tokens_out_at_flag"] = np.where(first, mine["tokens_out"], mine["tokens_out_at_flag"])
        before = records["level"][position].copy()
        mine["level"] = level
        records[position] = mine
        moved = np.flatnonzero(level != before)
        changes = [
            self.describe(int(position[each]), Level(int(before[each])), at, tick, found)
            for each, found in zip(moved.tolist(), self.reasons(position[moved]), strict=True)
        ]
        for one in changes:
            self.changed.add(one.account_id)
            if one.level == Level.CLEAR.word:
                self.verdicts.pop(one.account_id, None)
            else:
                self.verdicts[one.account_id] = one
        return changes

    def standing(self, position: Array) -> Array:
        """Evidence as it stands now: an account's own, or its campaign's."""
        records = self.accounts.records[position]
        return teaching.as_ruled(self, position, np.maximum(records["current"], grouping.shares(self, position)))

    def reasons(self, position: Array) -> list[list[Reason]]:
        """The strongest features of each account, or of its campaign where that is the stronger."""
        if not len(position):
            return []
        features = matrix(self.view(self.accounts.rows[position]))
        records = self.accounts.records[position]
        over, shared = self.over_median(features), grouping.shares(self, position) > records["current"]
        groups = {one.number: one for one in self.context.campaigns}
        alike = self.model.resemblance(features, self.summary).tolist()
        return [
            verdict.of_campaign(groups[number].reasons)
            if lent
            else verdict.with_resemblance(verdict.reasons(features[row], over[row], self.summary), alike[row])
            for row, (lent, number) in enumerate(zip(shared.tolist(), records["campaign"].tolist(), strict=True))
        ]

    def over_median(self, features: Array) -> Array:
        """(N, F) what each feature adds to the log-odds beyond what it adds for the population's median."""
        median = np.array([self.summary.median])
        result: Array = self.model.contributions(features, self.summary) - self.model.contributions(median, self.summary)
        return result

    def describe(self, position: int, previous: Level, at: int, tick: int, found: list[Reason]) -> Verdict:
        """The verdict on the account at ``position``."""
        known = facts(self.accounts.ids[position], self.accounts.records[position])
        return Verdict(
            account_id=known.account_id,
            level=known.level,
            previous=previous.word,
            score=known.score,
            evidence=round(known.evidence, 4),
            at=at / 1000,
            tick=tick,
            flagged_at=known.flagged_at,
            requests=known.requests,
            requests_at_flag=known.requests_at_flag,
            tokens_out=known.tokens_out,
            tokens_out_at_flag=known.tokens_out_at_flag,
            campaign=known.campaign,
            reasons=found,
            features_off=off(View(self.accounts.rows[position : position + 1]))[0],
        )

    # ------------------------------------------------------------------------------------------------ epochs

    def _turn_epoch(self, tick: int, at: int) -> list[Finding]:
        """At the first tick of a new epoch: learn the population, set the height of the flag, link accounts."""
        context, settings = self.context, self.settings
        epoch = tick * settings.tick_ms // settings.epoch_ms
        if context.epoch == epoch:
            return []
        if context.epoch >= 0:
            self._learn_population(context.epoch)
        span = tick * settings.tick_ms // settings.link_ms
        due = context.epoch >= 0 and span != context.epoch * settings.epoch_ms // settings.link_ms
        context.epoch = epoch
        self._forget(tick)
        return self._group(at, tick) if due else []

    def _learn_population(self, epoch: int) -> None:
        """Count the accounts that were active in ``epoch``, as they look now."""
        context, settings = self.context, self.settings
        rows, records = self.accounts.known()
        first = epoch * settings.epoch_ms // settings.tick_ms
        active = np.flatnonzero(records["seen"] >= first)
        grown = View(rows[active]).count("requests") >= settings.population_floor
        known = self.view(rows[active[grown]])  # by what was known so far: made before that fades, or a restart just now would see less
        context.population.fade(settings.population_keep)
        if bool(grown.any()):
            context.population.observe(matrix(known))
            context.population.observe_content(known)
        judged = records["own"] > NOTHING
        if bool(grown.any()):
            context.history = [*context.history, float(np.median(records["current"][active[grown]]))][-drift.HISTORY :]
            context.drifting = drift.drifting(context.history)
        shipped, plain, own = (verdict.flag_height(settings, records[name][judged]) for name in ("shipped", "plain", "own"))
        # what resembles a ruled harvest thickens the tail: with it the height is too high, without it too low, by about as much
        context.height = max(shipped, (plain + own) / 2) + settings.drift_odds * context.drifting
        context.released = context.released_now(settings)
        self._summary = None
        context.queue = reviewing.review(self)

    def _forget(self, tick: int) -> None:
        """Drop accounts whose state has nothing left in it: idle for more than two generations."""
        ticks = 2 * GENERATION * 1000 // self.settings.tick_ms
        _, records = self.accounts.known()
        self._drop(records["seen"] < tick - ticks)

    def _drop(self, which: Array) -> None:
        if bool(which.any()):
            gone = self.accounts.forget(~which)
            self.dropped += gone
            for account in gone:
                self.verdicts.pop(account, None)
                self.changed.discard(account)

    def _group(self, at: int, tick: int) -> list[Finding]:
        """Link accounts, judge groups, and pass what was found on to their members."""
        told, position = grouping.group(self, at, tick)
        return [*told, *(self._verdicts(position, at, tick) if len(position) else [])]

    # ---------------------------------------------------------------------------------------------- rulings

    def hear(self, rulings: list[Ruling]) -> None:
        """Rulings of analysts, all that there are: each counts from the next judging on, or from its own event time."""
        self.teaching.rulings = sorted(rulings, key=lambda ruling: (ruling.given, ruling.id))

    def _obey(self, at: int, tick: int) -> list[Verdict]:
        """Let the rulings count that stand at event time ``at``; where they changed, learn and judge everybody anew."""
        if not self.teaching.rulings and not self.context.taught:
            return []
        if not teaching.obey(self, at):
            return []
        self._model = None
        everybody = self.accounts.positions(sorted(self.accounts.ids))
        for name in ("own", "evidence", "plain"):  # the strongest evidence so far was another model's
            self.accounts.records[name][everybody] = NOTHING
        self._judge(everybody, at)
        records = self.accounts.records  # what campaigns lend stays theirs: rulings on accounts move no groups
        records["evidence"][everybody] = np.maximum(records["evidence"][everybody], grouping.shares(self, everybody))
        self.changed.update(self.accounts.ids)
        return self._verdicts(everybody, at, tick) if len(everybody) else []

    def inputs_of(self, names: list[str]) -> Array:
        """(N, F) what the model sees of accounts; those that are not known are left out."""
        position = self.accounts.positions([name for name in names if name in self.accounts.index])
        if not len(position):
            return np.zeros((0, len(NAMES)))
        return self.model.inputs(matrix(self.view(self.accounts.rows[position])), self.summary)

    @property
    def named(self) -> set[str]:
        """Every account that is named anywhere in what the engine knows."""
        context = self.context
        members = {name for one in context.campaigns for name in one.members}
        return members.union(self.accounts.ids, *([card.account, *card.accounts] for card in context.queue))

    def erase(self, names: set[str]) -> None:
        """Forget accounts altogether: their states, their verdicts, and their names in campaigns and in the queue."""
        self._drop(np.array([account in names for account in self.accounts.ids], dtype=bool))
        context = self.context
        for one in context.campaigns:
            left = [row for row, name in enumerate(one.members) if name not in names]
            one.members, one.shares = [one.members[row] for row in left], [one.shares[row] for row in left]
        context.queue = [
            msgspec.structs.replace(card, accounts=[each for each in card.accounts if each not in names])
            for card in context.queue
            if card.account not in names
        ]

    def take_changes(self) -> tuple[list[str], list[str]]:
        """(accounts changed, accounts dropped) since the last call."""
        changed, dropped = sorted(self.changed & self.accounts.index.keys()), self.dropped
        self.changed, self.dropped = set(), []
        return changed, dropped
