"""The worker: poll, decode, fold, commit; and, in one worker of the group, judge.

Never lost, never twice: a partition's rows and the offset after them are one write, and a partition is always read on from the
offset found beside its rows. Whatever goes wrong, the worker forgets what it holds of the partition, loads what is
stored, and reads again from there.
"""

from __future__ import annotations

import random
import threading
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

import msgspec
import structlog
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.sketch.panes import Added, Panes
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Sealed, Unavailable
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.formats import Decoder
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.base import Records, Source
from siphonwatch.streams.stores.base import Array, Fault, Fence, Position, Store
from siphonwatch.streams.worker.judge import Judge
from siphonwatch.streams.worker.judging import FENCED_PAUSE, FIRST_PAUSE, LONGEST_PAUSE, Judging
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.listener import Listener
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.recovery import report

log = structlog.get_logger()

MOST_ROWS = 2000  # of one commit, about: a server stands still while it writes them
ANSWERS = 60.0  # seconds that a judge waits for this worker's own answer


@dataclass(slots=True)
class Health:
    """What ``/readyz`` tells."""

    ready: bool = False
    waiting_for: str = "the first assignment of partitions"
    partitions: list[int] = field(default_factory=list)
    judging: bool = False
    shards: int = 0  # of the accounts, that this worker keeps
    features_off: list[str] = field(default_factory=list)  # nothing read so far holds what they need
    not_logged: list[str] = field(default_factory=list)  # fields that no record had so far
    shares: dict[str, float] = field(default_factory=dict)  # of the requests that hold each field
    unread: dict[str, int] = field(default_factory=dict)  # "format field: reason" -> how often a field was lost


@dataclass(slots=True)
class _Owned:
    """A partition as this worker holds it."""

    fence: Fence
    panes: Panes
    offset: int
    heard: float  # monotonic time of the last record
    topic: str  # whose offsets these are
    first: int  # the offset that reading began with
    ids: set[int]  # ticks whose ids are stored
    idle: bool = False
    closed: int = UNSEALED  # what is read again up to ``until`` was judged, as far as its ticks go up to this
    until: int | None = None


def part(records: Records, first: int, last: int, following: int) -> Records:
    """Some of the records, with ``following`` as the offset after them."""
    logged = None if records.logged is None else records.logged[first:last]
    return Records(records.partition, records.offsets[first:last], records.values[first:last], following, logged)


class Worker:
    """One member of the group. ``run`` returns after ``stop``."""

    def __init__(
        self, source: Source, store: Store, decoder: Decoder, sinks: Sinks, metrics: Metrics, prior: Prior,
        settings: Settings, idle_after: float = 2.0, now: Callable[[], float] = time.time, shadow: Prior | None = None,
        hash_key: HashKey | None = None,
    ) -> None:  # fmt: skip
        self._source, self._store, self._sinks = source, store, sinks
        self._metrics, self._prior, self._settings = metrics, prior, settings
        self._idle_after, self._now, self._shadow = idle_after, now, shadow
        self._owned: dict[int, _Owned] = {}
        self._unclaimed: set[int] = set()
        self.judging: Judging | None = None
        self._seen = 0  # ticks judged by it, as of the last look
        self._asked: deque[Future[bool]] = deque()  # by the judge, whether the log reaches back: a source is for one thread
        self.keeper = Keeper(store, prior, settings, metrics, shadow)
        self._listener = Listener(store, self.keeper)
        self.health = Health()
        self._hash_key = hash_key or HashKey()
        self._intake = Intake(decoder, settings.ahead_ms)
        self._stopping = False
        self._pause = FIRST_PAUSE
        self._lost: set[int] = set()  # partitions of which the store has lost something
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
        self.keeper.assign(self._owned.keys(), self._partitions)
        judged = self._judge()
        return bool(polled.records) or judged

    def _claim(self, partition: int) -> None:
        first_of_all, self._intake.key = not self._intake.key, self._hash_key.agreed(self._store)
        claim = self._store.claim(partition)
        report(self._metrics, claim.faults + self._store.take_faults())
        position, extent, faults = claim.position, self._source.extent(partition), list[Fault]()
        if first_of_all and self._hash_key.made and (position is not None or claim.closed > UNSEALED):
            faults.append(Fault("gone", "secret", "addresses of before are not linked with those from now on"))
        first, offset = (position.first, position.offset) if position else (extent.begins, extent.begins)
        other = position is not None and bool(position.topic and extent.identity) and position.topic != extent.identity
        if position is not None and (other or offset > extent.ends):
            faults.append(Fault("other_topic", "records", f"partition {partition} is read from {extent.begins} on, not from {offset}"))
            first, offset = -1, extent.begins  # what came before can never be read again
        elif position is not None and offset < extent.begins:
            gone = f"partition {partition}: {extent.begins - offset} records were deleted before they were read"
            faults.append(Fault("gone", "records", gone))
            first, offset = -1, extent.begins
        elif position is None and (claim.rewound or partition in self._lost) and extent.begins > claim.judged:
            faults.append(Fault("gone", "records", f"partition {partition}: the log begins at {extent.begins}, {claim.judged} is needed"))
        self._lost.discard(partition)
        again = claim.closed > claim.sealed and offset < claim.judged <= extent.ends and first >= 0
        panes = Panes(self._settings, position.clock if position else None, claim.sealed if again else max(claim.sealed, claim.closed))
        panes.restore([pane for pane in claim.panes if pane[0] > claim.closed], claim.ids)
        self._source.seek(partition, offset)
        owned = _Owned(
            claim.fence, panes, offset, time.monotonic(), extent.identity, first, set(claim.ids), position.idle if position else False,
            claim.closed, claim.judged if again else None,
        )  # fmt: skip
        self._owned[partition] = owned
        self._unclaimed.discard(partition)
        report(self._metrics, faults)
        if position is None or faults:  # the judge must know that the partition is there, however empty
            self._commit(partition, owned, self._position(owned, offset), {}, {})
        log.info("partition claimed", partition=partition, offset=offset, epoch=claim.fence.epoch, again_until=owned.until)

    def _take(self, records: Records) -> None:
        """Decode, fold and commit the records of one partition."""
        owned = self._owned.get(records.partition)
        if owned is None:
            return  # polled for an owner that this worker no longer is
        first = bisect_left(records.offsets, owned.offset)
        last = len(records.offsets) if owned.until is None else bisect_left(records.offsets, owned.until)
        if first and first == len(records.offsets):
            self._compare(records.partition, owned)
        if owned.until is not None and last < len(records.offsets):  # up to there it was judged already, from there on not
            self._fold(owned, part(records, first, last, owned.until))
            owned.panes.seal(owned.closed)
            owned.until, first = None, last
        self._fold(owned, part(records, first, len(records.offsets), records.next))
        if owned.until is not None and owned.offset >= owned.until:
            owned.panes.seal(owned.closed)
            owned.until = None

    def _fold(self, owned: _Owned, records: Records) -> None:
        partition, values, offsets, following = records.partition, records.values, records.offsets, records.next
        if not offsets:
            return
        steps: list[tuple[Added, Position, list[int]]] = []

        def fold(columns: RequestBatch) -> Added:
            added = owned.panes.add(columns)
            gone = sorted(owned.ids - owned.panes.ids.keys())
            owned.ids = owned.ids - set(gone) | added.ids.keys()
            steps.append((added, self._position(owned, following), gone))
            return added

        owned.idle = False
        taken = self._intake.take(values, offsets, self._source.name, partition, fold, records.logged, MOST_ROWS)
        if taken.letters:
            self._sinks.dead(taken.letters)  # before the commit: sent again after a crash rather than not at all
        storing = time.perf_counter()
        owned.heard = time.monotonic()
        for end, (added, position, gone) in zip(taken.ends, steps, strict=True):
            offset = offsets[end] if end < len(offsets) else following
            changed = added.changed
            if owned.until is not None:  # of ticks that were judged, only the ids are of use
                nothing = added.ids.keys() & {tick for tick in changed if tick <= owned.closed}
                changed = {tick: (([], rows[:0]) if tick in nothing else (accounts, rows)) for tick, (accounts, rows) in changed.items()}
                for tick in nothing:
                    owned.panes.open.pop(tick, None)
            self._commit(partition, owned, msgspec.structs.replace(position, offset=offset), changed, added.ids, gone)
        self._metrics.took(taken, time.perf_counter() - storing)

    def _position(self, owned: _Owned, offset: int) -> Position:
        panes = owned.panes
        return Position(offset, panes.clock, panes.watermark, panes.last, owned.idle, owned.topic, owned.first)

    def _commit(
        self, partition: int, owned: _Owned, position: Position, changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array],
        gone: Sequence[int] = (),
    ) -> None:  # fmt: skip
        self._store.commit(partition, owned.fence, position, changed, ids, gone)
        owned.offset = position.offset

    def _compare(self, partition: int, owned: _Owned) -> None:
        """Whether the store and the log are still those that this worker knows: ``Behind`` where they are not."""
        found = self._source.identity()
        if found != owned.topic and found:
            raise Behind("the topic was deleted and made anew", "records", partition, "other_topic")
        mark = self._store.positions(partition + 1)[partition].mark
        if mark != owned.fence.mark:
            raise Behind(f"Redis does not hold what was last written of partition {partition}", "partition", partition)

    def _mark_idle(self) -> None:
        """Say once that a partition is read to its end and silent."""
        for partition, owned in self._owned.items():
            if owned.idle or time.monotonic() - owned.heard < self._idle_after:
                continue
            if self._source.lag(partition) == 0:
                owned.idle = True
                self._commit(partition, owned, self._position(owned, owned.offset), {}, {})
            else:
                owned.heard = time.monotonic() - self._idle_after / 2  # ask again soon, not at every poll

    # ------------------------------------------------------------------------------------------------ judging

    def _judge(self) -> bool:
        """See that there is a judge where this worker has to have one; whether it has judged since this was last asked."""
        while self._asked:
            asked = self._asked.popleft()
            try:
                asked.set_result(self._reaches())
            except Unavailable as error:
                asked.set_exception(error)
                raise
            except Moved as error:
                asked.set_exception(error)
        if 0 not in self._owned:
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
            self._seal()
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

    def _seal(self) -> None:
        """Let nothing more into ticks that were closed, and see that the store is as this worker left it."""
        for partition, progress in enumerate(self._store.positions(self._partitions)):
            owned = self._owned.get(partition)
            if owned is not None:
                if progress.mark != owned.fence.mark:
                    raise Behind(f"Redis does not hold what was last written of partition {partition}", "partition", partition)
                owned.panes.seal(progress.sealed)

    def _reaches(self) -> bool:
        """Whether the log still holds all that was ever read of it."""
        positions = [progress.position for progress in self._store.positions(self._partitions)]
        if None in positions:
            raise Moved("a partition is to be read again, and nobody has begun to")
        return all(
            position is not None and position.first >= 0 and self._source.extent(partition).begins <= position.first
            for partition, position in enumerate(positions)
        )

    def _stop_judging(self, wait: bool = False) -> None:
        if self.judging is not None:
            self.judging.stop(wait)
        self.judging, self._seen = None, 0
        self._metrics.not_judging()

    # ------------------------------------------------------------------------------------- trouble, and the end

    def _forget_all(self) -> None:
        """Hold nothing that is not stored: claim again whatever is assigned."""
        self._unclaimed |= set(self._owned)
        self._owned.clear()
        if self.judging is not None:
            self.judging.doubt()

    def _repair(self, error: Behind) -> None:
        """Read again what the store has lost of a partition: from where it stands now, or all of it."""
        report(self._metrics, [Fault(error.kind, error.what, str(error))])
        self._forget_all()
        if error.partition is not None:
            self._lost.add(error.partition)
            if error.kind in ("missing", "unreadable"):
                try:
                    self._store.rewind(error.partition)
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
        if not self.health.ready and not self._unclaimed:
            log.info("ready", partitions=sorted(self._owned))
        self.health.ready = not self._unclaimed
        self.health.waiting_for = ""
        self.health.partitions = sorted(self._owned)
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
            for partition, owned in self._owned.items():
                self._metrics.lag.labels(str(partition)).set(self._source.lag(partition) or 0)
                if (found := self._source.identity()) and found != owned.topic:
                    raise Behind("the topic was deleted and made anew", "records", partition, "other_topic")
            self._seal()
            self.keeper.check()
            self._intake.key = self._hash_key.agreed(self._store)  # and put back, where the store has lost it
            report(self._metrics, self._store.take_faults())
            self._source.progress({partition: owned.offset for partition, owned in self._owned.items()})
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
        log.info("left", partitions=sorted(self._owned))
