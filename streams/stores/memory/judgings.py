"""The judging, in memory."""

from __future__ import annotations

from dataclasses import replace

from siphonwatch.streams.common.errors import Fenced, Moved
from siphonwatch.streams.stores.base import Fence, Judging, Lead
from siphonwatch.streams.stores.memory.data import Data


class Judgings(Data):
    """See :class:`siphonwatch.streams.stores.base.judgings.Judgings`."""

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
