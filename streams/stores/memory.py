"""The store of one process: for tests, and for a trial without Redis. The same promises, kept by a lock."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

import numpy as np
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Behind, Fenced, Sealed
from siphonwatch.streams.stores import erasing
from siphonwatch.streams.stores.base import (
    KEPT_FINDINGS,
    Array,
    Charge,
    Claim,
    Fault,
    Fence,
    Judging,
    Lead,
    Position,
    Progress,
    Standing,
    StoreOptions,
    merged,
    standing,
)


@dataclass(slots=True)
class _Partition:
    fence: Fence = field(default_factory=lambda: Fence(0, ""))
    sealed: int = UNSEALED
    dropped: int = UNSEALED
    position: Position | None = None
    panes: dict[int, dict[str, bytes]] = field(default_factory=dict)
    ids: dict[int, Array] = field(default_factory=dict)
    rewound: bool = False


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
        self._accounts: dict[str, tuple[bytes, float]] = {}
        self._rulings: dict[str, Ruling] = {}
        self._placed: dict[str, Ruling] = {}
        self._withdrawn: set[str] = set()
        self._standings: dict[str, Standing] = {}
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
            return Claim(replace(mine.fence), mine.position, mine.sealed, panes, dict(mine.ids), self._closed, judged, mine.rewound)

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

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[list[tuple[int, Pane]], list[int]]:
        """See the protocol."""
        with self._lock:
            mine = self._at(partition)
            if tick > mine.sealed and (mine.position is None or tick >= mine.position.watermark) and mark != mine.fence.mark:
                raise Behind(f"partition {partition} is not as it was seen", "partition", partition)
            mine.sealed = max(mine.sealed, tick)
            panes = []
            for each in sorted(each for each in mine.panes if after < each <= tick):
                pane = Pane()
                pane.add(*_pane(mine.panes[each]))
                panes.append((each, pane))
            return panes, sorted(each for each in mine.panes if each <= min(after, tick))

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

    def lead(self, load: bool = True) -> Lead:
        """See the protocol."""
        with self._lock:
            lead, found = self._lead, replace(self._lead.fence)
            lead.fence = Fence(found.epoch + 1, self._mark())
            accounts = self._accounts if load else {}
            values = [value for value, _ in accounts.values()]
            verdicts, outbox = (dict(lead.verdicts), list(lead.outbox)) if load else ({}, [])
            return Lead(replace(lead.fence), lead.context, found, list(accounts), values, verdicts, outbox)

    def check(self, fence: Fence) -> None:
        """See the protocol."""
        with self._lock:
            self._holds(self._lead.fence, fence, "judging")

    def judged(self, fence: Fence, judging: Judging) -> None:
        """See the protocol."""
        with self._lock:
            lead = self._lead
            self._holds(lead.fence, fence, "judging")
            fence.mark = fence.tried = lead.fence.mark = self._mark()
            if judging.whole:
                self._accounts, lead.verdicts, self._standings = {}, {}, {}
            lead.context, self._closed, self._read_to = judging.context, judging.closed, list(judging.read)
            self._accounts.update({account: (value, evidence) for account, value, evidence in judging.accounts})
            for account in judging.dropped:
                self._accounts.pop(account, None)
            for account, verdict in judging.verdicts.items():
                if verdict is None:
                    lead.verdicts.pop(account, None)
                    self._standings.pop(account, None)
                else:
                    lead.verdicts[account] = verdict
                    self._standings[account] = standing(verdict, judging.height)
            self._standings_version += bool(judging.verdicts)
            lead.outbox += [finding for _, finding in judging.findings]
            self._findings.extend(judging.findings)
            self._placed.update({ruling.id: ruling for ruling in judging.placed})

    def sent(self, fence: Fence, count: int) -> None:
        """See the protocol."""
        with self._lock:
            if self._lead.fence.epoch != fence.epoch:
                raise Fenced("another worker judges now")
            del self._lead.outbox[:count]

    def account(self, account: str) -> bytes | None:
        """See the protocol."""
        found = self._accounts.get(account)
        return found[0] if found else None

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """See the protocol."""
        return [self.account(name) for name in names]

    def verdict(self, account: str) -> Verdict | None:
        """See the protocol."""
        return self._lead.verdicts.get(account)

    def top(self, count: int) -> list[str]:
        """See the protocol."""
        with self._lock:
            return sorted(self._accounts, key=lambda account: (-self._accounts[account][1], account))[:count]

    def context(self) -> bytes | None:
        """See the protocol."""
        return self._lead.context

    def standings_version(self) -> int:
        """See the protocol."""
        return self._standings_version

    def standings(self) -> dict[str, Standing]:
        """See the protocol."""
        with self._lock:
            return dict(self._standings)

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
            there = self._accounts.pop(account, None) is not None
            self._lead.verdicts.pop(account, None)
            self._standings_version += self._standings.pop(account, None) is not None
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
                self._accounts.pop(which, None)
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
            return sum(len(value) for value, _ in self._accounts.values())

    def ping(self) -> None:
        """See the protocol."""

    def close(self) -> None:
        """See the protocol."""


def open_store(url: str, options: StoreOptions) -> MemoryStore:
    """A store of this process alone, for ``memory://``."""
    return MemoryStore()
