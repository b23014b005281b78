"""The partitions of this worker: claimed from the store, read from the log, and committed with how far they were read.

Never lost, never twice: a partition's rows and the offset after them are one write, and a partition is always read on from the
offset found beside its rows.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import msgspec
import structlog
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.sketch.panes import Added, Panes
from siphonwatch.streams.common.errors import Behind, Moved
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.sinks import Sinks
from siphonwatch.streams.sources.base import Records, Source
from siphonwatch.streams.stores.base import Array, Fault, Fence, Position, Store
from siphonwatch.streams.worker.metrics import Metrics
from siphonwatch.streams.worker.recovery import report

log = structlog.get_logger()

MOST_ROWS = 2000  # of one commit, about: a server stands still while it writes them


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


class Partitions:
    """What is assigned to this worker: ``owned``, or still ``unclaimed``."""

    def __init__(
        self, source: Source, store: Store, intake: Intake, sinks: Sinks, metrics: Metrics, settings: Settings, hash_key: HashKey,
        idle_after: float,
    ) -> None:  # fmt: skip
        self._source, self._store, self._intake, self._sinks = source, store, intake, sinks
        self._metrics, self._settings, self._hash_key, self._idle_after = metrics, settings, hash_key, idle_after
        self.owned: dict[int, _Owned] = {}
        self.unclaimed: set[int] = set()
        self._lost: set[int] = set()  # of which the store has lost something

    def assign(self, revoked: Collection[int], assigned: Collection[int]) -> None:
        """What the broker takes away, and what it gives."""
        for partition in (*revoked, *assigned):
            self.owned.pop(partition, None)
        self.unclaimed -= set(revoked)
        self.unclaimed |= set(assigned)

    def forget(self) -> None:
        """Hold nothing that is not stored: claim again whatever is assigned."""
        self.unclaimed |= set(self.owned)
        self.owned.clear()

    def lose(self, error: Behind) -> None:
        """Read again what the store has lost of a partition: from where it stands now, or all of it. After :meth:`forget`."""
        if error.partition is not None:
            self._lost.add(error.partition)
            if error.kind in ("missing", "unreadable"):
                self._store.rewind(error.partition)

    def claim(self, partition: int) -> None:
        """Own a partition, with what is stored of it, and go on reading where that ends; what is missing of it is said."""
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
        self.owned[partition] = owned
        self.unclaimed.discard(partition)
        report(self._metrics, faults)
        if position is None or faults:  # the judge must know that the partition is there, however empty
            self._commit(partition, owned, self._position(owned, offset), {}, {})
        log.info("partition claimed", partition=partition, offset=offset, epoch=claim.fence.epoch, again_until=owned.until)

    def take(self, records: Records) -> None:
        """Decode, fold and commit the records of one partition."""
        owned = self.owned.get(records.partition)
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

    def mark_idle(self) -> None:
        """Say once that a partition is read to its end and silent."""
        for partition, owned in self.owned.items():
            if owned.idle or time.monotonic() - owned.heard < self._idle_after:
                continue
            if self._source.lag(partition) == 0:
                owned.idle = True
                self._commit(partition, owned, self._position(owned, owned.offset), {}, {})
            else:
                owned.heard = time.monotonic() - self._idle_after / 2  # ask again soon, not at every poll

    def seal(self, partitions: int) -> None:
        """Let nothing more into ticks that were closed, and see that the store is as this worker left it."""
        for partition, progress in enumerate(self._store.positions(partitions)):
            owned = self.owned.get(partition)
            if owned is not None:
                if progress.mark != owned.fence.mark:
                    raise Behind(f"Redis does not hold what was last written of partition {partition}", "partition", partition)
                owned.panes.seal(progress.sealed)

    def reaches(self, partitions: int) -> bool:
        """Whether the log still holds all that was ever read of it."""
        positions = [progress.position for progress in self._store.positions(partitions)]
        if None in positions:
            raise Moved("a partition is to be read again, and nobody has begun to")
        return all(
            position is not None and position.first >= 0 and self._source.extent(partition).begins <= position.first
            for partition, position in enumerate(positions)
        )

    def look(self) -> None:
        """Whether the topic is still the one that is read; says how far behind reading is, and how far it is."""
        for partition, owned in self.owned.items():
            self._metrics.lag.labels(str(partition)).set(self._source.lag(partition) or 0)
            if (found := self._source.identity()) and found != owned.topic:
                raise Behind("the topic was deleted and made anew", "records", partition, "other_topic")

    def progress(self) -> None:
        """Tell the source how far reading is."""
        self._source.progress({partition: owned.offset for partition, owned in self.owned.items()})
