"""The judging in Redis: what the judge writes beside what keepers write of their shards.

What is told, and where rulings stand in the log, is put down in chunks that nobody reads; one small write closes the tick, from which on
all of it counts, the keepers' staged shards included; then the server writes chunk by chunk. Whoever leads next finishes what was cut short
after it was closed; what was cut short before is as if it had never begun.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import msgspec
from siphonwatch.streams.common.errors import Behind, Fenced
from siphonwatch.streams.stores.base import KEPT_FINDINGS, Fault, Fence, Judging, Lead
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.connection import MisplacedError, ask
from siphonwatch.streams.stores.redis.loading import read_judged
from siphonwatch.streams.stores.redis.server import Server
from siphonwatch.streams.stores.redis.staging import judge_chunks, stage

_read = msgspec.json.Decoder(list[int])


class Judgings:
    """What the store does for who judges."""

    def __init__(self, server: Server) -> None:
        self._server, self._key = server, server.of_topic

    # ------------------------------------------------------------------------------------------------ writing

    def judged(self, fence: Fence, judging: Judging) -> None:
        """See the protocol."""
        server, fence.tried = self._server, judging.mark
        redo, chunks = self._key(f"redo:{judging.mark}"), judge_chunks(judging)
        stage(server, ((redo, number, chunk) for number, chunk in enumerate(chunks)))
        read, shards = (msgspec.json.encode(each).decode() for each in (judging.read, judging.shards))
        call = scripts.Judged(
            fence.epoch, fence.mark, judging.mark, judging.context, judging.closed, read, shards, judging.moves, len(chunks), server.ttl
        )
        server.write([self._key("judge"), redo], call, "the judging")
        fence.mark = fence.tried
        for number in range(len(chunks)):
            self._tell(fence.epoch, judging.mark, number)

    def _tell(self, epoch: int, mark: str, number: int) -> None:
        keys = [self._key(name) for name in ("judge", f"redo:{mark}", "outbox", "findings", "placed")]
        self._server.write(keys, scripts.Tell(epoch, mark, number, self._server.ttl, KEPT_FINDINGS), "the judging")

    def announce(self, fence: Fence) -> None:
        """See the protocol; whoever says so, there is no harm in reading once more."""
        self.raise_standings()

    def raise_standings(self) -> None:
        """Tell sidecars that there is something to read."""
        self._server.write([self._key("judge")], scripts.Announce(self._server.ttl), "the judging")

    def sent(self, fence: Fence, count: int) -> None:
        """See the protocol."""
        answer, *_ = self._server.run([self._key("judge"), self._key("outbox")], scripts.Sent(fence.epoch, count))
        if answer == scripts.FENCED:
            raise Fenced("another worker judges now")

    # ------------------------------------------------------------------------------------------------ reading

    def check(self, fence: Fence) -> None:
        """See the protocol."""
        faults: list[Fault] = []
        found, epoch = self._state(faults)
        if epoch > fence.epoch:
            raise Fenced("another worker judges now")
        if faults or epoch < fence.epoch or found != fence.mark:
            raise Behind("Redis has lost what was last written of the judging: it fell back to an earlier moment", "judging")
        self._table(faults)
        client = self._server.client
        if ask(lambda: client.hexists(self._key("judge"), "staged")):
            raise Behind("a judging is on its way in Redis that this judge has not closed", "judging")
        for name, length in (("outbox", client.llen), ("findings", client.xlen)):  # of the right type, however long
            key = self._key(name)
            self._server.read(key, lambda key=key, length=length: length(key), 0, faults)  # type: ignore[misc]
        if faults:
            raise Behind(f"{faults[0].key} holds less than was written to it", faults[0].what, kind=faults[0].kind)

    def _state(self, faults: list[Fault]) -> tuple[str, int]:
        """(mark, epoch) of who judges."""
        judge = self._key("judge")
        mark, epoch = self._server.read(judge, lambda: self._server.client.hmget(judge, "mark", "epoch"), [None, None], faults)
        try:
            return (mark or b"").decode(errors="replace"), int(epoch or 0)
        except ValueError:
            faults.append(Fault("unreadable", "context", self._server.set_aside(judge)))
            return "", 0

    def _table(self, faults: list[Fault]) -> tuple[str, list[str]]:
        """(the mark of the newest judging that was closed, of each shard the mark of the newest that changed it)."""
        judge = self._key("judge")
        judged, shards = self._server.read(judge, lambda: self._server.client.hmget(judge, "judged", "shards"), [None, None], faults)
        if judged and not shards:
            faults.append(Fault("missing", "context", f"{judge} shards"))
        return read_judged(self._server, judged, shards, faults)

    def lead(self) -> Lead:
        """See the protocol."""
        server, judge, faults = self._server, self._key("judge"), cast(list[Fault], [])
        self._state(faults)  # what cannot be read is set aside before it is claimed
        fence, before = server.claim(judge, "context", faults)
        lead = Lead(fence, None, before, faults=faults)
        self._finish(lead)
        lead.judged, lead.shards = self._table(faults)
        lead.context, read = ask(lambda: server.client.hmget(judge, "context", "read"))
        try:
            lead.read = _read.decode(read) if read else []
        except ValueError:
            faults.append(replace(server.set_field_aside(judge, "read", read), what="position"))  # of the partitions
        outbox, findings = self._key("outbox"), self._key("findings")
        lead.outbox = server.read(outbox, lambda: cast(list[bytes], server.client.lrange(outbox, 0, -1)), [], faults)
        server.read(findings, lambda: server.client.xlen(findings), 0, faults)
        return lead

    def _finish(self, lead: Lead) -> None:
        """Write what an earlier owner closed and did not come to write."""
        client, judge = self._server.client, self._key("judge")
        staged, applied, mark = ask(lambda: client.hmget(judge, "staged", "applied", "redo"))
        if staged is None:
            return
        redo = (mark or b"").decode(errors="replace")
        try:
            for number in range(int(applied or 0), int(staged)):
                self._tell(lead.fence.epoch, redo, number)
        except (Behind, MisplacedError, ValueError) as error:
            lead.faults.append(Fault("missing", "findings", f"{self._key(f'redo:{redo}')} ({error})"))
            ask(lambda: client.hdel(judge, "staged", "applied", "redo"))
