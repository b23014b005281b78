"""A shard: some of the accounts, whose ticks are judged without looking at any other account.

Which accounts are whose shard follows from their ids alone. What accounts have to do with each other is worked out between the ticks, at a
turn of the epoch, from what the shards count and name; so any number of shards, in one process or in many, say the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging import trace
from siphonwatch.detector.judging.accounts import NEVER, NOTHING, SHARDS, Accounts, facts
from siphonwatch.detector.judging.census import Census
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.scorer import Scorer, Word
from siphonwatch.detector.scoring.features import matrix, off
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.scoring.spectrum import spectrum
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.sketch.row import GENERATION, MOMENTS
from siphonwatch.detector.verdicts import account as verdict
from siphonwatch.detector.verdicts import limit_habits
from siphonwatch.detector.verdicts.account import Level, Reason, Verdict
from siphonwatch.detector.verdicts.finding import Finding

Array = npt.NDArray[Any]

THROTTLE = int(Level.THROTTLE)
TOGETHER = 4096  # accounts that are merged or scored in one go: of what it takes for that, no more is in memory


@dataclass(slots=True)
class Judged:
    """What a tick did in a shard."""

    findings: list[Finding]
    met: Array  # marks of the models that the tick's requests were answered by, ascending
    together: dict[int, list[tuple[str, Array, int]]]  # campaign -> (member, its row of the tick, its limit) of those at work


@dataclass(slots=True)
class Named:
    """Accounts by name."""

    names: list[str]
    rows: Array
    records: Array


@dataclass(slots=True)
class Ranked:
    """The first of many accounts in some order, and how many there are in all."""

    names: list[str]
    keys: list[float]
    total: int


class Shard:
    """The accounts of one shard, or of many of them that one process holds."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer, self.settings = scorer, scorer.settings
        self.accounts = Accounts()
        self.verdicts: dict[str, Verdict] = {}  # the last verdict of every account that is not clear
        self.changed: set[str] = set()  # accounts whose state or record changed since the last ``take_changes``
        self.dropped: list[str] = []
        self.crowded = 0  # accounts that were let go since the last ``take_crowded``

    # ------------------------------------------------------------------------------------------------ one tick

    def judge(self, tick: int, at: int, pane: Pane) -> Judged:
        """Judge the tick's ``pane`` of this shard, at event time ``at`` (ms)."""
        pane.sort()
        names, delta = pane.accounts, pane.filled
        position = self.accounts.positions(names)
        known, records = self.accounts.rows, self.accounts.records
        for start in range(0, len(position), TOGETHER):
            some = position[start : start + TOGETHER]
            known[some] = state.merge(known[some], delta[start : start + TOGETHER])
        counters = delta["slots"]["counters"].sum(axis=1, dtype=np.uint64)
        records["requests"][position] += counters[:, state.COUNTER["requests"]]
        records["tokens_out"][position] += counters[:, state.COUNTER["tokens_out"]]
        records["seen"][position] = tick
        if self.scorer.word.allowed:
            records["allowed"][position] = [name in self.scorer.word.allowed for name in names]
        self.changed.update(names)
        if not names:
            return Judged([], np.zeros(0, np.uint64), {})
        met = np.unique(np.concatenate([delta["slots"][name].ravel() for name in MOMENTS]) & np.uint64(0xFFFFFFFF))
        self._score(position, at)
        findings: list[Finding] = [*self._verdicts(position, at, tick)]
        findings += limit_habits.of_accounts(delta, self.accounts, position, at, tick, self.settings)
        judged = Judged(findings, met, self._together(names, delta, position))
        self._bound()
        return judged

    def _together(self, names: Sequence[str], delta: Array, position: Array) -> dict[int, list[tuple[str, Array, int]]]:
        """What members of campaigns sent in the tick, for what they do together."""
        found: dict[int, list[tuple[str, Array, int]]] = {}
        numbers = self.accounts.records["campaign"][position]
        for row in np.flatnonzero(numbers).tolist():
            one = (names[row], delta[row : row + 1], int(self.accounts.rows["rpm"][position[row]]))
            found.setdefault(int(numbers[row]), []).append(one)
        return found

    def _score(self, position: Array, at: int, anew: bool = False) -> None:
        """Score the accounts at ``position`` and keep their strongest evidence; ``anew`` where a model scores them that never did."""
        for start in range(0, len(position), TOGETHER):
            self._score_some(position[start : start + TOGETHER], at, anew)

    def _score_some(self, position: Array, at: int, anew: bool) -> None:
        scorer, records = self.scorer, self.accounts.records
        view = scorer.view(self.accounts.rows[position])
        features, judged = matrix(view), view.count("requests") >= self.settings.judged_floor
        current = scorer.model.log_odds(features, scorer.summary)
        alike = np.maximum(scorer.model.resemblance(features, scorer.summary), 0.0)
        shipped = scorer.shipped.log_odds(features, scorer.summary) if scorer.context.taught else current
        records["current"][position] = np.where(judged, current, NOTHING)
        trace.note(records, position, at, current, judged)
        records["shipped"][position] = np.maximum(records["shipped"][position], np.where(judged, shipped, NOTHING))
        # what an account once was beyond what it is can only be told by the prior, whose maximum goes on whatever is taught
        once = np.where(judged, records["shipped"][position] - shipped, 0.0) if anew else 0.0
        for name, value in (("own", current + once), ("evidence", current), ("plain", current - alike + once)):
            records[name][position] = np.maximum(records[name][position], np.where(judged, value, NOTHING))

    def _verdicts(self, position: Array, at: int, tick: int) -> list[Verdict]:
        """Move levels, and say which accounts' changed."""
        settings, records, names = self.settings, self.accounts.records, self.accounts.names(position)
        mine = records[position]
        held = mine["held"].copy()
        own = self.scorer.own(mine)
        mine["evidence"] = np.maximum(mine["evidence"], own)
        standing = np.maximum(own, self.scorer.shares(names))
        if self.scorer.word.ruled:
            standing = self.scorer.as_ruled(names, self.accounts.rows[position], standing)
        asked = verdict.level_of(standing, self.scorer.context.height, settings)
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
        self.changed.update(names[row] for row in np.flatnonzero(mine["held"] != held).tolist())  # who is silent is held too
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

    def reasons(self, position: Array) -> list[list[Reason]]:
        """The strongest features of each account, or of its campaign where that is the stronger."""
        return self.scorer.reasons(self.accounts.names(position), self.accounts.rows[position], self.accounts.records[position])

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

    # ------------------------------------------------------------------------------------------------ asked at a turn

    def census(self, first: int) -> Census:
        """Count the accounts that were active in tick ``first`` or after it, as they look now."""
        rows, records = self.accounts.known()
        active = np.flatnonzero(records["seen"] >= first)
        grown = View(rows[active]).count("requests") >= self.settings.population_floor
        known, population = self.scorer.view(rows[active[grown]]), Population()
        if bool(grown.any()):
            population.observe(matrix(known))
        judged = records["own"] > NOTHING
        shipped, plain, own = (spectrum(records[name][judged]) for name in ("shipped", "plain", "own"))
        return Census(population, spectrum(records["current"][active[grown]]), shipped, plain, own)

    def near(self, least: float, most: int) -> Ranked:
        """Accounts to look at: those of evidence ``least`` or more, neither ruled on nor allowed, the strongest first."""
        _, records = self.accounts.known()
        reach = np.flatnonzero((records["current"] >= least) & (records["allowed"] == 0))
        return self._ranked([row for row in reach.tolist() if self.accounts.ids[row] not in self.scorer.word.ruled], most)

    def quiet(self, below: float, most: int) -> Ranked:
        """Judged accounts of less evidence than ``below``, those of the smallest hashes first: a sample that no order of arrival moves."""
        _, records = self.accounts.known()
        return _hashed(self.accounts.names(np.flatnonzero((records["current"] < below) & (records["current"] > NOTHING))), most)

    def linkable(self, most: int) -> Ranked:
        """Accounts that may be grouped, as they were judged and are not allowed, the strongest first."""
        return self._ranked(self._groupable().tolist(), most)

    def sample(self, most: int) -> Ranked:
        """The same, those of the smallest hashes first."""
        return _hashed(self.accounts.names(self._groupable()), most)

    def _groupable(self) -> Array:
        _, records = self.accounts.known()
        return np.flatnonzero((records["current"] > NOTHING) & (records["allowed"] == 0))

    def _ranked(self, rows: list[int], most: int) -> Ranked:
        current = self.accounts.records["current"]
        return _first([(-float(current[row]), self.accounts.ids[row]) for row in rows], most)

    def known(self, names: Sequence[str]) -> list[str]:
        """Those of ``names`` that are in this shard."""
        return [name for name in names if name in self.accounts.index]

    def everybody(self) -> list[str]:
        """All that are in this shard."""
        return self.accounts.ids

    def not_clear(self) -> dict[str, Verdict]:
        """The last verdict on each account that is not clear."""
        return self.verdicts

    def fetch(self, names: Sequence[str]) -> Named:
        """Those of ``names`` that are in this shard, in their order."""
        mine = self.known(names)
        position = self.accounts.positions(mine)
        return Named(mine, self.accounts.rows[position], self.accounts.records[position])

    def levels(self) -> list[int]:
        """How many accounts stand at each level."""
        return [int(count) for count in np.bincount(self.accounts.known()[1]["level"], minlength=len(Level))]

    # ------------------------------------------------------------------------------------------------ told at a turn

    def turn(self, context: Context, tick: int) -> None:
        """Judge in this context from tick ``tick`` on, and drop the accounts that have nothing left in their states."""
        self.scorer.turned(context)
        _, records = self.accounts.known()
        self._drop(records["seen"] < tick - 2 * GENERATION * 1000 // self.settings.tick_ms)

    def obey(self, word: Word) -> None:
        """Obey analysts' word from now on, and mark the accounts on the allow list."""
        self.scorer.obey(word)
        _, records = self.accounts.known()
        marks = np.array([account in word.allowed for account in self.accounts.ids], dtype=np.uint8)
        self.changed.update(self.accounts.ids[row] for row in np.flatnonzero(records["allowed"] != marks).tolist())
        records["allowed"] = marks

    def rescored(self, context: Context, at: int) -> None:
        """Score everybody anew, as what rulings teach has changed: the flag's height is read from that before anybody is judged by it."""
        self.scorer.turned(context)
        everybody = np.arange(len(self.accounts))
        for name in ("own", "evidence", "plain"):  # the strongest evidence so far was another model's
            self.accounts.records[name][everybody] = NOTHING
        self._score(everybody, at, anew=True)

    def relearned(self, context: Context, at: int, tick: int) -> list[Verdict]:
        """Judge everybody anew, once they are scored and the flag has its height."""
        self.scorer.turned(context)
        names = sorted(self.accounts.ids)
        everybody = self.accounts.positions(names)
        if not names:
            return []
        records = self.accounts.records
        # what campaigns lend stays theirs, with what the rulings say of them
        records["evidence"][everybody] = np.maximum(records["evidence"][everybody], self.scorer.shares(names))
        self.changed.update(names)
        return self._verdicts(everybody, at, tick)

    def grouped(self, context: Context, found: frozenset[str], at: int, tick: int) -> list[Verdict]:
        """Take over who belongs to which campaign; the groups of the accounts ``found`` were just found, and lend of their evidence."""
        self.scorer.turned(context)
        members, records = self.scorer.members, self.accounts.records
        ids, numbers = self.accounts.ids, self.accounts.known()[1]["campaign"]
        left = [row for row in np.flatnonzero(numbers).tolist() if ids[row] not in members]
        numbers[left] = 0
        self.changed.update(ids[row] for row in left)
        names = sorted(name for name in members if name in self.accounts.index)
        position = self.accounts.positions(names)
        number = np.array([members[name][0] for name in names], dtype=np.uint32)
        fresh = np.array([name in found for name in names], dtype=bool)
        self.changed.update(name for name, new in zip(names, fresh | (records["campaign"][position] != number), strict=True) if new)
        records["campaign"][position] = number
        lent = np.where(fresh, self.scorer.shares(names), NOTHING)
        records["evidence"][position] = np.maximum(records["evidence"][position], lent)
        return self._verdicts(position, at, tick) if names else []

    def erase(self, context: Context, names: set[str]) -> None:
        """Forget accounts altogether."""
        self.scorer.turned(context)
        self._drop(np.array([account in names for account in self.accounts.ids], dtype=bool))

    def leave(self, numbers: Collection[int]) -> None:
        """Know nothing any more of the shards ``numbers``, which are judged elsewhere from now on."""
        held = np.frombuffer(self.accounts.shards, np.uint8)
        self._drop(np.isin(held, list(numbers)))
        self.dropped = []

    # ------------------------------------------------------------------------------------------------ bounds and changes

    def _bound(self) -> None:
        """Let go of the least suspicious accounts where there are too many, in each shard by itself."""
        most = max(self.settings.accounts_most // SHARDS, 1)
        if len(self.accounts) <= most:
            return
        numbers = np.frombuffer(self.accounts.shards, np.uint8).astype(np.int64)
        held = np.bincount(numbers, minlength=SHARDS)
        if int(held.max()) <= most:
            return
        _, records = self.accounts.known()
        names = np.array(self.accounts.ids, dtype=object)
        # who was never judged goes first, then who has the least evidence; of equals who asked least, and was away longest
        order = np.lexsort((names, -records["seen"], -records["requests"].astype(np.int64), -records["evidence"], numbers))
        rank = np.arange(len(order)) - (np.cumsum(held) - held)[numbers[order]]
        gone = np.zeros(len(order), dtype=bool)
        gone[order[rank >= most]] = True
        self.crowded += int(gone.sum())
        self._drop(gone)

    def _drop(self, which: Array) -> None:
        if bool(which.any()):
            gone = self.accounts.forget(~which)
            self.dropped += gone
            for account in gone:
                self.verdicts.pop(account, None)
                self.changed.discard(account)

    def take_crowded(self) -> int:
        """How many accounts were let go since the last call as there were too many."""
        crowded, self.crowded = self.crowded, 0
        return crowded

    def take_changes(self) -> tuple[list[str], list[str]]:
        """(accounts changed, accounts dropped and not come again) since the last call."""
        known = self.accounts.index.keys()
        changed, dropped = sorted(self.changed & known), sorted(set(self.dropped) - known)
        self.changed, self.dropped = set(), []
        return changed, dropped


def _first(keyed: list[tuple[float, str]], most: int) -> Ranked:
    first = sorted(keyed)[:most]
    return Ranked([name for _, name in first], [key for key, _ in first], len(keyed))


def _hashed(names: Iterable[str], most: int) -> Ranked:
    return _first([(float(crc32(name.encode())), name) for name in names], most)


def merged(parts: Sequence[Ranked], most: int) -> Ranked:
    """The first over all shards."""
    every = [(key, name) for part in parts for key, name in zip(part.keys, part.names, strict=True)]
    whole = _first(every, most)
    return Ranked(whole.names, whole.keys, sum(part.total for part in parts))
