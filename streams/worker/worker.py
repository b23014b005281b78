"""The worker: poll, decode, fold, commit; and, in one worker of the group, judge.

Never lost, never twice: a partition's rows and the offset after them are one write, and a partition is always read on from the
offset found beside its rows. Whatever goes wrong, the worker forgets what it holds of the partition, loads what is
stored, and reads again from there.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common.errors import Fenced, Sealed, Unavailable
from siphonwatch.streams.formats import Decoder
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.base import Records, Source
from siphonwatch.streams.stores.base import Position, Store
from siphonwatch.streams.worker.judge import Judge
from siphonwatch.streams.worker.metrics import Metrics

log = structlog.get_logger()

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds; pauses double between them while something is away
FENCED_PAUSE = 0.5  # seconds for the news of a rebalance to arrive, before a partition is claimed back from its new owner


@dataclass(slots=True)
class Health:
    """What ``/readyz`` tells."""

    ready: bool = False
    waiting_for: str = "the first assignment of partitions"
    partitions: list[int] = field(default_factory=list)
    judging: bool = False
    features_off: list[str] = field(default_factory=list)  # nothing read so far holds what they need
    not_logged: list[str] = field(default_factory=list)  # fields that no record had so far
    shares: dict[str, float] = field(default_factory=dict)  # of the requests that hold each field
    unread: dict[str, int] = field(default_factory=dict)  # "format field: reason" -> how often a field was lost


@dataclass(slots=True)
class _Owned:
    """A partition as this worker holds it."""

    epoch: int
    panes: Panes
    offset: int
    heard: float  # monotonic time of the last record
    idle: bool = False


class Worker:
    """One member of the group. ``run`` returns after ``stop``."""

    def __init__(
        self, source: Source, store: Store, decoder: Decoder, sinks: Sinks, metrics: Metrics, prior: Prior,
        settings: Settings, idle_after: float = 2.0, now: Callable[[], float] = time.time, shadow: Prior | None = None,
    ) -> None:  # fmt: skip
        self._source, self._store, self._sinks = source, store, sinks
        self._metrics, self._prior, self._settings = metrics, prior, settings
        self._idle_after, self._now, self._shadow = idle_after, now, shadow
        self._owned: dict[int, _Owned] = {}
        self._unclaimed: set[int] = set()
        self.judge: Judge | None = None
        self.health = Health()
        self._intake = Intake(decoder, settings.ahead_ms)
        self._stopping = False
        self._pause = FIRST_PAUSE
        self._reported = 0.0
        self._partitions = 0

    def stop(self) -> None:
        """Finish the batch at hand and leave. Safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until stopped. Nothing that a broker or a store does ends it."""
        try:
            while not self._stopping:
                try:
                    busy = self._step()
                except Unavailable as error:
                    self._wait(error)
                except (Fenced, Sealed) as error:
                    log.info("reloading", why=str(error))
                    self._forget_all()
                    if isinstance(error, Fenced):
                        time.sleep(FENCED_PAUSE)
                else:
                    self._pause = FIRST_PAUSE
                    self._ready(busy)
        finally:
            self._leave()

    # --------------------------------------------------------------------------------------------- one step

    def _step(self) -> bool:
        """Poll once and do what follows from it; whether there was anything to do."""
        if self._unclaimed:
            self._store.ping()  # do not poll records that could not be stored
        if not self._partitions:
            self._partitions = self._source.partitions()
        polled = self._source.poll(0.02 if self._owned else 0.2)
        for partition in polled.revoked:
            self._owned.pop(partition, None)
            self._unclaimed.discard(partition)
            if partition == 0:
                self._stop_judging()
        for partition in polled.assigned:
            self._owned.pop(partition, None)
            self._unclaimed.add(partition)
        fresh = set(self._unclaimed)  # what was polled of these was read before the stored offset was known
        for partition in sorted(fresh):
            self._claim(partition)
        for records in polled.records:
            if records.partition not in fresh:
                self._take(records)
        self._mark_idle()
        judged = self._judge()
        return bool(polled.records) or judged > 0

    def _claim(self, partition: int) -> None:
        claim = self._store.claim(partition)
        position = claim.position
        panes = Panes(self._settings, position.clock if position else None, claim.sealed)
        panes.restore(claim.panes, claim.ids)
        offset = position.offset if position else 0
        self._source.seek(partition, position.offset if position else None)
        self._owned[partition] = _Owned(claim.epoch, panes, offset, time.monotonic(), position.idle if position else False)
        self._unclaimed.discard(partition)
        if position is None:  # the judge must know that the partition is there, however empty
            self._commit(partition, self._owned[partition], offset, {}, {})
        log.info("partition claimed", partition=partition, offset=offset, epoch=claim.epoch)

    def _take(self, records: Records) -> None:
        """Decode, fold and commit the records of one partition."""
        owned = self._owned.get(records.partition)
        if owned is None:
            return  # polled for an owner that this worker no longer is
        if records.offsets[0] < owned.offset:
            records = records.since(owned.offset)
            if not records.offsets:
                return
        taken = self._intake.take(records.values, records.offsets, self._source.name, records.partition, owned.panes.add, records.logged)
        if taken.letters:
            self._sinks.dead(taken.letters)  # before the commit: sent again after a crash rather than not at all
        storing = time.perf_counter()
        owned.idle = False
        owned.heard = time.monotonic()
        self._commit(records.partition, owned, records.next, taken.added.changed, taken.added.ids)
        self._metrics.took(taken, time.perf_counter() - storing)

    def _commit(self, partition: int, owned: _Owned, offset: int, changed: dict, ids: dict) -> None:  # type: ignore[type-arg]
        panes = owned.panes
        position = Position(offset, panes.clock, panes.watermark, panes.last, owned.idle)
        self._store.commit(partition, owned.epoch, position, changed, ids)
        owned.offset = offset

    def _mark_idle(self) -> None:
        """Say once that a partition is read to its end and silent."""
        for partition, owned in self._owned.items():
            if owned.idle or time.monotonic() - owned.heard < self._idle_after:
                continue
            if self._source.lag(partition) == 0:
                owned.idle = True
                self._commit(partition, owned, owned.offset, {}, {})
            else:
                owned.heard = time.monotonic() - self._idle_after / 2  # ask again soon, not at every poll

    # ------------------------------------------------------------------------------------------------ judging

    def _judge(self) -> int:
        if 0 not in self._owned:
            return 0
        if self.judge is None:
            self.judge = Judge(self._store, self._sinks, self._metrics, self._prior, self._settings, self._now, self._shadow)
            self._metrics.leads.set(1)
        judged = self.judge.step(self._partitions)
        if judged:
            for partition, (_, sealed) in enumerate(self._store.positions(self._partitions)):
                if partition in self._owned:
                    self._owned[partition].panes.seal(sealed)
        return judged

    def _stop_judging(self) -> None:
        self.judge = None
        self._metrics.not_judging()

    # ------------------------------------------------------------------------------------- trouble, and the end

    def _forget_all(self) -> None:
        """Hold nothing that is not stored: claim again whatever is assigned."""
        self._unclaimed |= set(self._owned)
        self._owned.clear()
        self._stop_judging()

    def _wait(self, error: Unavailable) -> None:
        """Say what is away, forget what may not have been stored, and pause: longer each time, with some jitter."""
        self._metrics.waiting.labels(error.what).inc()
        self._metrics.ready.set(0)
        self.health.ready, self.health.waiting_for = False, str(error)
        log.warning("waiting", what=error.what, why=str(error), pause=round(self._pause, 2))
        self._forget_all()
        ends = time.monotonic() + self._pause * random.uniform(0.8, 1.2)
        while time.monotonic() < ends and not self._stopping:
            time.sleep(min(0.05, self._pause))
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _ready(self, busy: bool) -> None:
        if not self.health.ready and not self._unclaimed:
            log.info("ready", partitions=sorted(self._owned))
        self.health.ready = not self._unclaimed
        self.health.waiting_for = ""
        self.health.partitions = sorted(self._owned)
        self.health.judging = self.judge is not None
        coverage = self._intake.coverage
        self.health.features_off, self.health.not_logged = coverage.features_off, coverage.not_logged
        self.health.shares = coverage.shares
        lost = self._intake.unread.most_common(20)
        self.health.unread = {f"{log_format} {name}: {reason}": count for (log_format, name, reason), count in lost}
        self._metrics.features_off.set(len(self.health.features_off))
        self._metrics.ready.set(1)
        if time.monotonic() - self._reported < 2.0:
            return
        self._reported = time.monotonic()
        for partition, owned in self._owned.items():
            self._metrics.lag.labels(str(partition)).set(self._source.lag(partition) or 0)
            if self.judge is None:
                sealed = self._store.positions(self._partitions)[partition][1]
                owned.panes.seal(sealed)
        self._source.progress({partition: owned.offset for partition, owned in self._owned.items()})
        self._metrics.store_bytes.set(self._store.used_bytes())
        if not busy:
            self._partitions = 0  # a topic may grow: ask again when there is time

    def _leave(self) -> None:
        """Everything is committed: give the partitions to others and go."""
        self._source.close()
        self._sinks.close()
        self._store.close()
        log.info("left", partitions=sorted(self._owned))
