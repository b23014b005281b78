"""Shards in Redis, as their keepers find them: what was closed is applied first, then all of it is held against what should be there."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, cast

import msgspec
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Fenced, Unavailable
from siphonwatch.streams.stores.base import UNREAD, Fault, Fence, Kept, read_standing
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.connection import ask, misplaced, refused
from siphonwatch.streams.stores.redis.server import CHUNK, Server, portions, shard_in
from siphonwatch.streams.stores.redis.shards import Work, write
from siphonwatch.streams.stores.redis.staging import names_in

HOLDING = ("accounts", "ranking", "verdicts", "standings")  # keys of a shard that hold as much as is noted of it
LOST = ("accounts", "account")  # faults that only the log mends; all others follow from the accounts
LOOKED = 32  # shards whose standings are looked at in one check: of all 256 within some twenty seconds
WEIGHT = CHUNK // 10  # of a chunk that is read back: some megabytes in one round trip
_verdict = msgspec.json.Decoder(Verdict)
_table = msgspec.json.Decoder(list[str])


def read_table(value: bytes | None) -> list[str]:
    """Of each shard the mark of the newest judging that changed it. ``ValueError`` where that does not decode."""
    found = _table.decode(value) if value else [""] * SHARDS
    if len(found) != SHARDS:
        raise ValueError(f"{len(found)} shards")
    return found


@dataclass(slots=True)
class Look:
    """How a shard stood at one moment."""

    epoch: int = 0
    mark: str = ""
    redo: str = ""  # of something that is being written, how much of it, how far that came and what mark it ends with
    staged: int | None = None
    applied: int = 0
    becomes: str = ""
    noted: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HOLDING, 0))  # how much there should be ...
    there: dict[str, int] = field(default_factory=lambda: dict.fromkeys(HOLDING, 0))  # ... and how much there is, -1 where of another type


def read_look(answer: Sequence[Any]) -> Look:
    """A look as its script answers it. ``ValueError`` where what is noted does not decode."""
    epoch, mark, redo, staged, applied, becomes, accounts, verdicts = answer[: len(scripts.LOOKED)]
    noted = (int(accounts or 0), int(accounts or 0), int(verdicts or 0), int(verdicts or 0))
    return Look(
        int(epoch or 0), mark.decode(), redo.decode(), int(staged) if staged else None, int(applied or 0), becomes.decode(),
        dict(zip(HOLDING, noted, strict=True)), dict(zip(HOLDING, answer[len(scripts.LOOKED) :], strict=True)),
    )  # fmt: skip


def read_judged(server: Server, judged: bytes | None, shards: bytes | None, faults: list[Fault]) -> tuple[str, list[str]]:
    """(the mark of the newest judging that was closed, of each shard the mark of the newest that changed it).

    Who judges and who keeps shards read these in one way, or they would never agree on what is stored.
    """
    try:
        table = read_table(shards)
    except ValueError:
        faults.append(server.set_field_aside(server.of_topic("judge"), "shards", shards or b""))
        table = read_table(None)
    return (judged or b"").decode(errors="replace"), table


class Loading:
    """What the store does for who takes shards over, and sees after them."""

    def __init__(self, server: Server) -> None:
        self._server, self._key = server, server.of_shard
        self._turn = 0  # whose standings are looked at next

    # --------------------------------------------------------------------------------------------- looking

    def _look(self, fences: dict[int, Fence], faults: list[Fault]) -> dict[int, Look]:
        """How shards stand; what is noted of one and cannot be read is set aside. ``Fenced`` where another keeps one."""
        server, found = self._server, dict[int, Look]()
        calls = [([self._key(shard, name) for name in ("shard", *HOLDING)], scripts.Look()) for shard in fences]
        for (shard, fence), (answer, *rest) in zip(fences.items(), server.run_all(calls, [10] * len(calls)), strict=True):
            look = None
            if answer == scripts.OK:
                with contextlib.suppress(ValueError):
                    look = read_look(rest)
            if look is None:
                faults.append(Fault("unreadable", "accounts", server.set_aside(self._key(shard, "shard"))))
            elif look.epoch > fence.epoch:
                raise Fenced(f"another keeps shard {shard}")
            found[shard] = look or Look()
        return found

    def _counted(self, shard: int, look: Look, faults: list[Fault]) -> None:
        """Hold what there is against what should be."""
        for name in HOLDING:
            key, there, noted = self._key(shard, name), look.there[name], look.noted[name]
            if there < 0:
                faults.append(Fault("unreadable", name, self._server.set_aside(key)))
            elif there != noted:
                faults.append(Fault("missing", name, f"{key}, {noted - there} of {noted} fields"))

    def _shown(self, standings: Sequence[tuple[int, bytes, bytes]], faults: list[Fault]) -> None:
        """See that (shard, account, standing) each, and the verdicts that others read, are as they were written."""
        for some in portions([2] * len(standings), CHUNK):
            part = standings[some.start : some.stop]
            keys = [self._key(shard, f"verdict:{account.decode(errors='replace')}") for shard, account, _ in part]

            def ask_all(part: Any = part, keys: Any = keys) -> list[Any]:
                pipe = self._server.client.pipeline(transaction=False)
                for (shard, account, _), key in zip(part, keys, strict=True):
                    pipe.hget(self._key(shard, "verdicts"), account)
                    pipe.hmget(key, "json", "level")
                return cast(list[Any], pipe.execute(raise_on_error=False))

            answers = ask(ask_all)
            for (shard, _, stands), key, verdict, shown in zip(part, keys, answers[::2], answers[1::2], strict=True):
                for answer in (verdict, shown):
                    if isinstance(answer, Exception) and not misplaced(answer):
                        raise refused(answer)
                if misplaced(shown):
                    faults.append(Fault("unreadable", "verdict", self._server.set_aside(key)))
                elif shown == [None, None]:
                    faults.append(Fault("missing", "verdict", key))
                elif None in shown or shown[0] != verdict or f'"level":"{shown[1].decode(errors="replace")}"'.encode() not in shown[0]:
                    faults.append(Fault("unreadable", "verdict", self._server.set_aside(key)))
                if read_standing(stands) is UNREAD:
                    faults.append(Fault("unreadable", "standings", self._key(shard, "standings")))

    # --------------------------------------------------------------------------------------------- checking

    def check_shards(self, fences: dict[int, Fence]) -> list[tuple[int, Fault]]:
        """See the protocol. Of some shards more each time: what gateways and sidecars read, and how long it is kept."""
        faults: list[Fault] = []
        looks = self._look(fences, faults)
        for shard, look in looks.items():
            fence, key = fences[shard], self._key(shard, "shard")
            if look.epoch < fence.epoch or look.mark != fence.mark or look.staged is not None:
                faults.append(Fault("fell_back" if look.epoch else "missing", "accounts", key))
            self._counted(shard, look, faults)
        if fences and not faults:
            self._look_on(looks, faults)
        return [(shard_in(fault.key), fault) for fault in faults]

    def _look_on(self, looks: dict[int, Look], faults: list[Fault]) -> None:
        """Look at the standings of the next shards, in few round trips; and keep what does not change as long as somebody keeps it."""
        shards = sorted(looks)
        shards = [shards[(self._turn + at) % len(shards)] for at in range(min(LOOKED, len(shards)))]
        held = list(accumulate(looks[shard].there["standings"] for shard in shards))
        shards = [shard for shard, much in zip(shards, held, strict=True) if shard == shards[0] or much <= CHUNK]
        self._turn += len(shards)
        found = self._server.hashes(
            [self._key(shard, "standings") for shard in shards], faults, [looks[shard].there["standings"] for shard in shards]
        )
        self._shown([(shard, *each) for shard, stands in zip(shards, found, strict=True) for each in stands.items()], faults)
        keys = [self._key(shard, name) for shard in shards for name in ("shard", *HOLDING)]
        with contextlib.suppress(Unavailable):  # a server that only reads keeps them for long enough
            self._server.read_all(keys, lambda pipe, key: pipe.expire(key, self._server.ttl), 0)

    # --------------------------------------------------------------------------------------------- loading

    def load(self, fences: dict[int, Fence]) -> Kept:
        """See the protocol. The fences then have the marks that the newest judging says, also where something else is there."""
        faults: list[Fault] = []
        kept, table = self._judge(faults)
        looks = self._look(fences, faults)
        begun = {shard: each for shard, each in looks.items() if each.staged is not None}
        if begun:
            self._finish(
                {shard: Work(each.redo, each.mark, each.becomes, [], each.applied) for shard, each in begun.items()}, fences, faults
            )
            looks |= self._look({shard: fences[shard] for shard in begun}, faults)
        due = {
            shard: Work(table[shard], each.mark, table[shard], []) for shard, each in looks.items() if table[shard] not in ("", each.mark)
        }
        if due:
            self._finish(due, fences, faults)
            looks |= self._look({shard: fences[shard] for shard in due}, faults)
        for shard, look in looks.items():
            fence, key = fences[shard], self._key(shard, "shard")
            if look.epoch < fence.epoch or look.mark != table[shard] or look.staged is not None:
                faults.append(Fault("fell_back" if look.mark else "missing", "accounts", key))
            fence.mark = table[shard]
        again = self._read(looks, kept, faults)
        if again:  # an account was erased meanwhile, or something is gone
            looks = self._look({shard: fences[shard] for shard in again}, faults)
            for shard in self._read(looks, kept, faults):
                faults.append(Fault("missing", "accounts", self._key(shard, "accounts")))
        for fault in faults:
            if fault.what != "context":
                (kept.lost if fault.what in LOST else kept.derived).add(shard_in(fault.key))
        kept.faults = faults
        return kept

    def _judge(self, faults: list[Fault]) -> tuple[Kept, list[str]]:
        """What the newest judging that was closed says, at one moment."""
        server, judge, names = self._server, self._server.of_topic("judge"), ("judged", "shards", "context")
        found = server.read(judge, lambda: server.client.hmget(judge, *names), [None] * len(names), faults)
        judged, table = read_judged(server, found[0], found[1], faults)
        return Kept(judged, found[2]), table

    def _finish(self, work: dict[int, Work], fences: dict[int, Fence], faults: list[Fault]) -> None:
        """Write what was closed and is not written, or not all of it; what is not there any more is found to be missing later."""
        server = self._server
        redo = {shard: self._key(shard, f"redo:{each.redo}") for shard, each in work.items()}
        lengths = server.read_all(list(redo.values()), lambda pipe, key: pipe.hlen(key), 0, faults)
        stored = server.hashes(list(redo.values()), faults, [length * WEIGHT for length in lengths])
        bad = []
        for (shard, each), length, found in zip(work.items(), lengths, stored, strict=True):
            try:
                each.chunks = [(names_in(found.get(str(number).encode(), b"")), CHUNK) for number in range(length)]
            except ValueError:
                each.chunks = []
            if not each.chunks:
                bad.append(shard)
        faults += [Fault("missing", "accounts", redo[shard]) for shard in bad]
        faults += write(server, fences, work).values()

    def _read(self, looks: dict[int, Look], kept: Kept, faults: list[Fault]) -> list[int]:
        """Take what shards hold; those of which that is not as much as was seen."""
        server, off, stands = self._server, list[int](), list[tuple[int, bytes, bytes]]()
        found: dict[str, list[dict[bytes, bytes]]] = {}
        for name in ("accounts", "verdicts", "standings"):
            keys = [self._key(shard, name) for shard in looks]
            found[name] = server.hashes(keys, faults, [max(look.there[name], 0) for look in looks.values()])
        for at, (shard, look) in enumerate(looks.items()):
            if any(len(found[name][at]) != max(look.there[name], 0) for name in found):
                off.append(shard)
                continue
            self._counted(shard, look, faults)
            self._accounts(shard, found["accounts"][at], kept, faults)
            self._verdicts(shard, found["verdicts"][at], kept, faults)
            stands += [(shard, *each) for each in found["standings"][at].items()]
        self._shown(stands, faults)
        return off

    def _accounts(self, shard: int, found: dict[bytes, bytes], kept: Kept, faults: list[Fault]) -> None:
        for account, value in found.items():
            try:
                kept.accounts.append(account.decode())
            except UnicodeDecodeError:
                faults.append(self._server.set_field_aside(self._key(shard, "accounts"), account, value))
            else:
                kept.values.append(value)

    def _verdicts(self, shard: int, found: dict[bytes, bytes], kept: Kept, faults: list[Fault]) -> None:
        for account, value in found.items():
            try:
                kept.verdicts[account.decode()] = _verdict.decode(value)
            except ValueError:
                faults.append(self._server.set_field_aside(self._key(shard, "verdicts"), account, value))
