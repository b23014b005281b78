"""What throttled accounts have left: GCRA in this process's memory, evened out with the other sidecars' through the store.

A decision looks at memory alone. Between decisions the charges of the last second are sent to the store, and what the others charged
meanwhile comes back: a fleet of sidecars keeps one limit, give or take what a second lets through.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from siphonwatch.streams.sidecar.gcra import Conformance, conform
from siphonwatch.streams.stores.base import Charge, Store

MOST = 100_000  # buckets that are kept: the least recently asked for goes first
MODELS = 32  # models of one account that have a bucket of their own: the others share one


@dataclass(slots=True)
class _Bucket:
    due: float = 0.0  # theoretical arrival time
    rate: float = 0.0  # requests a second
    charged: int = 0  # since the last exchange


class Buckets:
    """Buckets by account and model; ``take`` in the thread of decisions, ``exchange`` in another."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._charged: dict[tuple[str, str], _Bucket] = {}  # those with charges to tell
        self._models: Counter[str] = Counter()  # buckets of each account

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, account: str, model: str, rate: float) -> Conformance:
        """Whether one more request conforms to ``rate`` a second; if so it is charged."""
        with self._lock:
            key = (account, model)
            if key not in self._buckets and self._models[account] >= MODELS:
                key = (account, "")
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = _Bucket()
                self._models[account] += 1
            found = conform(bucket.due, self._now(), rate)
            bucket.due, bucket.rate, bucket.charged = found.tat, rate, bucket.charged + found.allowed
            self._buckets.move_to_end(key)
            if bucket.charged:
                self._charged[key] = bucket
            self._forget()
        return found

    def _forget(self) -> None:
        """Let go of the oldest bucket where it is full again, which is as if it had never been; or where there are too many."""
        key, oldest = next(iter(self._buckets.items()))
        if len(self._buckets) > MOST or (oldest.due <= self._now() and not oldest.charged):
            del self._buckets[key]
            self._charged.pop(key, None)
            self._models[key[0]] -= 1
            if not self._models[key[0]]:
                del self._models[key[0]]

    def exchange(self, store: Store) -> None:
        """Send what was charged and take over what others charged; where the store fails the charges wait for the next time."""
        with self._lock:
            charged = {key: (bucket, bucket.charged) for key, bucket in self._charged.items()}
        if not charged:
            return
        ahead = store.spend([Charge(*key, 1.0 / bucket.rate, count) for key, (bucket, count) in charged.items()])
        with self._lock:
            now = self._now()
            for (key, (bucket, count)), seconds in zip(charged.items(), ahead, strict=True):
                bucket.charged -= count
                bucket.due = max(bucket.due, now + seconds)
                if not bucket.charged:
                    self._charged.pop(key, None)
