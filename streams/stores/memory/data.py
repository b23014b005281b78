"""What the store of one process holds, and the lock that its promises rest on."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass, field

from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Behind, Fenced
from siphonwatch.streams.stores.base import KEPT_FINDINGS, Array, Fence, Lead, Owners, Position, ShardJudging, Standing, standing

KEPT_MESSAGES = 256  # to who keeps shards; who is further behind has missed some


@dataclass(slots=True)
class Partition:
    """A partition: its owner's fence, its position, its panes by tick and account."""

    fence: Fence = field(default_factory=lambda: Fence(0, ""))
    sealed: int = UNSEALED
    dropped: int = UNSEALED
    position: Position | None = None
    panes: dict[int, dict[str, bytes]] = field(default_factory=dict)
    ids: dict[int, Array] = field(default_factory=dict)
    rewound: bool = False


@dataclass(slots=True)
class Shard:
    """A shard: its keeper's fence, its accounts with their evidence, their verdicts and standings."""

    fence: Fence = field(default_factory=lambda: Fence(0, ""))
    accounts: dict[str, tuple[bytes, float]] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    standings: dict[str, Standing] = field(default_factory=dict)

    def change(self, changes: ShardJudging) -> None:
        """Take what a judging changes."""
        self.accounts.update({account: (value, evidence) for account, value, evidence in changes.accounts})
        for account in changes.dropped:
            self.accounts.pop(account, None)
        for account, verdict in changes.verdicts.items():
            self.verdicts.pop(account, None)
            self.standings.pop(account, None)
            if verdict is not None:
                self.verdicts[account], self.standings[account] = verdict, standing(verdict, changes.height)


class Data:
    """All that there is; each part of the store is about some of it."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._writes = 0
        self._partitions: dict[int, Partition] = {}
        self._lead = Lead(Fence(0, ""), None)
        self._closed, self._read_to = UNSEALED, list[int]()
        self._shards = [Shard() for _ in range(SHARDS)]
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

    def _at(self, partition: int) -> Partition:
        return self._partitions.setdefault(partition, Partition())

    def _mark(self) -> str:
        self._writes += 1
        return str(self._writes)

    @staticmethod
    def _holds(found: Fence, expected: Fence, what: str, partition: int | None = None) -> None:
        if found.epoch > expected.epoch:
            raise Fenced(f"the {what} has a new owner")
        if (found.epoch, found.mark) != (expected.epoch, expected.mark):
            raise Behind(f"the store has lost what was last written of the {what}", what, partition)
