"""Shards in Redis, as their keepers write them: what is staged, and what is applied once its judging is closed.

A shard's ``shard`` says what else there should be: how many accounts and verdicts, as of which judging. What is applied is written chunk by
chunk, each once; whoever cuts it short leaves behind how far it came, and whoever loads the shard next finishes it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

from siphonwatch.streams.common.errors import Behind, Fenced, Unavailable
from siphonwatch.streams.stores.base import Fault, Fence, Owners, ShardJudging
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.server import Server
from siphonwatch.streams.stores.redis.staging import shard_chunks, stage, whose

ATTEMPTS = 10  # to write a shard anew: each may meet another key that cannot be read, and sets it aside


@dataclass(slots=True)
class Work:
    """Chunks to be written to a shard."""

    redo: str  # name of the chunks
    expects: str
    becomes: str
    chunks: list[tuple[list[str], int]]  # of each (whose verdicts it changes, how much it changes)
    start: int = 0  # the first that is to be written
    whole: bool = False


def write(server: Server, fences: dict[int, Fence], work: dict[int, Work]) -> dict[int, Fault]:
    """Write chunks: of all shards the first, then of all the next; what is wrong with shards that could not be written."""
    wrong: dict[int, Fault] = {}
    fenced, done = set[int](), set[int]()
    for number in range(max((len(each.chunks) for each in work.values()), default=0)):
        due = [
            shard for shard, each in work.items() if each.start <= number < len(each.chunks) and shard not in wrong.keys() | done | fenced
        ]
        calls = [(_keys(server, shard, work[shard], number), _call(server, fences[shard].epoch, work[shard], number)) for shard in due]
        weights = [max(work[shard].chunks[number][1], 1) for shard in due]
        for shard, (answer, *rest) in zip(due, server.run_all(calls, weights), strict=True):
            if answer == scripts.DONE:
                done.add(shard)
            elif answer == scripts.FENCED:
                fenced.add(shard)
            elif answer != scripts.OK:
                wrong[shard] = _fault(server, shard, answer, rest)
    if fenced:
        raise Fenced(f"another keeps shards {sorted(fenced)}")
    return wrong


def _keys(server: Server, shard: int, work: Work, number: int) -> list[str]:
    names = ["shard", f"redo:{work.redo}", "accounts", "ranking", "verdicts", "standings"]
    return [server.of_shard(shard, name) for name in names + [f"verdict:{account}" for account in work.chunks[number][0]]]


def _call(server: Server, epoch: int, work: Work, number: int) -> scripts.Apply:
    return scripts.Apply(epoch, work.expects, work.becomes, work.redo, number, work.whole, server.ttl)


def _fault(server: Server, shard: int, answer: bytes, rest: list[bytes]) -> Fault:
    if answer == scripts.BEHIND:
        return Fault("fell_back", "accounts", server.of_shard(shard, "shard"))
    key = rest[0].decode()
    what = server.what(key)
    return Fault("unreadable", what, server.set_aside(key)) if answer == scripts.MISPLACED else Fault("missing", what, key)


class Shards:
    """What the store does for who keeps shards, beside loading and checking them."""

    def __init__(self, server: Server) -> None:
        self._server = server

    # ----------------------------------------------------------------------------------------------- keeping

    def hold(self, owner: str, partitions: Sequence[int], shards: Sequence[int]) -> dict[int, Fence]:
        """See the protocol. A shard's key that cannot be read is set aside first."""
        server, fences, due = self._server, dict[int, Fence](), list(shards)
        above = self._moves()
        while due:
            answers = server.run_all([([server.of_shard(shard, "shard")], scripts.Hold(above, server.ttl)) for shard in due])
            again = []
            for shard, (answer, *rest) in zip(due, answers, strict=True):
                if answer == scripts.MISPLACED:
                    server.faults.append(Fault("unreadable", "accounts", server.set_aside(rest[0].decode())))
                    again.append(shard)
                else:
                    fences[shard] = Fence(int(rest[0]), rest[1].decode(errors="replace"))
            due = again
        least = max((fence.epoch for fence in fences.values()), default=0)
        self._move(scripts.Move(owner, [str(partition) for partition in partitions], False, least, server.ttl))
        return {shard: fences[shard] for shard in shards}

    def resign(self, owner: str) -> None:
        """See the protocol."""
        self._move(scripts.Move(owner, [], True, 0, self._server.ttl))

    def _move(self, call: scripts.Move) -> None:
        server = self._server
        keys = [server.of_topic("judge"), server.of_topic("owners")]
        while (answer := server.run(keys, call))[0] == scripts.MISPLACED:
            key = answer[1].decode()
            server.faults.append(Fault("unreadable", server.what(key), server.set_aside(key)))

    def _moves(self) -> int:
        """How often shards have moved; no fence that was handed out has a higher epoch."""
        server, judge = self._server, self._server.of_topic("judge")
        value = server.read(judge, lambda: cast(bytes | None, server.client.hget(judge, "moves")), None)
        return int(value) if value is not None and value.isdigit() else 0

    def owners(self) -> Owners:
        """See the protocol."""
        server, key = self._server, self._server.of_topic("owners")
        found = Owners(self._moves())  # before the owners are read
        for partition, owner in server.read(key, lambda: server.client.hgetall(key), dict[bytes, bytes]()).items():
            try:
                found.of[int(partition)] = owner.decode()
            except ValueError:
                server.faults.append(server.set_field_aside(key, partition, owner))
        return found

    # ----------------------------------------------------------------------------------------------- writing

    def stage(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> None:
        """See the protocol."""
        server = self._server
        stage(
            server,
            (
                (server.of_shard(shard, f"redo:{mark}"), number, chunk)
                for shard, change in changes.items()
                for number, chunk in enumerate(shard_chunks(change, fences[shard].mark))
            ),
        )

    def apply(self, mark: str, fences: dict[int, Fence], changes: dict[int, ShardJudging]) -> list[tuple[int, Fault]]:
        """See the protocol."""
        work = {shard: Work(mark, fences[shard].mark, mark, whose(change)) for shard, change in changes.items()}
        wrong = write(self._server, fences, work)
        for shard in changes.keys() - wrong.keys():
            fences[shard].mark = mark
        return sorted(wrong.items(), key=lambda each: each[0])

    def rewrite(self, fences: dict[int, Fence], whole: dict[int, ShardJudging]) -> None:
        """See the protocol. Verdicts that are there and not in ``whole`` are deleted."""
        server, name = self._server, self._server.mark()
        self._mine(fences)
        due = self._without_others(whole)
        self.stage(name, fences, due)
        for _ in range(ATTEMPTS):
            work = {shard: Work(name, "", fences[shard].mark, whose(everything), whole=True) for shard, everything in due.items()}
            wrong = write(server, fences, work)
            due = {shard: due[shard] for shard in wrong}
            if any(fault.kind != "unreadable" for fault in wrong.values()):
                fault = next(fault for fault in wrong.values() if fault.kind != "unreadable")
                raise Behind(f"{fault.key} holds less than was written to it", fault.what, kind=fault.kind)
            server.faults += wrong.values()
            if not due:
                return
        raise Unavailable(f"Redis holds keys of another type again and again in shards {sorted(due)}: see who else writes there")

    def _mine(self, fences: dict[int, Fence]) -> None:
        found = self._server.read_all(
            [self._server.of_shard(shard, "shard") for shard in fences], lambda pipe, key: pipe.hget(key, "epoch"), cast(bytes | None, None)
        )
        for (shard, fence), epoch in zip(fences.items(), found, strict=True):
            if epoch is not None and epoch.isdigit() and int(epoch) > fence.epoch:
                raise Fenced(f"another keeps shard {shard}")

    def _without_others(self, whole: dict[int, ShardJudging]) -> dict[int, ShardJudging]:
        """The same, and no verdict on anybody else."""
        server, made = self._server, dict[int, ShardJudging]()
        keys = {server.of_shard(shard, name): shard for shard in whole for name in ("verdicts", "standings")}
        known: dict[int, set[str]] = {shard: set() for shard in whole}
        for shard, names in zip(keys.values(), server.read_all(list(keys), lambda pipe, key: pipe.hkeys(key), list[bytes]()), strict=True):
            known[shard] |= {account.decode() for account in names if _is_text(account)}
        for shard, everything in whole.items():
            gone = dict.fromkeys(sorted(known[shard] - everything.verdicts.keys()))
            made[shard] = ShardJudging(everything.accounts, [], {**gone, **everything.verdicts}, everything.height)
        return made


def _is_text(value: bytes) -> bool:
    try:
        value.decode()
    except UnicodeDecodeError:
        return False
    return True
