"""The store of one process: for tests, and for a trial without Redis. The same promises, kept by a lock."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, Sealed
from siphonwatch.streams.stores import erasing
from siphonwatch.streams.stores.base import (
    KEPT_FINDINGS,
    PARTS,
    Array,
    Charge,
    Claim,
    Fault,
    Fence,
    Judging,
    Kept,
    Lead,
    Owners,
    Position,
    Progress,
    ShardJudging,
    Standing,
    StoreOptions,
    merged,
    standing,
)

KEPT_MESSAGES = 256  # to who keeps shards; who is further behind has missed some


@dataclass(slots=True)
class _Partition:
    fence: Fence = field(default_factory=lambda: Fence(0, ""))
    sealed: int = UNSEALED
    dropped: int = UNSEALED
    position: Position | None = None
    panes: dict[int, dict[str, bytes]] = field(default_factory=dict)
    ids: dict[int, Array] = field(default_factory=dict)
    rewound: bool = False


@dataclass(slots=True)
class _Shard:
    fence: Fence = field(default_factory=lambda: Fence(0, ""))
    accounts: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)

    def change(self, changes: ShardJudging) -> None:
        self.accounts.update({account: (value, evidence) for account, value, evidence in changes.accounts})
        for account in changes.dropped:
            self.accounts.pop(account, None)
        for account, verdict in changes.verdicts.items():
            self.verdicts.pop(account, None)
            self.standings.pop(account, None)
            if verdict is not None:
                self.verdicts[account], self.standings[account] = verdict, standing(verdict, changes.height)


def _part(account: str) -> int:
    return shard_of(account) % PARTS


def _pane(rows: dict[str, bytes]) -> tuple[list[str], Array]:
    return list(rows), state.from_bytes(list(rows.values()))


class MemoryStore:
    """See :class:`siphonwatch.streams.stores.base.Store`; never unavailable."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._writes = 0
        self._partitions: dict[int, _Partition] = {}
        self._lead = Lead(Fence(0, ""), None)
        self._closed, self._read_to = UNSEALED, list[int]()
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._staged: dict[str, dict[int, ShardJudging]] = {}
        self._owners = Owners()
        self._said: deque[tuple[int, bytes]] = deque(maxlen=KEPT_MESSAGES)
        self._says = 0
        self._answers: dict[str, list[bytes]] = {}
        self._heard = threading.Condition()
        self._rulings: dict[str, Ruling] = {}
        self._placed: dict[str, Ruling] = {}
        self._withdrawn: set[str] = set()
        self._standings_version = 0
        self._secret = b""
        self._buckets: dict[tuple[str, str], float] = {}
        self._erased: dict[str, float] = {}
        self._trail: list[bytes] = []
        self._findings: deque[tuple[str, bytes]] = deque(maxlen=KEPT_FINDINGS)

    def _at(self, partition: int) -> _Partition:
        return self._partitions.setdefault(partition, _Partition())

    def _mark(self) -> str:
        self._writes += 1
        return str(self._writes)

    @staticmethod
    def _holds(found: Fence, expected: Fence, what: str, partition: int | None = None) -> None:
        if found.epoch > expected.epoch:
            raise Fenced(f"the {what} has a new owner")
        if (found.epoch, found.mark) != (expected.epoch, expected.mark):
            raise Behind(f"the store has lost what was last written of the {what}", what, partition)

    def claim(self, partition: int) -> Claim:
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            mine.fence = Fence(mine.fence.epoch + 1, self._mark())
            panes = [(tick, *_pane(rows)) for tick, rows in sorted(mine.panes.items()) if tick > mine.sealed]
            judged = self._read_to[partition] if partition < len(self._read_to) else 0
            closed = self._closed if self._read_to else UNSEALED
            return Claim(replace(mine.fence), mine.position, mine.sealed, panes, dict(mine.ids), closed, judged, mine.rewound)

    def commit(
        self, partition: int, fence: Fence, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array], gone: Collection[int] = (),
    ) -> None:  # fmt: skip
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            self._holds(mine.fence, fence, "partition", partition)
            if any(tick <= mine.sealed for tick in changed):
                raise Sealed(f"partition {partition} is sealed up to tick {mine.sealed}")
            for tick, (accounts, rows) in changed.items():
                mine.panes.setdefault(tick, {}).update(zip(accounts, state.to_bytes(rows), strict=True))
                mine.ids[tick] = np.concatenate([mine.ids.get(tick, ids[tick][:0]), ids[tick]])
            for tick in gone:
                mine.ids.pop(tick, None)
            mine.position, mine.rewound = position, False
            fence.mark = fence.tried = mine.fence.mark = self._mark()

    def positions(self, partitions: int) -> list[Progress]:
        """See the protocol."""
        with self._lock:
            known = [self._at(each) for each in range(partitions)]
            return [Progress(each.position, each.sealed, each.fence.mark, each.dropped) for each in known]

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[dict[int, dict[int, int]], list[int]]:
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            if tick > mine.sealed and (mine.position is None or tick >= mine.position.watermark) and mark != mine.fence.mark:
                raise Behind(f"partition {partition} is not as it was seen", "partition", partition)
            mine.sealed = max(mine.sealed, tick)
            counts = {each: Counter(map(_part, mine.panes[each])) for each in sorted(mine.panes) if after < each <= tick}
            return {each: dict(parts) for each, parts in counts.items()}, sorted(each for each in mine.panes if each <= min(after, tick))

    def panes(self, wanted: Sequence[tuple[int, int, dict[int, int]]]) -> list[Pane]:
        """See the protocol."""
        with self._lock:
            found = []
            for partition, tick, parts in wanted:
                pane, there = Pane(), self._at(partition).panes.get(tick, {})
                rows = {account: row for account, row in there.items() if _part(account) in parts}
                if len(rows) != sum(parts.values()):
                    self.rewind(partition)
                    raise Behind(f"the pane of tick {tick} is not as it was written", "pane", partition, "missing")
                if rows:
                    pane.add(*_pane(rows))
                found.append(pane)
            return found

    def drop(self, partition: int, ticks: list[int]) -> None:
        """See the protocol."""
        with self._lock:
            for tick in ticks:
                self._at(partition).panes.pop(tick, None)
                self._at(partition).dropped = max(self._at(partition).dropped, tick)

    def rewind(self, partition: int) -> None:
        """See the protocol."""
        with self._lock:
            self._partitions[partition] = _Partition(Fence(self._at(partition).fence.epoch, self._mark()), rewound=True)

    def hold(self, owner: str, partitions: Sequence[int], shards: Sequence[int]) -> dict[int, Fence]:
        """See the protocol."""
        with self._lock:
            for shard in shards:
                self._shards[shard].fence.epoch += 1
            self._owners = Owners(self._owners.moves + 1, {**self._owners.of, **dict.fromkeys(partitions, owner)})
            return {shard: replace(self._shards[shard].fence) for shard in shards}

    def owners(self) -> Owners:
        """See the protocol."""
        with self._lock:
            return replace(self._owners, of=dict(self._owners.of))

    def resign(self, owner: str) -> None:
        """See the protocol."""
        with self._lock:
            left = {partition: each for partition, each in self._owners.of.items() if each != owner}
            self._owners = Owners(self._owners.moves + 1, left)

    def _mine(self, fences: dict[int, Fence]) -> list[_Shard]:
        for shard, fence in fences.items():
            if self._shards[shard].fence.epoch > fence.epoch:
                raise Fenced(f"another keeps shard {shard}")
        return [self._shards[shard] for shard in fences]

    def load(self, fences: dict[int, Fence]) -> Kept:
        """See the protocol."""
        with self._lock:
            lead, kept = self._lead, Kept(self._lead.judged, self._lead.context)
            for shard, mine in zip(fences, self._mine(fences), strict=True):
                staged = self._staged.get(lead.shards[shard], {})
                if mine.fence.mark != lead.shards[shard] and shard in staged:
                    self._change(lead.shards[shard], shard, staged[shard])
                fences[shard].mark = mine.fence.mark
                kept.accounts += mine.accounts
                kept.values += [value for value, _ in mine.accounts.values()]
                kept.verdicts |= mine.verdicts
            return kept

    def _change(self, mark: str, shard: int, changes: ShardJudging) -> None:
        mine = self._shards[shard]
        mine.change(changes)
        mine.fence.mark = mark

    def stage(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> None:
        """See the protocol."""
        with self._lock:
            self._staged.setdefault(mark, {}).update(changes)

    def apply(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> list[tuple[int, Fault]]:
        """See the protocol."""
        with self._lock:
            self._mine(fences)
            for shard, change in changes.items():
                if self._shards[shard].fence.mark != mark:
                    self._change(mark, shard, change)
                fences[shard].mark = mark
            return []

    def rewrite(self, fences: dict[int, Fence], whole: dict[int, ShardJudging]) -> None:
        """See the protocol."""
        with self._lock:
            self._mine(fences)
            for shard, everything in whole.items():
                self._shards[shard] = _Shard(replace(fences[shard]))
                self._shards[shard].change(everything)

    def check_shards(self, fences: dict[int, Fence]) -> list[tuple[int, Fault]]:
        """See the protocol."""
        with self._lock:
            held = zip(fences.items(), self._mine(fences), strict=True)
            return [
                (shard, Fault("fell_back", "accounts", f"shard {shard}")) for (shard, fence), mine in held if mine.fence.mark != fence.mark
            ]

    def post(self, message: bytes) -> None:
        """See the protocol."""
        with self._heard:
            self._says += 1
            self._said.append((self._says, message))
            self._heard.notify_all()

    def posted(self, after: str | None, seconds: float) -> tuple[str, list[bytes]]:
        """See the protocol."""
        with self._heard:
            if after is None:
                return str(self._says), []
            self._heard.wait_for(lambda: self._says > int(after), seconds)
            return str(self._says), [message for number, message in self._said if number > int(after)]

    def answer(self, ask: str, answer: bytes) -> None:
        """See the protocol."""
        with self._heard:
            self._answers.setdefault(ask, []).append(answer)
            self._heard.notify_all()

    def answers(self, ask: str, seconds: float) -> list[bytes]:
        """See the protocol."""
        with self._heard:
            self._heard.wait_for(lambda: ask in self._answers, seconds)
            return self._answers.pop(ask, [])

    def lead(self) -> Lead:
        """See the protocol."""
        with self._lock:
            lead, found = self._lead, replace(self._lead.fence)
            lead.fence = Fence(found.epoch + 1, self._mark())
            return Lead(replace(lead.fence), lead.context, found, lead.judged, list(lead.shards), list(self._read_to), list(lead.outbox))

    def check(self, fence: Fence) -> None:
        """See the protocol."""
        with self._lock:
            self._holds(self._lead.fence, fence, "judging")

    def judged(self, fence: Fence, judging: Judging) -> None:
        """See the protocol."""
        with self._lock:
            lead = self._lead
            self._holds(lead.fence, fence, "judging")
            if judging.moves != self._owners.moves:
                raise Moved("a shard has moved meanwhile")
            fence.mark = fence.tried = lead.fence.mark = lead.judged = judging.mark
            lead.context, self._closed, self._read_to = judging.context, judging.closed, list(judging.read)
            lead.shards = list(judging.shards)
            lead.outbox += [finding for _, finding in judging.findings]
            self._findings.extend(judging.findings)
            self._placed.update({ruling.id: ruling for ruling in judging.placed})
            self._staged = {mark: staged for mark, staged in self._staged.items() if mark in lead.shards}

    def announce(self, fence: Fence) -> None:
        """See the protocol."""
        with self._lock:
            self._standings_version += 1

    def sent(self, fence: Fence, count: int) -> None:
        """See the protocol."""
        with self._lock:
            if self._lead.fence.epoch != fence.epoch:
                raise Fenced("another worker judges now")
            del self._lead.outbox[:count]

    def account(self, account: str) -> bytes | None:
        """See the protocol."""
        found = self._shards[shard_of(account)].accounts.get(account)
        return found[0] if found else None

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """See the protocol."""
        return [self.account(name) for name in names]

    def verdict(self, account: str) -> Verdict | None:
        """See the protocol."""
        return self._shards[shard_of(account)].verdicts.get(account)

    def top(self, count: int) -> list[str]:
        """See the protocol."""
        with self._lock:
            known = [(-evidence, account) for shard in self._shards for account, (_, evidence) in shard.accounts.items()]
            return [account for _, account in sorted(known)[:count]]

    def context(self) -> bytes | None:
        """See the protocol."""
        return self._lead.context

    def standings_version(self) -> int:
        """See the protocol."""
        return self._standings_version

    def standings(self) -> dict[str, Standing]:
        """See the protocol."""
        with self._lock:
            return {account: one for shard in self._shards for account, one in shard.standings.items()}

    def spend(self, charges: list[Charge]) -> list[float]:
        """See the protocol."""
        with self._lock:
            now = time.monotonic()
            for one in charges:
                key = (one.account, one.model)
                self._buckets[key] = max(self._buckets.get(key, 0.0), now) + one.interval * one.requests
            return [self._buckets[one.account, one.model] - now for one in charges]

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        """See the protocol."""
        with self._lock:
            newest = reversed(self._findings)
            return list(islice((finding for about, finding in newest if subject in (None, about)), count))

    def rulings(self) -> list[Ruling]:
        """See the protocol."""
        with self._lock:
            return merged(self._rulings, self._placed, self._withdrawn)

    def rule(self, ruling: Ruling) -> None:
        """See the protocol."""
        with self._lock:
            self._rulings[ruling.id] = ruling

    def take_back(self, ruling: str) -> bool:
        """See the protocol."""
        with self._lock:
            if ruling not in self._rulings or ruling in self._withdrawn:
                return False
            self._withdrawn.add(ruling)
            return True

    def erase(self, account: str) -> erasing.Erased:
        """See the protocol."""
        with self._lock:
            shard = self._shards[shard_of(account)]
            there = shard.accounts.pop(account, None) is not None
            shard.verdicts.pop(account, None)
            self._standings_version += shard.standings.pop(account, None) is not None
            left = [(about, erasing.finding_without(finding, account)) for about, finding in self._findings]
            findings = sum(before is not after for (_, before), (_, after) in zip(self._findings, left, strict=True))
            self._findings = deque(((about, finding) for about, finding in left if finding is not None), maxlen=KEPT_FINDINGS)
            rulings = 0
            for one in self.rulings():
                kept = erasing.ruling_without(one, account)
                rulings += kept is not one
                if kept is None:
                    del self._rulings[one.id]
                    self._withdrawn.discard(one.id)
                elif kept is not one:
                    self._rulings[one.id] = kept
                if kept is not one:
                    self._placed.pop(one.id, None)
            self._erased[erasing.digest(account)] = time.time()
            return erasing.Erased(there, findings, rulings)

    def erased(self) -> dict[str, float]:
        """See the protocol."""
        with self._lock:
            return dict(self._erased)

    def trail(self, start: int = 0) -> list[bytes]:
        """See the protocol."""
        with self._lock:
            return self._trail[start:]

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """See the protocol."""
        with self._lock:
            if len(self._trail) != length:
                return False
            self._trail.append(line)
            return True

    def keep(self, rulings: list[Ruling]) -> int:
        """See the protocol."""
        with self._lock:
            lost = [ruling for ruling in rulings if ruling.id not in self._rulings]
            self._rulings.update({ruling.id: ruling for ruling in lost})
            return len(lost)

    def set_aside(self, what: str, which: str | bytes = b"") -> Fault:
        """See the protocol; what does not decode is of no use to anybody here."""
        with self._lock:
            if what == "context":
                self._lead.context = None
            elif isinstance(which, str):
                self._shards[shard_of(which)].accounts.pop(which, None)
            else:
                self._lead.outbox.remove(which)
            return Fault("unreadable", what, which if isinstance(which, str) else what)

    def take_faults(self) -> list[Fault]:
        """See the protocol."""
        return []

    def secret(self, proposed: bytes) -> bytes:
        """See the protocol."""
        with self._lock:
            self._secret = self._secret or proposed
            return self._secret

    def used_bytes(self) -> int:
        """See the protocol."""
        with self._lock:
            return sum(len(value) for shard in self._shards for value, _ in shard.accounts.values())

    def ping(self) -> None:
        """See the protocol."""

    def close(self) -> None:
        """See the protocol."""


def open_store(url: str, options: StoreOptions) -> MemoryStore:
    """A store of this process alone, for ``memory://``."""
    return MemoryStore()
