"""What others read, from memory."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import islice

from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base import Charge, Standing
from siphonwatch.streams.stores.memory.data import Data


class Reading(Data):
    """See :class:`siphonwatch.streams.stores.base.reading.Reading`."""

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
