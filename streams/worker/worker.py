"""The worker: poll, decode, fold, commit; and, in one worker of the group, judge.

Whatever goes wrong, the worker forgets what it holds of its partitions, loads what is stored, and reads again from there.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future

import structlog
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Sealed, Unavailable
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.formats import Decoder
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.base import Source
from siphonwatch.streams.stores.base import Fault, Store
from siphonwatch.streams.worker.health import Health
from siphonwatch.streams.worker.judge import Judge
from siphonwatch.streams.worker.judging import FENCED_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, Judging
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.listener import Listener
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.partitions import Partitions
from siphonwatch.streams.worker.recovery import report

log = structlog.get_logger()

ANSWERS = 60.0  # seconds that a judge waits for this worker's own answer


class Worker:
    """One member of the group. ``run`` returns after ``stop``."""

    def __init__(
        self, source: Source, store: Store, decoder: Decoder, sinks: Sinks, metrics: Metrics, prior: Prior,
        settings: Settings, idle_after: float = 2.0, now: Callable[[], float] = time.time, shadow: Prior | None = None,
        hash_key: HashKey | None = None,
    ) -> None:  # fmt: skip
        self._source, self._store, self._sinks = source, store, sinks
        self._metrics, self._prior, self._settings = metrics, prior, settings
        self._now, self._shadow = now, shadow
        self._hash_key, self._intake = hash_key or HashKey(), Intake(decoder, settings.ahead_ms)
        self._mine = Partitions(source, store, self._intake, sinks, metrics, settings, self._hash_key, idle_after)
        self.judging: Judging | None = None
        self._seen = 0  # ticks judged by it, as of the last look
        self._asked: deque[Future[bool]] = deque()  # by the judge, whether the log reaches back: a source is for one thread
        self.keeper = Keeper(store, prior, settings, metrics, shadow)
        self._listener = Listener(store, self.keeper)
        self.health = Health()
        self._stopping = False
        self._pause = FIRST_PAUSE
        self._reported = 0.0
        self._partitions = 0

    def stop(self) -> None:
        """Finish the batch at hand and leave. Safe in a signal handler."""
        self._stopping = True

    def run(self) -> None:
        """Work until stopped. Nothing that a broker or a store does ends it."""
        self._listener.start()
        try:
            while not self._stopping:
                try:
                    busy = self._step()
                except Unavailable as error:
                    self._wait(error)
                except Behind as error:
                    self._repair(error)
                except (Fenced, Sealed) as error:
                    log.info("reloading", why=str(error))
                    self._forget_all()
                    if isinstance(error, Fenced):
                        self._stop_judging()
                        time.sleep(FENCED_PAUSE)
                else:
                    self._pause = FIRST_PAUSE
                    self._ready(busy)
        finally:
            self._leave()

    # --------------------------------------------------------------------------------------------- one step

    def _step(self) -> bool:
        """Poll once and do what follows from it; whether there was anything to do."""
        mine = self._mine
        if mine.unclaimed:
            self._store.ping()  # do not poll records that could not be stored
        if not self._partitions:
            self._partitions = self._source.partitions()
        polled = self._source.poll(0.02 if mine.owned else 0.2)
        mine.assign(polled.revoked, polled.assigned)
        if 0 in polled.revoked:
            self._stop_judging()
        fresh = set(mine.unclaimed)  # what was polled of these was read before the stored offset was known
        for partition in sorted(fresh):
            mine.claim(partition)
        for records in polled.records:
            if records.partition not in fresh:
                mine.take(records)
        mine.mark_idle()
        self.keeper.assign(mine.owned.keys(), self._partitions)
        judged = self._judge()
        return bool(polled.records) or judged

    # ------------------------------------------------------------------------------------------------ judging

    def _judge(self) -> bool:
        """See that there is a judge where this worker has to have one; whether it has judged since this was last asked."""
        while self._asked:
            asked = self._asked.popleft()
            try:
                asked.set_result(self._mine.reaches(self._partitions))
            except Unavailable as error:
                asked.set_exception(error)
                raise
            except Moved as error:
                asked.set_exception(error)
        if 0 not in self._mine.owned:
            return False
        if self.judging is None:
            self.judging = Judging(self._make_judge, self._partitions)
            self.judging.start()
        if self.judging.failed is not None:
            raise self.judging.failed
        self.judging.partitions = self._partitions or self.judging.partitions
        judged = self.judging.judged > self._seen
        if judged:
            self._seen = self.judging.judged
            self._mine.seal(self._partitions)
        return judged

    def _make_judge(self, stopping: threading.Event) -> Judge:
        return Judge(
            self._store, self._sinks, self._metrics, self._prior, self._settings, self.keeper, self._now, self._shadow, self._ask_reaches,
            stopping,
        )  # fmt: skip

    def _ask_reaches(self) -> bool:
        asked: Future[bool] = Future()
        self._asked.append(asked)
        try:
            return asked.result(ANSWERS)
        except TimeoutError:
            raise Unavailable("the broker does not say how far back the log reaches") from None

    def _stop_judging(self, wait: bool = False) -> None:
        if self.judging is not None:
            self.judging.stop(wait)
        self.judging, self._seen = None, 0
        self._metrics.not_judging()

    # ------------------------------------------------------------------------------------- trouble, and the end

    def _forget_all(self) -> None:
        """Hold nothing that is not stored: claim again whatever is assigned."""
        self._mine.forget()
        if self.judging is not None:
            self.judging.doubt()

    def _repair(self, error: Behind) -> None:
        """Read again what the store has lost."""
        report(self._metrics, [Fault(error.kind, error.what, str(error))])
        self._forget_all()
        try:
            self._mine.lose(error)
        except Unavailable as away:
            self._wait(away)

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
        if not self.health.ready and not self._mine.unclaimed:
            log.info("ready", partitions=sorted(self._mine.owned))
        self.health.ready = not self._mine.unclaimed
        self.health.waiting_for = ""
        self.health.partitions = sorted(self._mine.owned)
        self.health.shards = self.keeper.shards
        self._metrics.shards.set(self.health.shards)
        self.health.judging = self.judging is not None and self.judging.judge is not None
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
        try:
            self._mine.look()
            self._mine.seal(self._partitions)
            self.keeper.check()
            self._intake.key = self._hash_key.agreed(self._store)  # and put back, where the store has lost it
            report(self._metrics, self._store.take_faults())
            self._mine.progress()
            self._metrics.store_bytes.set(self._store.used_bytes())
        except Behind as error:
            self._repair(error)
        except Unavailable as error:
            self._wait(error)
        if not busy:
            self._partitions = 0  # a topic may grow: ask again when there is time

    def _leave(self) -> None:
        """Everything is committed: give the partitions to others and go."""
        self._stop_judging(wait=True)
        self._listener.stop()
        self.keeper.leave()
        self._source.close()
        self._sinks.close()
        self._store.close()
        log.info("left", partitions=sorted(self._mine.owned))
