"""What throttled accounts have left: GCRA in this process's memory, evened out with the other sidecars' through the store.

A decision looks at memory alone. Between decisions the charges of the last second are sent to the store, and what the others charged
meanwhile comes back: a fleet of sidecars keeps one limit, give or take what a second lets through.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Callable

from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.sidecar.gcra import Conformance, conform
from siphonwatch.streams.stores.base import Charge, Store

MOST = 100_000  # accounts and models whose buckets are kept: the least recently asked for goes first


class Buckets:
    """Buckets by account and model; ``take`` in the thread of decisions, ``exchange`` in another."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._lock = now, threading.Lock()
        self._due: OrderedDict[tuple[str, str], float] = OrderedDict()  # theoretical arrival times
        self._rates: dict[tuple[str, str], float] = {}
        self._charged: Counter[tuple[str, str]] = Counter()

    def __len__(self) -> int:
        return len(self._due)

    def take(self, account: str, model: str, rate: float) -> Conformance:
        """Whether one more request conforms to ``rate`` a second; if so it is charged."""
        key = (account, model)
        with self._lock:
            found = conform(self._due.get(key, 0.0), self._now(), rate)
            self._due[key], self._rates[key] = found.tat, rate
            self._due.move_to_end(key)
            self._charged[key] += found.allowed
            if len(self._due) > MOST:
                oldest, _ = self._due.popitem(last=False)
                self._rates.pop(oldest, None)
                self._charged.pop(oldest, None)
        return found

    def exchange(self, store: Store) -> None:
        """Send what was charged and take over what others charged; ``Unavailable`` leaves the charges for the next time."""
        with self._lock:
            charged, self._charged = self._charged, Counter()
            charges = [Charge(account, model, 1.0 / self._rates[account, model], count) for (account, model), count in charged.items()]
        if not charges:
            return
        try:
            ahead = store.spend(charges)
        except Unavailable:
            with self._lock:
                self._charged.update(charged)
            raise
        with self._lock:
            now = self._now()
            for key, seconds in zip(charged, ahead, strict=True):
                if key in self._due:
                    self._due[key] = max(self._due[key], now + seconds)
