"""The store of one process, of its parts."""

from __future__ import annotations

from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.streams.stores.base import Fault, StoreOptions
from siphonwatch.streams.stores.memory.channel import Channel
from siphonwatch.streams.stores.memory.judgings import Judgings
from siphonwatch.streams.stores.memory.partitions import Partitions
from siphonwatch.streams.stores.memory.reading import Reading
from siphonwatch.streams.stores.memory.rulings import Rulings
from siphonwatch.streams.stores.memory.shards import Shards


class MemoryStore(Partitions, Shards, Channel, Judgings, Reading, Rulings):
    """See :class:`siphonwatch.streams.stores.base.Store`; never unavailable."""

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
