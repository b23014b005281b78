"""The keeper: what one worker holds of the accounts, and what it does with them when the judge asks.

A worker keeps the shards that fall to its partitions, all of them in memory, and reads no other accounts. It judges them when the judge,
which may be another worker, says so; what changed is staged, and written once the judge has closed the step. Whatever goes
wrong in between, the keeper loads what is stored, which is as of the newest judging that was closed.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import msgspec
import structlog
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.scorer import Scorer, Word
from siphonwatch.detector.judging.shadow import copied, fresh
from siphonwatch.detector.judging.shard import Judged, Shard
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Fenced, Moved, SiphonwatchError, Unavailable
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import PARTS, Fence, ShardJudging, Store, shards_of
from siphonwatch.streams.stores.erasing import without_erased
from siphonwatch.streams.stores.whole import by_shard
from siphonwatch.streams.worker import recovery, wire
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()

PRESENT, SHADOW = "present", "shadow"  # by which prior
OF_SHARDS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        Shard.census, Shard.near, Shard.quiet, Shard.linkable, Shard.sample, Shard.known, Shard.fetch, Shard.not_clear,
        Shard.turn, Shard.obey, Shard.rescored, Shard.relearned, Shard.grouped, Shard.erase,
    )
}  # fmt: skip


class Begun(msgspec.Struct, frozen=True):
    """How a keeper stands when a judge begins."""

    accounts: int
    lost: bool  # some accounts could not be loaded
    fresh: bool  # what it holds was loaded since this judge last began


class Staged(msgspec.Struct, frozen=True):
    """What a step has changed at a keeper."""

    shards: list[int]  # that were changed
    levels: list[int]  # how many accounts stand at each level now
    let_go: int  # accounts, as there were too many


@dataclass(slots=True)
class _Held:
    """What is in memory, by one prior."""

    shard: Shard
    moved: set[str]  # accounts whose verdicts changed in this step


class Keeper:
    """Keeps shards for one worker. Asked from the worker's own thread, and from one that listens for other workers' questions."""

    def __init__(self, store: Store, prior: Prior, settings: Settings, metrics: Metrics, shadow: Prior | None = None) -> None:
        self._store, self._prior, self._settings, self._metrics, self._shadow = store, prior, settings, metrics, shadow
        self._lock = threading.RLock()
        self._token, self._version = secrets.token_hex(6), 0
        self.name = ""  # changes whenever what is kept does
        self._assigned: tuple[frozenset[int], int] = (frozenset(), 0)
        self._fences: dict[int, Fence] = {}
        self._mark = ""  # of the judging that memory is as of ...
        self._clean = True  # ... and nothing was done to it since
        self._fresh = self._lost = False
        self._staged: tuple[str, dict[int, ShardJudging]] | None = None
        self._panes: dict[int, list[Pane]] = {}
        self._leader = ""
        self._held: dict[str, _Held] = {}
        self._empty()
        self._answered = ("", b"")
        self.place: str | None = None  # in what was said to all, from which on this keeper must hear it

    # ------------------------------------------------------------------------------------------- what is kept

    @property
    def shard(self) -> Shard:
        """The accounts, as they are judged."""
        return self._held[PRESENT].shard

    @property
    def shards(self) -> int:
        """How many shards are kept, and answered for."""
        return len(self._fences) if self.name else 0

    def _empty(self) -> None:
        self._held = {PRESENT: _Held(Shard(Scorer(self._prior, self._settings, Context(height=self._settings.flag_odds))), set())}
        self._panes, self._staged, self._leader = {}, None, ""

    def assign(self, partitions: Collection[int], count: int) -> None:
        """Keep the shards that fall to ``partitions`` of ``count``, and no others; where these are kept already, do nothing."""
        wanted = (frozenset(partitions), count)
        with self._lock:
            if wanted == self._assigned:
                return
            if not partitions:  # they may come back at once: what was kept is looked at then
                self._assigned, self.name = wanted, ""
                return
            try:
                self._assign(*wanted)
            except Moved as moved:
                log.info("shards are loaded again", why=str(moved))
            except Fenced:
                self._let_go()

    def _assign(self, partitions: frozenset[int], count: int) -> None:
        if self.place is None:
            self.place, _ = self._store.posted(None, 0.0)
        shards = {shard for partition in partitions for shard in shards_of(partition, count)}
        stays = {shard: fence for shard, fence in self._fences.items() if shard in shards}
        if self._clean and self._store.check_shards(stays):
            self._clean = False
        gone, new = self._fences.keys() - shards, shards - self._fences.keys()
        self._assigned, self.name = (frozenset(), 0), ""  # until all of this has worked, nothing is kept
        for shard in gone:
            del self._fences[shard]
        self.shard.leave(gone)
        self._version += 1
        name = f"{self._token}:{self._version}/{count}"
        clean, self._clean = self._clean and self._staged is None, False
        fences = self._store.hold(name, sorted(partitions), sorted(new))
        self._fences |= fences
        if not clean or not self._load(fences):
            self._load_all()
        self._clean = True
        self.name, self._assigned = name, (partitions, count)
        log.info("shards kept", shards=len(self._fences), accounts=len(self.shard.accounts), partitions=sorted(partitions))

    def _load_all(self) -> None:
        """Forget what is in memory, and take what is stored."""
        self._empty()
        self._clean = self._lost = False
        self._load(self._fences)
        self._clean = True

    def _load(self, fences: dict[int, Fence]) -> bool:
        """Take some shards from the store; whether they are as of the same judging as all others that are kept."""
        kept = self._store.load(fences)
        if len(fences) < len(self._fences) and kept.judged != self._mark:
            return False
        self._fresh = True
        found = recovery.restore(self._store, kept, self.shard, self._settings, len(fences) == len(self._fences))
        recovery.report(self._metrics, found.faults)
        self._mark, self._lost = kept.judged, self._lost or found.lost
        if found.derived and not found.lost:
            self._rewrite({shard for shard in found.derived if shard in self._fences})
        return True

    def _rewrite(self, shards: Collection[int]) -> None:
        """Write shards anew from memory."""
        shard, height = self.shard, self.shard.scorer.context.height
        names = sorted(account for account in shard.accounts.ids if shard_of(account) in shards)
        verdicts = {name: shard.verdicts[name] for name in names if name in shard.verdicts}
        whole = by_shard(snapshot.pack_accounts(shard.accounts, names), [], verdicts, height)
        self._store.rewrite(self._fences, {number: ShardJudging(height=height) for number in shards} | whole)

    def check(self) -> None:
        """See whether the store is as this keeper left it; what is not is written again from memory.

        In the middle of a step it says no more than who it is: no judge would find it again to have it load what is stored.
        """
        if not self._lock.acquire(blocking=False):
            return  # a judge asks just now
        try:
            partitions, _ = self._assigned
            if not partitions:
                return
            try:
                faults = self._store.check_shards(self._fences)
            except Fenced:
                log.warning("another worker keeps some of these shards by now")
                self._let_go()
                return
            if faults and self._clean and self._staged is None and not self._lost:  # or what is lost would look as if it were whole
                recovery.report(self._metrics, [fault for _, fault in faults])
                self._rewrite({shard for shard, _ in faults})
            owners = self._store.owners().of
            if any(owners.get(partition) != self.name for partition in partitions):
                self._store.hold(self.name, sorted(partitions), [])
        finally:
            self._lock.release()

    def _let_go(self) -> None:
        self._assigned, self.name, self._fences = (frozenset(), 0), "", {}
        self._empty()
        self._mark, self._clean = "", True

    def leave(self) -> None:
        """Keep nothing any more, and say so where the store answers."""
        try:
            if self.name:
                self._store.resign(self.name)
        except Unavailable:
            log.info("left without a word: the store does not answer")

    # ------------------------------------------------------------------------------------------- what a judge asks

    def begin(self, leader: str, mark: str) -> Begun:
        """Be as of the judging ``mark``, for a judge who begins, or goes on after something went wrong."""
        if self._staged is not None and self._staged[0] == mark:
            self.apply(mark)
        if not self._clean or self._staged is not None or self._mark != mark:
            self._load_all()
        if self._mark != mark:
            raise Moved(f"the newest judging is {self._mark}, not {mark}")
        if leader != self._leader:
            self._leader = leader
            self.shard.scorer.word = Word()
            self._fresh = True
        if self._shadow is not None and self._fresh:
            self._begin_shadow(self._shadow)
        begun, self._fresh = Begun(len(self.shard.accounts), self._lost, self._fresh), False
        return begun

    def _begin_shadow(self, prior: Prior) -> None:
        """A shadow begins with what the accounts are, and with no evidence: nothing of it is stored."""
        shadow = Shard(Scorer(prior, self._settings, Context(height=self._settings.flag_odds)))
        names = list(self.shard.accounts.ids)
        shadow.accounts.put(names, *fresh(self.shard.accounts, names))
        self._held[SHADOW] = _Held(shadow, set())

    def clear(self) -> None:
        """Begin anew without any account, in memory and in the store."""
        self._empty_but_leader()
        self._clean, self._lost = False, False
        for fence in self._fences.values():
            fence.mark = ""
        self._store.rewrite(self._fences, {shard: ShardJudging() for shard in self._fences})

    def _empty_but_leader(self) -> None:
        leader = self._leader
        self._empty()
        self._leader = leader
        if self._shadow is not None:
            self._begin_shadow(self._shadow)

    def settle(self) -> None:
        """Go on with what could be loaded, as nothing can bring back the rest."""
        self._lost = False
        self._rewrite(self._fences.keys())

    def read(self, wanted: list[tuple[int, int, dict[int, int]]], erased: dict[str, float]) -> None:
        """Read those parts of panes (partition, tick, rows in each part) that are of accounts kept here, less those that were erased."""
        parts = {shard % PARTS for shard in self._fences}
        mine = [(partition, tick, {part: count for part, count in rows.items() if part in parts}) for partition, tick, rows in wanted]
        mine = [each for each in mine if each[2]]
        self._panes = {tick: [] for _, tick, _ in wanted}
        for (_, tick, _), pane in zip(mine, self._store.panes(mine), strict=True):
            pane.leave_out(without_erased(pane.accounts, erased, tick * self._settings.tick_ms / 1000))
            self._panes[tick].append(pane)

    def gone(self, erased: dict[str, float], closed: float) -> list[str]:
        """Accounts that were erased since they were last seen; ``closed`` is the event time up to which all was judged, epoch seconds."""
        return sorted(without_erased(self.shard.everybody(), erased, closed))

    def judge(self, which: str, tick: int, at: int) -> Judged:
        """Judge a tick that was read, by one of the priors."""
        first = which == PRESENT and self._shadow is not None  # who merges panes into one another has a copy
        panes = copied(self._panes[tick]) if first else self._panes.pop(tick)
        pane = panes.pop(0) if panes else Pane()
        while panes:  # each is let go of as soon as it is merged
            other = panes.pop(0)
            pane.add(other.accounts, other.filled)
        self._clean = False
        held = self._held[which]
        judged = held.shard.judge(tick, at, pane)
        held.moved.update(one.account_id for one in judged.findings if isinstance(one, Verdict))
        return judged

    def _of_shard(self, which: str, call: str, values: dict[str, Any]) -> Any:
        self._clean = False
        held = self._held[which]
        answer = OF_SHARDS[call](held.shard, **values)
        if call in ("relearned", "grouped"):
            held.moved.update(one.account_id for one in answer)
        return answer

    def stage(self, mark: str) -> Staged:
        """Put down what the step has changed, for the judging ``mark``."""
        held, shard, self._panes = self._held[PRESENT], self.shard, {}
        changed, dropped = shard.take_changes()
        verdicts = {account: shard.verdicts.get(account) for account in changed if account in shard.verdicts or account in held.moved}
        changes = by_shard(
            snapshot.pack_accounts(shard.accounts, changed), dropped, {**dict.fromkeys(dropped), **verdicts}, shard.scorer.context.height
        )
        self._clean, self._staged = False, (mark, changes)
        for each in self._held.values():
            each.moved.clear()
        if SHADOW in self._held:
            self._held[SHADOW].shard.take_changes()
        self._store.stage(mark, self._fences, changes)
        return Staged(sorted(changes), shard.levels(), shard.take_crowded())

    def apply(self, mark: str) -> None:
        """Write what was staged, as the judging was closed."""
        if self._staged is None and self._clean and self._mark == mark:
            return  # it was asked for a second time
        if self._staged is None or self._staged[0] != mark:
            raise Moved(f"nothing was staged of judging {mark}")
        _, changes = self._staged
        faults = self._store.apply(mark, self._fences, changes)
        self._staged, self._mark, self._clean = None, mark, True
        recovery.report(self._metrics, [fault for _, fault in faults])
        if faults:
            for shard, _ in faults:
                if shard in changes:
                    self._fences[shard].mark = mark
            self._rewrite({shard for shard, _ in faults})

    # ------------------------------------------------------------------------------------------- how it is asked

    def asked(self, name: str, leader: str, which: str, call: str, values: dict[str, Any]) -> Any:
        """Do what the judge ``leader`` asks of ``name``: of this keeper, or of its shard by one of the priors."""
        with self._lock:
            if name != self.name:
                raise Moved("other shards are kept here by now")
            if call != "begin" and leader != self._leader:
                raise Moved("another worker judges by now")
            try:
                return CALLS[call](self, **values) if call in CALLS else self._of_shard(which, call, values)
            except Fenced as fenced:
                self._let_go()
                raise Moved(str(fenced)) from fenced

    def message(self, said: bytes) -> tuple[str, bytes] | None:
        """What to answer to a question of another worker's judge, and where; nothing where this keeper is not among those who are asked."""
        ask = msgspec.msgpack.decode(said, type=wire.Ask)
        with self._lock:
            name = self.name
            if not name or name not in ask.of:
                return None
            if ask.id == self._answered[0]:  # the answer was lost: nothing is done twice
                return self._answered
            try:
                function = CALLS.get(ask.call) or OF_SHARDS[ask.call]
                value = self.asked(name, ask.leader, ask.which, ask.call, wire.values(function, ask.values))
                answer = wire.Answer(name, msgspec.Raw(wire.packed(value)))
            except SiphonwatchError as error:
                answer = wire.Answer(name, error=wire.failed(error))
            except Exception as error:
                log.exception("what a judge asked for failed", call=ask.call)
                answer = wire.Answer(name, error=wire.failed(error))
            self._answered = (ask.id, msgspec.msgpack.encode(answer))
            return self._answered


# what may be asked of a keeper; everything else that may be asked is of its shard
CALLS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (
        Keeper.begin, Keeper.clear, Keeper.settle, Keeper.read, Keeper.gone, Keeper.judge, Keeper.stage, Keeper.apply,
    )
}  # fmt: skip
