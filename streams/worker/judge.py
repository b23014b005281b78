"""The judge: one worker of the group closes ticks over all partitions and judges the accounts.

A tick is due when every partition's own order has passed it. Its panes are sealed, merged, judged and written with everything
that follows from them in one step; what must be sent stands in an outbox until it was sent. Whoever owns partition 0
judges; two that both believe so are told apart by the store's epoch.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shadow import copied, difference, fresh
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts import finding
from siphonwatch.detector.verdicts.account import Level, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Judging, Position, Store
from siphonwatch.streams.stores.erasing import without_erased
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()
MOST_TICKS = 64  # judged in one step: bounds what one write holds


def due(positions: list[tuple[Position | None, int]], tick_ms: int, now_ms: int, lateness_ms: int) -> int:
    """The newest tick that no partition's order lets events into any more, ``UNSEALED`` where there is none.

    A partition that was read to its end and is silent does not hold the others back. Where all are silent, wall time stands
    in for the events that do not come: a tick whose end has passed on the wall clock is due.
    """
    known = [position for position, _ in positions if position is not None]
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
        now: Callable[[], float] = time.time, shadow: Prior | None = None,
    ) -> None:  # fmt: skip
        self._store, self._sinks, self._metrics, self._now = store, sinks, metrics, now
        self._settings = settings
        lead = store.lead()
        self._epoch = lead.epoch
        self.engine: Engine = snapshot.restore(prior, settings, lead.context, lead.accounts, lead.values, lead.verdicts)
        self._shadow = Engine(shadow, settings) if shadow is not None else None
        if self._shadow is not None:  # begins with what the accounts are, and with no evidence: nothing of it is stored
            self._shadow.accounts.put(lead.accounts, *fresh(self.engine, lead.accounts))
            self._shadow.context.closed = self.engine.context.closed
        self._outbox = lead.outbox
        self._undropped: dict[int, list[int]] = {}
        log.info("judging", accounts=len(lead.accounts), closed=self.engine.context.closed)
        self._send()

    def step(self, partitions: int) -> int:
        """Judge every tick that is due, up to ``MOST_TICKS``; how many were. ``Fenced`` where another judges now."""
        store, settings, engine = self._store, self._settings, self.engine
        now_ms = int(self._now() * 1000)
        tick = due(store.positions(partitions), settings.tick_ms, now_ms, settings.lateness_ms)
        if tick <= engine.context.closed:
            return 0
        started = time.perf_counter()
        panes: dict[int, list[Pane]] = {}
        for partition in range(partitions):
            for each, pane in store.seal(partition, tick):
                if each > engine.context.closed:
                    panes.setdefault(each, []).append(pane)
                self._undropped.setdefault(partition, []).append(each)
        self._erase(store.erased(), panes)
        engine.hear(store.rulings())
        ticks = sorted(panes)
        for start in range(0, len(ticks), MOST_TICKS):
            self._judge(ticks[start : start + MOST_TICKS], panes)
        for partition in list(self._undropped):
            store.drop(partition, self._undropped[partition])
            del self._undropped[partition]
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
        moved = {one.account_id for one in verdicts}
        hashes = {account: engine.verdicts.get(account) for account in changed if account in engine.verdicts or account in moved}
        findings = [finding.encode(one) for one in found]
        self._store.judged(
            self._epoch,
            Judging(
                context=snapshot.pack_context(engine),
                accounts=snapshot.pack_accounts(engine, changed),
                dropped=dropped,
                verdicts={**dict.fromkeys(dropped), **hashes},
                findings=[(one.subject, sent) for one, sent in zip(found, findings, strict=True)],
                height=engine.context.height,
                placed=engine.teaching.take_placed(),
            ),
        )
        self._outbox += findings
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
            self._store.sent(len(self._outbox))
            self._outbox = []
