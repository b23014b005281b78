"""Rulings, the audit log and what was erased, in memory."""

from __future__ import annotations

import time
from collections import deque

from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.streams.stores import erasing
from siphonwatch.streams.stores.base import KEPT_FINDINGS, merged
from siphonwatch.streams.stores.memory.data import Data


class Rulings(Data):
    """See :class:`siphonwatch.streams.stores.base.rulings.Rulings`."""

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

    def keep(self, rulings: list[Ruling]) -> int:
        """See the protocol."""
        with self._lock:
            lost = [ruling for ruling in rulings if ruling.id not in self._rulings]
            self._rulings.update({ruling.id: ruling for ruling in lost})
            return len(lost)

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
