"""The judge: one worker of the group closes ticks over all partitions and judges the accounts.

A tick is due when every partition's own order has passed it. Its panes are sealed, merged, judged and written with everything
that follows from them in one step; what must be sent stands in an outbox until it was sent. Whoever owns partition 0
judges; two that both believe so are told apart by the store's epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence

import structlog
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shadow import copied, difference, fresh
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.errors import Behind, Fenced, Unavailable
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Fault, Judging, Progress, Store
from siphonwatch.streams.stores.erasing import digest, without_erased
from siphonwatch.streams.worker import recovery
from siphonwatch.streams.worker.held import Held
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()
CHECK_SECONDS = 2.0  # between two looks at whether the store is as it was left ...
RULINGS_SECONDS = 10.0  # ... and whether it has the rulings
MOST_TICKS = 64  # judged in one step: bounds what one write holds


def due(positions: Sequence[Progress], tick_ms: int, now_ms: int, lateness_ms: int) -> int:
    """The newest tick that no partition's order lets events into any more, ``UNSEALED`` where there is none.

    A partition that was read to its end and is silent does not hold the others back. Where all are silent, wall time stands
    in for the events that do not come: a tick whose end has passed on the wall clock is due.
    """
    known = [progress.position for progress in positions if progress.position is not None]
    if len(known) < len(positions):
        return UNSEALED
    busy = [position.watermark for position in known if not position.idle]
    if busy:
        return min(busy) - 1
    newest = max((position.last for position in known), default=UNSEALED)
    return min(newest, (now_ms - lateness_ms) // tick_ms - 1)


class Judge:
    """Owns the judging as long as the store agrees."""

    def __init__(
        self, store: Store, sinks: Sinks, metrics: Metrics, prior: Prior, settings: Settings,
        now: Callable[[], float] = time.time, shadow: Prior | None = None, partitions: int = 1, reaches: Callable[[], bool] = lambda: True,
    ) -> None:  # fmt: skip
        self._store, self._sinks, self._metrics, self._now = store, sinks, metrics, now
        self._settings = settings
        lead = store.lead()
        self._fence, self._outbox = lead.fence, lead.outbox
        self._read: list[int] = []
        self._pending: Judging | None = None  # it was written, but the store did not say so
        self._doubt = False  # whether the store may not be as this judge left it
        self._checked = self._ruled = time.monotonic()
        self._held = Held()
        found = recovery.restore(store, lead, store.positions(partitions), prior, settings)
        self.engine: Engine = found.engine
        recovery.report(metrics, found.faults)
        if found.lost and (found.empty or reaches()):
            log.error("judging begins anew, and the log is read again from its start: accounts were lost", accounts=len(lead.accounts))
            self.engine = Engine(prior, settings)
            for partition in range(partitions):
                store.rewind(partition)
        elif found.lost:
            gone = "the log no longer reaches back to what lost accounts sent: they begin anew"
            recovery.report(metrics, [Fault("gone", "accounts", gone)])
        if found.lost or found.derived:
            self._write_all()
        self._shadow = Engine(shadow, settings) if shadow is not None else None
        if self._shadow is not None:  # begins with what the accounts are, and with no evidence: nothing of it is stored
            names = list(self.engine.accounts.ids)
            self._shadow.accounts.put(names, *fresh(self.engine, names))
            self._shadow.context.closed = self.engine.context.closed
        log.info("judging", accounts=len(self.engine.accounts), closed=self.engine.context.closed)
        self._send()

    def doubt(self) -> None:
        """Look at the store before going on: it was away, and may not be as it was."""
        self._doubt = True

    def step(self, partitions: int) -> int:
        """Judge every tick that is due, up to ``MOST_TICKS``; how many were. ``Fenced`` where another judges now."""
        try:
            if self._doubt:
                self._resume()
            return self._step(self._store.positions(partitions))
        except Behind as error:
            recovery.report(self._metrics, [Fault(error.kind, error.what, str(error))])
            self._doubt = True
            return 0
        except Unavailable:
            self._doubt = True
            raise

    def _resume(self) -> None:
        """Go on with what is in memory: the store has it, or gets it."""
        if self._pending is None:
            try:
                self._store.check(self._fence)
                self._doubt = False
                return
            except Behind as error:
                recovery.report(self._metrics, [Fault(error.kind, error.what, str(error))])
        lead = self._store.lead(load=False)  # finishes what was closed
        before, self._fence = self._fence, lead.fence
        if lead.found.epoch > before.epoch:
            raise Fenced("another worker judged meanwhile")
        same = lead.found.epoch == before.epoch and not lead.faults
        if same and self._pending is not None and lead.found.mark == before.tried:
            self._written()
        elif same and self._pending is not None and lead.found.mark == before.mark:
            self._write(self._pending)
        else:
            recovery.report(self._metrics, lead.faults)
            log.warning("writing everything that was judged again", accounts=len(self.engine.accounts), closed=self.engine.context.closed)
            self._write_all()
        self._doubt = False

    def _write_all(self) -> None:
        findings = self._pending.findings if self._pending is not None else []
        self._write(recovery.everything(self.engine, self._store, findings, self._read))

    def _write(self, judging: Judging) -> None:
        self._pending = judging
        self._store.judged(self._fence, judging)
        self._written()

    def _written(self) -> None:
        if self._pending is not None:
            self._outbox += [finding for _, finding in self._pending.findings]
        self._pending = None

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
        panes: dict[int, list[Pane]] = {}
        held = []
        for partition in range(len(progress)) if tick > closed else again:
            found, old = store.seal(partition, tick, progress[partition].mark, closed)
            for each_tick, pane in found:
                panes.setdefault(each_tick, []).append(pane)
            held += [(partition, each_tick, len(pane.index)) for each_tick, pane in found]
            held += [(partition, each_tick, 0) for each_tick in old]
        judged = self._judge_due(panes, progress)
        for each_held in held:
            self._held.add(*each_held)
        return judged

    def _judge_due(self, panes: dict[int, list[Pane]], progress: list[Progress]) -> int:
        started, engine = time.perf_counter(), self.engine
        ticks = sorted(panes)
        if ticks:
            erased = self._store.erased()
            self._erase(erased, panes)
            engine.hear(self._rulings(erased))
            self._read = [each.position.offset if each.position else 0 for each in progress]
        for start in range(0, len(ticks), MOST_TICKS):
            self._judge(ticks[start : start + MOST_TICKS], panes)
        if ticks:
            self._metrics.judging.observe(time.perf_counter() - started)
        return len(ticks)

    def _erase(self, erased: dict[str, float], panes: dict[int, list[Pane]]) -> None:
        """Let go of accounts that were erased since they were last seen, and of what open panes still hold of them."""
        if not erased:
            return
        engines = [self.engine, *([self._shadow] if self._shadow is not None else [])]
        closed = (self.engine.context.closed + 1) * self._settings.tick_ms / 1000
        for engine in engines:
            if gone := without_erased(engine.named, erased, closed):
                engine.erase(gone)
        for tick, found in panes.items():
            for pane in found:
                pane.leave_out(without_erased(pane.accounts, erased, tick * self._settings.tick_ms / 1000))

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

    def _judge(self, ticks: list[int], panes: dict[int, list[Pane]]) -> None:
        engine = self.engine
        found = []
        for tick in ticks:
            beside = copied(panes[tick]) if self._shadow is not None else []
            found += engine.close(tick, panes[tick])
            if self._shadow is not None:
                self._shadow.close(tick, beside)
        verdicts = [one for one in found if isinstance(one, Verdict)]
        changed, dropped = engine.take_changes()
        if let_go := engine.take_crowded():
            self._metrics.let_go.inc(let_go)
            log.warning("too many accounts: the least suspicious were let go", accounts=let_go, most=engine.settings.accounts_most)
        moved = {one.account_id for one in verdicts}
        hashes = {account: engine.verdicts.get(account) for account in changed if account in engine.verdicts or account in moved}
        findings = [finding.encode(one) for one in found]
        self._write(
            Judging(
                context=snapshot.pack_context(engine),
                accounts=snapshot.pack_accounts(engine, changed),
                dropped=dropped,
                verdicts={**dict.fromkeys(dropped), **hashes},
                findings=[(one.subject, sent) for one, sent in zip(found, findings, strict=True)],
                height=engine.context.height,
                placed=engine.teaching.take_placed(),
                closed=engine.context.closed,
                read=self._read,
            )
        )
        self._metrics.ticks.inc(len(ticks))
        self._metrics.verdict_time.set((ticks[-1] + 1) * self._settings.tick_ms / 1000)
        self._metrics.verdict_wall.set(self._now())
        self.observe(found)
        self._send()

    def observe(self, found: list[Finding]) -> None:
        """Count what was found, and how all accounts stand now."""
        metrics, context, flagged = self._metrics, self.engine.context, (Level.THROTTLE.word, Level.BLOCK.word)
        metrics.height.set(context.height)
        metrics.drift.set(context.drifting)
        metrics.campaigns.set(len(context.campaigns))
        if self._shadow is not None:
            differ = difference(self.engine, self._shadow)
            for by in ("both", "only_present", "only_shadow"):
                metrics.shadow.labels(by).set(len(getattr(differ, by)))
        for one in found:
            metrics.findings.labels(one.__struct_config__.tag).inc()
            if isinstance(one, CampaignVerdict):
                metrics.new_campaigns.inc(one.previous == Level.CLEAR.word)
            elif isinstance(one, Verdict):
                metrics.changes.labels(one.level).inc()
                metrics.flagged.inc(one.level in flagged and one.previous not in flagged)
        _, records = self.engine.accounts.known()
        for level in Level:
            metrics.accounts.labels(level.word).set(int((records["level"] == int(level)).sum()))

    def _send(self) -> None:
        """Send what stands in the outbox; it stays there until that has worked."""
        if self._outbox:
            self._sinks.verdicts(self._outbox)
            self._store.sent(self._fence, len(self._outbox))
            self._outbox = []
