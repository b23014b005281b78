"""The judge: one worker of the group closes ticks over all partitions, and asks those who keep the accounts to judge them.

A tick is due when every partition's own order has passed it. Its panes are sealed; keepers read their parts, judge, and stage what
changed; and one small write closes the step with everything that follows from it. What must be sent stands in an outbox until it was
sent. Whoever owns partition 0 judges; two that both believe so are told apart by the store's epoch.
"""

from __future__ import annotations

import contextlib
import secrets
import threading
import time
from collections.abc import Callable, Collection
from functools import partial

import structlog
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.scorer import Word
from siphonwatch.detector.judging.shadow import difference
from siphonwatch.detector.judging.shard import Shard
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Unavailable
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Fault, Judging, Lead, Progress, Store
from siphonwatch.streams.stores.erasing import digest, without_erased
from siphonwatch.streams.worker import recovery
from siphonwatch.streams.worker.due import Panes, due, steps
from siphonwatch.streams.worker.held import Held
from siphonwatch.streams.worker.keeper import PRESENT, SHADOW, Keeper, Staged
from siphonwatch.streams.worker.keepers import Keepers
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()
CHECK_SECONDS = 2.0  # between two looks at whether the store is as it was left ...
RULINGS_SECONDS = 10.0  # ... and whether it has the rulings


class Judge:
    """Owns the judging as long as the store agrees."""

    def __init__(
        self, store: Store, sinks: Sinks, metrics: Metrics, prior: Prior, settings: Settings, keeper: Keeper,
        now: Callable[[], float] = time.time, shadow: Prior | None = None, reaches: Callable[[], bool] = lambda: True,
        stopping: threading.Event | None = None,
    ) -> None:  # fmt: skip
        self._stopping = stopping or threading.Event()
        self._store, self._sinks, self._metrics, self._now = store, sinks, metrics, now
        self._prior, self._settings, self._keeper, self._shadow_prior, self._reaches = prior, settings, keeper, shadow, reaches
        self._token, self._steps = secrets.token_hex(6), 0
        self._pending: Judging | None = None  # it was staged, and is not closed as far as is known
        self._doubt = False  # whether the store may not be as this judge left it
        self._checked = self._ruled = time.monotonic()
        self._lead()
        self._send()

    def _next(self) -> str:
        """A name like no other, of a step or of an engine."""
        self._steps += 1
        return f"{self._token}-{self._steps}"

    def _lead(self) -> None:
        """Own the judging, and begin with what is stored of it."""
        lead = self._store.lead()
        context, faults = recovery.context_of(self._store, lead, self._settings)
        recovery.report(self._metrics, faults)
        self._outbox = lead.outbox
        self._context_lost = any(fault.what == "context" for fault in faults)
        self._take(lead, context or Context(height=self._settings.flag_odds))

    def _take(self, lead: Lead, context: Context) -> None:
        """Judge with an engine that begins in ``context``."""
        self._fence, self._judged, self._table, self._read = lead.fence, lead.judged, lead.shards, lead.read
        self._keepers = Keepers(self._store, self._keeper, self._next(), self._stopping)
        self.engine = Engine(self._prior, self._settings, context, self._keepers.by(PRESENT))
        self._shadow: Engine | None = None
        if self._shadow_prior is not None:
            self._shadow = Engine(self._shadow_prior, self._settings, shards=self._keepers.by(SHADOW), queued=False)
            self._shadow.context.closed = context.closed
        self._held = Held()  # anew: what an earlier lead has judged may be to be judged again
        self._led, self._begun, self._midway, self._pending = True, False, False, None

    # --------------------------------------------------------------------------------------------- one step

    def doubt(self) -> None:
        """Look at the store before going on: it was away, and may not be as it was."""
        self._doubt = True

    def step(self, partitions: int) -> int:
        """Judge every tick that is due; how many were. ``Fenced`` where another judges now."""
        try:
            if not self._led:
                self._lead_again()
            if self._doubt and not self._resume(partitions):
                return 0
            progress = self._store.positions(partitions)
            if not self._begun and not self._begin(progress):
                return 0
            return self._step(progress)
        except Moved as moved:
            log.info("this step is begun again", why=str(moved))
            self._abandon()
            return 0
        except Behind as error:
            recovery.report(self._metrics, [Fault(error.kind, error.what, str(error))])
            self._stumble()
            return 0
        except Unavailable:
            self._stumble()
            raise

    def _stumble(self) -> None:
        """Something went wrong: a step that was staged may be closed yet, any other is dropped."""
        if self._midway and self._pending is None:
            self._abandon()
            return
        self._doubt = True

    def _abandon(self) -> None:
        """Begin again from what is stored, at the next step: keepers load what they have to."""
        self._led = self._begun = self._midway = self._doubt = False
        self._pending = None

    def _lead_again(self) -> None:
        with contextlib.suppress(Behind):  # but not where another leads by now
            self._store.check(self._fence)
        self._lead()

    def _resume(self, partitions: int) -> bool:
        """Go on with what is in memory: the store has it, or gets it. Whether all is well now."""
        faults: list[Fault] = []
        if self._pending is None:
            try:
                self._store.check(self._fence)
                self._doubt = False
                return True
            except Behind as error:
                faults = [Fault(error.kind, error.what, str(error))]
        same = self._keepers.same(partitions)
        if same is None:
            return False  # some of the shards have nobody who keeps them just now
        recovery.report(self._metrics, faults)
        lead, before = self._store.lead(), self._fence  # finishes what was closed
        self._fence = lead.fence
        if lead.found.epoch > before.epoch:
            raise Fenced("another worker judged meanwhile")
        recovery.report(self._metrics, lead.faults)
        if not same and self._pending is not None:
            raise Moved("shards moved to another worker")
        if self._pending is not None and lead.judged == self._pending.mark:
            self._written()
        elif self._pending is not None:
            self._pending.moves = self._keepers.moves
            self._close(self._pending)
        elif lead.judged != self._judged or lead.context is None:
            log.warning("what was judged is written again", closed=self.engine.context.closed)
            self._keepers.gather(partitions)
            self._pending = self._judging(self._judged, [])
            self._close(self._pending)
            self._begun = False
        self._doubt = False
        return True

    def _begin(self, progress: list[Progress]) -> bool:
        """Have all accounts kept as of the newest judging; nothing is done while some have no keeper."""
        if not self._keepers.gather(len(progress)):
            return False
        begun = self._keepers.begin(self._judged)
        accounts = sum(each.accounts for each in begun)
        lost = any(each.lost for each in begun)
        judged = accounts > 0 or lost or any(each.dropped >= 0 for each in progress)
        if not self._judged and judged and not self._context_lost:
            recovery.report(self._metrics, [Fault("missing", "context", "judge")])
            self._context_lost = True
        if self._context_lost or lost:
            empty = self._context_lost or accounts == 0
            if not empty and any(each.position is None for each in progress):
                return False  # whoever claims that partition says how far back the log reaches
            self._go_on_without(empty, accounts, len(progress))
        if any(each.fresh for each in begun) and self.engine.scorer.word != Word():
            self.engine.shards.all(partial(Shard.obey, word=self.engine.scorer.word))
        self._begun = True
        self._store.announce(self._fence)
        self._metrics.leads.set(1)
        log.info("judging", accounts=accounts, closed=self.engine.context.closed, keepers=len(begun))
        return True

    def _go_on_without(self, empty: bool, accounts: int, partitions: int) -> None:
        """Accounts were lost: read all again where the log still reaches back to what they sent."""
        self._midway = True
        anew = empty or self._reaches()
        if anew:
            log.error("judging begins anew, and the log is read again from its start: accounts were lost", accounts=accounts)
            context = Context(height=self._settings.flag_odds)
            self.engine = Engine(self._prior, self._settings, context, self._keepers.by(PRESENT))
            self._keepers.clear()
            self._table = [""] * len(self._table)
        else:
            gone = "the log no longer reaches back to what lost accounts sent: they begin anew"
            recovery.report(self._metrics, [Fault("gone", "accounts", gone)])
            self._keepers.settle()
        self._context_lost = False
        self._finish(self._stage(), [])
        for partition in range(partitions if anew else 0):  # once that is closed: who reads it again asks how far it was judged
            self._store.rewind(partition)

    def _step(self, progress: list[Progress]) -> int:
        store, settings, engine = self._store, self._settings, self.engine
        if time.monotonic() - self._checked > CHECK_SECONDS or self._held.due():
            store.check(self._fence)
            self._checked = time.monotonic()
            for partition, ticks in self._held.take().items():
                store.drop(partition, ticks)
            if time.monotonic() - self._ruled > RULINGS_SECONDS:
                self._rulings(store.erased())
        closed = engine.context.closed
        for partition, each in enumerate(progress):
            if each.dropped > closed:  # the judging fell back further than panes are held
                store.rewind(partition)
                raise Behind(f"panes of partition {partition} were dropped that are to be judged again", "pane", partition, "missing")
        tick = max(due(progress, settings.tick_ms, int(self._now() * 1000), settings.lateness_ms), closed)
        # beside what is due: a closing that the store has lost, once the partition is there again
        again = [at for at, each in enumerate(progress) if each.sealed < closed and each.position and each.position.watermark > closed]
        panes: Panes = {}
        held = []
        for partition in range(len(progress)) if tick > closed else again:
            found, old = store.seal(partition, tick, progress[partition].mark, closed)
            for each_tick, rows in found.items():
                panes.setdefault(each_tick, []).append((partition, rows))
            held += [(partition, each_tick, sum(rows.values())) for each_tick, rows in found.items()]
            held += [(partition, each_tick, 0) for each_tick in old]
        judged = self._judge_due(panes, progress)
        for each_held in held:
            self._held.add(*each_held)
        return judged

    def _judge_due(self, panes: Panes, progress: list[Progress]) -> int:
        if not panes:
            return 0
        started = time.perf_counter()
        if not self._keepers.same(len(progress)):
            raise Moved("shards moved to another worker")
        erased = self._store.erased()
        self.engine.hear(self._rulings(erased))
        self._read = [each.position.offset if each.position else 0 for each in progress]
        for ticks in steps(panes):
            self._judge(ticks, panes, erased)
        self._metrics.judging.observe(time.perf_counter() - started)
        return len(panes)

    def _judge(self, ticks: list[int], panes: Panes, erased: dict[str, float]) -> None:
        self._keepers.read([(partition, tick, rows) for tick in ticks for partition, rows in panes[tick]], erased)
        self._midway = True
        self._erase(erased)
        found = []
        for tick in ticks:
            found += self.engine.close(tick, [])
            if self._shadow is not None:
                self._shadow.close(tick, [])
        self._finish(self._stage(), found)
        self._metrics.ticks.inc(len(ticks))
        self._metrics.verdict_time.set((ticks[-1] + 1) * self._settings.tick_ms / 1000)
        self._metrics.verdict_wall.set(self._now())
        self._send()

    def _erase(self, erased: dict[str, float]) -> None:
        """Let go of accounts that were erased since they were last seen."""
        if not erased:
            return
        closed = (self.engine.context.closed + 1) * self._settings.tick_ms / 1000
        gone = self._keepers.gone(erased, closed) | without_erased(self.engine.context.named, erased, closed)
        for engine in (self.engine, self._shadow):
            if engine is not None and gone:
                engine.erase(gone)

    # --------------------------------------------------------------------------------------------- writing it

    def _stage(self) -> tuple[str, list[Staged]]:
        """Have keepers put down what has changed; under which mark."""
        mark = self._next()
        return mark, self._keepers.stage(mark)

    def _judging(self, mark: str, findings: list[tuple[str, bytes]]) -> Judging:
        return Judging(
            mark, snapshot.pack_context(self.engine), findings, self.engine.teaching.take_placed(), self.engine.context.closed, self._read,
            list(self._table), self._keepers.moves,
        )  # fmt: skip

    def _finish(self, staged: tuple[str, list[Staged]], found: list[Finding]) -> None:
        """Close the step, and have it applied."""
        mark, parts = staged
        for each in parts:
            for shard in each.shards:
                self._table[shard] = mark
        self._pending = self._judging(mark, [(one.subject, finding.encode(one)) for one in found])
        self._close(self._pending)
        let_go = sum(each.let_go for each in parts)
        if let_go:
            self._metrics.let_go.inc(let_go)
            log.warning("too many accounts: the least suspicious were let go", accounts=let_go, most=self._settings.accounts_most)
        self._metrics.judged(self.engine.context, found, {level: sum(each.levels[level] for each in parts) for level in Level})
        if self._shadow is not None:
            self._metrics.compared(difference(self.engine, self._shadow))

    def _close(self, judging: Judging) -> None:
        self._store.judged(self._fence, judging)
        self._written()

    def _written(self) -> None:
        """The step is closed, and counts; what is left of it is no more than writing it down."""
        if self._pending is None:
            return
        self._outbox += [told for _, told in self._pending.findings]
        self._judged, self._pending, self._midway, self._begun = self._pending.mark, None, False, False
        self._keepers.apply(self._judged)
        self._begun = True
        self._store.announce(self._fence)

    def _rulings(self, erased: Collection[str]) -> list[Ruling]:
        """What stands, after those were put back that were heard once and that the store has lost."""
        self._ruled = time.monotonic()
        heard, rulings = self.engine.teaching.rulings, self._store.rulings()
        known = {ruling.id for ruling in rulings}
        lost = [
            ruling
            for ruling in heard
            if ruling.id not in known and not any(digest(each) in erased for each in (ruling.subject, *ruling.accounts, *ruling.others))
        ]
        if lost and (kept := self._store.keep(lost)):
            recovery.report(self._metrics, [Fault("missing", "ruling", f"{kept} rulings, which were put back")])
            rulings = self._store.rulings()
        return rulings

    def _send(self) -> None:
        """Send what stands in the outbox; it stays there until that has worked."""
        if self._outbox:
            self._sinks.verdicts(self._outbox)
            self._store.sent(self._fence, len(self._outbox))
            self._outbox = []
