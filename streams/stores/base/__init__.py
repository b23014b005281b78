"""What a store keeps, and the promise each backend gives.

Two things are written, each all or nothing: a partition's panes with the position they include, and a judging with the accounts of all
shards that it changed. Each is fenced: a writer says which write it expects to find as the newest, so that neither an earlier
owner nor an owner whose store has fallen back to an earlier moment writes on. Every call may block on the network and raises
``Unavailable`` when the store does not answer; the caller retries, after loading what is there.

A judging is many writers' work. Whoever keeps a shard *stages* what changed in it, which counts for nothing yet; the judge closes the
tick in one small write, which names the mark of each shard's newest judging, and from then on all of it counts; then keepers *apply*
what they staged. Whoever loads a shard next finishes what was closed and not applied. When a shard moves to another keeper, no
judging that began before can be closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from siphonwatch.streams.stores.base.channel import Channel
from siphonwatch.streams.stores.base.fences import Fault, Fence
from siphonwatch.streams.stores.base.judgings import Judging, Judgings, Lead
from siphonwatch.streams.stores.base.partitions import Array, Claim, Partitions, Position, Progress, ids_from_bytes, ids_to_bytes
from siphonwatch.streams.stores.base.reading import KEPT_FINDINGS, UNREAD, Charge, Reading, Standing, read_standing, standing
from siphonwatch.streams.stores.base.rulings import Rulings, merged
from siphonwatch.streams.stores.base.shards import PARTS, Kept, Owners, ShardJudging, Shards, shards_of


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """What the settings say to any store."""

    topic: str  # whose accounts it holds
    prefix: str = "siphonwatch"  # first part of every key
    ttl: int = 14 * 86_400  # seconds that what is not touched is kept


class Store(Partitions, Shards, Channel, Judgings, Reading, Rulings, Protocol):
    """Where states live between batches, workers and restarts."""

    def set_aside(self, what: str, which: str | bytes = b"") -> Fault:
        """Move the ``context``, the ``account`` of a name, or a finding in the ``outbox`` out of the way, as it does not decode."""
        ...

    def take_faults(self) -> list[Fault]:
        """What was found not to be as it was written since this was last asked, beside what claims, leads and exceptions say."""
        ...

    def secret(self, proposed: bytes) -> bytes:
        """The secret that this topic's store keeps, without an end: ``proposed`` where it has none yet. All who ask get the same."""
        ...

    def used_bytes(self) -> int:
        """Memory the store uses."""
        ...

    def ping(self) -> None:
        """Raise ``Unavailable`` when the store does not answer."""
        ...

    def close(self) -> None:
        """Give connections back."""
        ...


__all__ = [
    "KEPT_FINDINGS",
    "PARTS",
    "UNREAD",
    "Array",
    "Charge",
    "Claim",
    "Fault",
    "Fence",
    "Judging",
    "Kept",
    "Lead",
    "Owners",
    "Position",
    "Progress",
    "ShardJudging",
    "Standing",
    "Store",
    "StoreOptions",
    "ids_from_bytes",
    "ids_to_bytes",
    "merged",
    "read_standing",
    "shards_of",
    "standing",
]
