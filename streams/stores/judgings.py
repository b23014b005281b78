"""The judging in Redis: accounts, verdicts and what else a tick's judging changes.

A judging of any size is written in steps that are short. Its chunks are put down in a list that nobody reads; one small write closes the
tick, from which on it counts; then the server writes chunk by chunk from that list. Whoever leads next finishes what was cut
short after it was closed; what was cut short before is as if it had never begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar, cast

import msgpack
import msgspec
import redis
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Behind, Fenced
from siphonwatch.streams.stores import scripts
from siphonwatch.streams.stores.base import KEPT_FINDINGS, UNREAD, Fault, Fence, Judging, Lead, read_standing, standing
from siphonwatch.streams.stores.server import MisplacedError, Server, ask, piped, refused

CHUNK = 1000  # accounts, verdicts or findings that are written, or read, in one step
UNUSED_SECONDS = 600  # that chunks live whose judging was never closed
NAMES = ("judge", "redo", "accounts", "ranking", "outbox", "standings", "findings", "placed", "verdicts")
T = TypeVar("T")
_verdict = msgspec.json.Decoder(Verdict)


def batched(things: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """``things`` in parts of ``size``, at most."""
    return (things[start : start + size] for start in range(0, len(things), size))


def chunks(judging: Judging) -> Iterator[scripts.Chunk]:
    """A judging in parts; the first also drops what was there, where the judging is the whole."""
    verdicts = [
        scripts.JudgedVerdict(account, msgspec.json.encode(standing(verdict, judging.height)), verdict_fields(verdict))
        if verdict is not None
        else scripts.JudgedVerdict(account, b"", {})
        for account, verdict in judging.verdicts.items()
    ]
    placed = [scripts.JudgedRuling(ruling.id, msgspec.json.encode(ruling)) for ruling in judging.placed]
    if judging.whole or placed:
        yield scripts.Chunk(whole=judging.whole, placed=placed)
    for accounts in batched(judging.accounts, CHUNK):
        yield scripts.Chunk(accounts=[scripts.JudgedAccount(*each) for each in accounts])
    for dropped in batched(judging.dropped, CHUNK):
        yield scripts.Chunk(dropped=list(dropped))
    for some in batched(verdicts, CHUNK):
        yield scripts.Chunk(verdicts=list(some))
    for findings in batched(judging.findings, CHUNK):
        yield scripts.Chunk(findings=[scripts.JudgedFinding(*each) for each in findings])


class Judgings:
    """What the store does for who judges."""

    def __init__(self, server: Server) -> None:
        self._server, self._key = server, server.of_topic
        self._looked = 0  # how far standings were gone through, for the verdicts that gateways read

    # ------------------------------------------------------------------------------------------------ writing

    def judged(self, fence: Fence, judging: Judging) -> None:
        """See the protocol."""
        server, fence.tried = self._server, self._server.mark()
        redo, accounts, staged = self._key(f"redo:{fence.tried}"), [], 0
        for chunk in self._joined(judging):
            accounts.append([verdict.account for verdict in chunk.verdicts])
            packed = scripts.packed(chunk)

            def stage(packed: bytes = packed) -> None:
                pipe = server.client.pipeline(transaction=False)
                pipe.rpush(redo, packed)
                pipe.expire(redo, UNUSED_SECONDS)
                piped(pipe)

            ask(stage)
            staged += 1
        read = msgspec.json.encode(judging.read).decode()
        call = scripts.Judged(fence.epoch, fence.mark, fence.tried, judging.context, judging.closed, read, staged, server.ttl)
        server.write([self._key("judge"), redo], call, "the judging")
        fence.mark = fence.tried
        for number, verdicts in enumerate(accounts):
            self._apply(fence.epoch, redo, number, verdicts)

    @staticmethod
    def _joined(judging: Judging) -> Iterator[scripts.Chunk]:
        """The chunks, small ones joined: most judgings are one step."""
        joined, size = scripts.Chunk(), 0
        for chunk in chunks(judging):
            more = len(chunk.accounts) + len(chunk.dropped) + len(chunk.verdicts) + len(chunk.findings)
            if size and size + more > CHUNK:
                yield joined
                joined, size = scripts.Chunk(), 0
            size += more
            joined = scripts.Chunk(
                joined.whole or chunk.whole, joined.accounts + chunk.accounts, joined.dropped + chunk.dropped,
                joined.verdicts + chunk.verdicts, joined.findings + chunk.findings, joined.placed + chunk.placed,
            )  # fmt: skip
        yield joined

    def _apply(self, epoch: int, redo: str, number: int, verdicts: list[str]) -> None:
        keys = [self._key(name) for name in NAMES] + [self._key(f"verdict:{account}") for account in verdicts]
        keys[1] = redo
        self._server.write(keys, scripts.Apply(epoch, number, self._server.ttl, KEPT_FINDINGS), "the judging")

    def sent(self, fence: Fence, count: int) -> None:
        """See the protocol."""
        answer, *_ = self._server.run([self._key("judge"), self._key("outbox")], scripts.Sent(fence.epoch, count))
        if answer == scripts.FENCED:
            raise Fenced("another worker judges now")

    # ------------------------------------------------------------------------------------------------ reading

    def check(self, fence: Fence) -> None:
        """See the protocol."""
        faults: list[Fault] = []
        found, epoch, counts = self._state(faults)
        if epoch > fence.epoch:
            raise Fenced("another worker judges now")
        if faults or epoch < fence.epoch or found != fence.mark:
            raise Behind("Redis has lost what was last written of the judging: it fell back to an earlier moment", "judging")
        self._counted(counts, faults)
        client = self._server.client
        if ask(lambda: client.hexists(self._key("judge"), "staged")):
            raise Behind("a judging is on its way in Redis that this judge has not closed", "judging")
        for name, length in (("outbox", client.llen), ("findings", client.xlen)):  # of the right type, however long
            key = self._key(name)
            self._server.read(key, lambda key=key, length=length: length(key), 0, faults)  # type: ignore[misc]
        if not faults:
            self._looked = self._look(self._looked, faults)
        if faults:
            raise Behind(f"{faults[0].key} holds less than was written to it", faults[0].what, kind=faults[0].kind)

    def _state(self, faults: list[Fault]) -> tuple[str, int, dict[str, int]]:
        """(mark, epoch, how many accounts and verdicts there should be)."""
        judge = self._key("judge")
        names = ("mark", "epoch", "accounts", "verdicts")
        found = self._server.read(judge, lambda: self._server.client.hmget(judge, *names), [None] * len(names), faults)
        try:
            numbers = [int(value or 0) for value in found[1:]]
        except ValueError:
            faults.append(Fault("unreadable", "context", self._server.set_aside(judge)))
            return "", 0, {}
        epoch, accounts, verdicts = numbers
        counts = {"accounts": accounts, "verdicts": verdicts, "standings": verdicts, "ranking": accounts}
        return (found[0] or b"").decode(errors="replace"), epoch, counts

    def _counted(self, counts: dict[str, int], faults: list[Fault]) -> None:
        """Hold what there is against what there should be."""
        client = self._server.client
        for name, count in counts.items():
            key, length = self._key(name), client.zcard if name == "ranking" else client.hlen
            known = len(faults)
            there = self._server.read(key, lambda key=key, length=length: length(key), 0, faults)  # type: ignore[misc]
            if there != count and len(faults) == known:
                faults.append(Fault("missing", name, f"{key}, {count - there} of {count} fields"))

    def _look(self, cursor: int, faults: list[Fault]) -> int:
        """See that some of the standings and verdicts that others read are as they were written; where to go on."""
        client, standings, verdicts = self._server.client, self._key("standings"), self._key("verdicts")
        nothing: tuple[int, dict[bytes, bytes]] = (0, {})
        following, found = self._server.read(standings, lambda: client.hscan(standings, cursor, count=CHUNK), nothing, faults)
        keys = [self._key(f"verdict:{account.decode(errors='replace')}") for account in found]

        def ask_all() -> list[Any]:
            pipe = client.pipeline(transaction=False)
            for account, key in zip(found, keys, strict=True):
                pipe.hget(verdicts, account)
                pipe.hmget(key, "json", "level")
            return cast(list[Any], pipe.execute(raise_on_error=False))

        answers = ask(ask_all)
        for key, stands, verdict, shown in zip(keys, found.values(), answers[::2], answers[1::2], strict=True):
            if isinstance(shown, redis.ResponseError) and "WRONGTYPE" in str(shown):
                faults.append(Fault("unreadable", "verdict", self._server.set_aside(key)))
            elif isinstance(shown, Exception):
                raise refused(shown)
            elif shown == [None, None]:
                faults.append(Fault("missing", "verdict", key))
            elif shown[0] != verdict or f'"level":"{shown[1].decode(errors="replace")}"'.encode() not in shown[0]:
                faults.append(Fault("unreadable", "verdict", self._server.set_aside(key)))
            if read_standing(stands) is UNREAD:
                faults.append(Fault("unreadable", "standings", standings))
        return int(following)

    def lead(self, load: bool = True) -> Lead:
        """See the protocol."""
        server, judge, faults = self._server, self._key("judge"), cast(list[Fault], [])
        self._state(faults)  # what cannot be read is set aside before it is claimed
        fence, before = server.claim(judge, "context", faults)
        lead = Lead(fence, None, before, faults=faults)
        self._finish(lead)
        _, _, counts = self._state(faults)
        self._counted(counts, faults)
        looked = self._look(0, faults)
        while looked:
            looked = self._look(looked, faults)
        lead.context = ask(lambda: server.client.hget(judge, "context"))
        if load:
            self._load(lead)
        return lead

    def _finish(self, lead: Lead) -> None:
        """Write what an earlier owner closed and did not come to write."""
        client, judge = self._server.client, self._key("judge")
        staged, applied, mark = ask(lambda: client.hmget(judge, "staged", "applied", "redo"))
        if staged is None:
            return
        redo = self._key(f"redo:{(mark or b'').decode(errors='replace')}")
        try:
            for number in range(int(applied or 0), int(staged)):
                packed = ask(lambda number=number: client.lindex(redo, number))  # type: ignore[misc]
                self._apply(lead.fence.epoch, redo, number, _whose(packed))
        except (Behind, MisplacedError, ValueError, TypeError, LookupError, AttributeError) as error:  # no chunk, whatever it is
            lead.faults.append(Fault("missing", "accounts", f"{redo} ({error})"))
            ask(lambda: client.hdel(judge, "staged", "applied", "redo"))

    def _load(self, lead: Lead) -> None:
        server = self._server

        def hash_of(name: str) -> dict[bytes, bytes]:
            key = self._key(name)
            return server.read(key, lambda: dict(server.client.hscan_iter(key, count=CHUNK)), {}, lead.faults)

        for account, value in hash_of("accounts").items():
            try:
                lead.accounts.append(account.decode())
            except UnicodeDecodeError:
                lead.faults.append(server.set_field_aside(self._key("accounts"), account, value))
            else:
                lead.values.append(value)
        for account, value in hash_of("verdicts").items():
            try:
                lead.verdicts[account.decode()] = _verdict.decode(value)
            except ValueError:
                lead.faults.append(server.set_field_aside(self._key("verdicts"), account, value))
        outbox = self._key("outbox")
        lead.outbox = server.read(outbox, lambda: cast(list[bytes], server.client.lrange(outbox, 0, -1)), [], lead.faults)


def _whose(packed: bytes | None) -> list[str]:
    """Of a chunk, whose verdicts it changes: their keys must be declared."""
    chunk = msgpack.unpackb(packed, raw=True) if packed else {b"verdicts": []}  # rows are no text, which the old form cannot say
    return [verdict[b"account"].decode() for verdict in chunk[b"verdicts"]]


def verdict_fields(verdict: Verdict) -> dict[str, str]:
    """A verdict as the plain hash that a gateway reads."""
    return {
        "level": verdict.level,
        "score": f"{verdict.score:.4f}",
        "flagged_at": "" if verdict.flagged_at is None else f"{verdict.flagged_at:.3f}",
        "campaign": verdict.campaign or "",
        "reasons": "; ".join(reason.text for reason in verdict.reasons),
        "json": msgspec.json.encode(verdict).decode(),
    }
