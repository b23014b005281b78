"""Partitions in Redis: panes, ids of requests, and the position that they include.

A pane is kept in parts, by the shards of its accounts. A partition's ``meta`` says what else there should be, how many rows of each part
and how many bytes of ids, so that what was evicted or deleted is noticed when it is next read or written. A partition that is not whole is
rewound: what is left of it is deleted, and its owner reads the log again, which gives the same panes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, cast

import msgspec
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.streams.common.errors import Behind
from siphonwatch.streams.stores.base import PARTS, Array, Claim, Fault, Fence, Position, Progress, ids_from_bytes, ids_to_bytes
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.connection import ask, misplaced, refused
from siphonwatch.streams.stores.redis.server import CHUNK, TOGETHER, Server, portions

_position = msgspec.json.Decoder(Position)
_read = msgspec.json.Decoder(list[int])


class LostError(Exception):
    """Something of a partition is not as it was written."""

    def __init__(self, partition: int, fault: Fault) -> None:
        super().__init__(fault.key)
        self.partition, self.fault = partition, fault


def by_part(accounts: Sequence[str], rows: Sequence[bytes]) -> list[scripts.CommitPart]:
    """Rows as the parts of a pane take them."""
    parts: dict[int, list[str | bytes]] = {}
    for account, row in zip(accounts, rows, strict=True):
        parts.setdefault(shard_of(account) % PARTS, []).extend((account, row))
    return [scripts.CommitPart(part, fields) for part, fields in parts.items()]


class Partitions:
    """What the store does for a partition's owner, and for the judge that closes its ticks."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def _key(self, partition: int, name: str) -> str:
        return self._server.of_partition(partition, name)

    def claim(self, partition: int) -> Claim:
        """See the protocol."""
        faults: list[Fault] = []
        fence, _ = self._server.claim(self._key(partition, "meta"), "position", faults)
        claim = Claim(fence, None, UNSEALED, faults=faults)
        try:
            self._load(partition, claim)
        except LostError as lost:
            self.rewind(partition)
            found = self.claim(partition)
            found.faults = [*faults, lost.fault, *found.faults]
            return found
        self._judged(partition, claim)
        return claim

    def _load(self, partition: int, claim: Claim) -> None:
        """What is stored of a partition; ``LostError`` where it is not whole."""
        meta = self._key(partition, "meta")
        stored = cast(dict[bytes, bytes], ask(lambda: self._server.client.hgetall(meta)))
        claim.rewound = b"rewound" in stored
        value = stored.get(b"position")
        if value is not None:
            try:
                claim.position = _position.decode(value)
                claim.sealed = int(stored.get(b"sealed", UNSEALED))
                int(stored.get(b"dropped", UNSEALED)), int(stored.get(b"watermark", UNSEALED)), stored.get(b"mark", b"").decode()
                ids, rows = dict[int, int](), dict[int, dict[int, int]]()
                for name, count in stored.items():
                    kind, *which = name.decode().split(":")
                    if kind == "ids":
                        ids[int(which[0])] = int(count)
                    elif kind == "rows" and int(which[0]) > claim.sealed:
                        rows.setdefault(int(which[0]), {})[int(which[1])] = int(count)
            except (ValueError, IndexError) as error:  # msgspec's errors are such too
                raise LostError(partition, self._server.set_field_aside(meta, "position", value)) from error
            for tick, length in sorted(ids.items()):
                claim.ids[tick] = self._ids(partition, tick, length)
            wanted = [(partition, tick, rows[tick]) for tick in sorted(rows)]
            claim.panes = [(tick, *found) for (_, tick, _), found in zip(wanted, self._rows(wanted), strict=True)]

    def _judged(self, partition: int, claim: Claim) -> None:
        """How far the judging is with this partition: what was judged may have outlived what was read."""
        judge = self._server.of_topic("judge")
        closed, read = self._server.read(judge, lambda: self._server.client.hmget(judge, "closed", "read"), [None, None], claim.faults)
        try:
            if closed and read and (offsets := _read.decode(read)):
                claim.closed, claim.judged = int(closed), offsets[partition] if partition < len(offsets) else 0
        except ValueError:  # then the judge finds the same, and says so
            claim.closed, claim.judged = UNSEALED, 0

    def _ids(self, partition: int, tick: int, length: int) -> Array:
        key, faults = self._key(partition, f"ids:{tick}"), cast(list[Fault], [])
        value = self._server.read(key, lambda: self._server.client.get(key), b"", faults) or b""
        if faults or len(value) != length:
            raise LostError(partition, faults[0] if faults else Fault("missing", "ids", key))
        return ids_from_bytes(value)

    def _rows(self, wanted: Sequence[tuple[int, int, dict[int, int]]]) -> list[tuple[list[str], Array]]:
        """(accounts, rows) of each (partition, tick, part -> rows in it), which nobody writes to meanwhile."""
        places = [(at, partition, tick, part) for at, (partition, tick, parts) in enumerate(wanted) for part in sorted(parts)]
        keys = [self._key(partition, f"pane:{tick}:{part}") for _, partition, tick, part in places]
        faults: list[Fault] = []
        lengths = [wanted[at][2][part] for at, _, _, part in places]
        found: list[tuple[list[str], Array]] = [([], state.empty(sum(parts.values()))) for _, _, parts in wanted]
        for some in portions(lengths, TOGETHER):  # so that all of it is in memory once, and not twice
            some_keys, some_lengths = keys[some.start : some.stop], lengths[some.start : some.stop]
            for place, rows in zip(some, self._server.hashes(some_keys, faults, some_lengths), strict=True):
                (at, partition, _, _), key = places[place], keys[place]
                if len(rows) != lengths[place]:
                    aside = (fault for fault in faults if fault.key.replace("}:aside:", "}:") == key)
                    raise LostError(partition, next(aside, Fault("missing", "pane", key)))
                accounts, into = found[at]
                try:
                    into[len(accounts) : len(accounts) + len(rows)] = state.from_bytes(list(rows.values()))
                    accounts += [account.decode() for account in rows]
                except ValueError as error:
                    raise LostError(partition, Fault("unreadable", "pane", self._server.set_aside(key))) from error
        return found

    def commit(
        self, partition: int, fence: Fence, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array], gone: Collection[int] = (),
    ) -> None:  # fmt: skip
        """See the protocol."""
        keys, ticks = [self._key(partition, "meta")], []
        for tick, (accounts, rows) in changed.items():
            parts = by_part(accounts, state.to_bytes(rows))
            keys += (self._key(partition, f"ids:{tick}"), *(self._key(partition, f"pane:{tick}:{each.part}") for each in parts))
            ticks.append(scripts.CommitTick(tick, ids_to_bytes(ids[tick]), parts))
        keys += [self._key(partition, f"ids:{tick}") for tick in gone]
        fence.tried = self._server.mark()
        call = scripts.Commit(
            fence.epoch, fence.mark, fence.tried, msgspec.json.encode(position), position.watermark, self._server.ttl, ticks, list(gone)
        )
        self._server.write(keys, call, f"partition {partition}", partition)
        fence.mark = fence.tried

    def positions(self, partitions: int) -> list[Progress]:
        """See the protocol."""

        def ask_all() -> list[Any]:
            pipe = self._server.client.pipeline(transaction=False)
            for partition in range(partitions):
                pipe.hmget(self._key(partition, "meta"), "position", "sealed", "mark", "dropped")
            return cast(list[Any], pipe.execute(raise_on_error=False))

        return [self._progress(found) for found in ask(ask_all)]

    @staticmethod
    def _progress(found: Any) -> Progress:
        """What is not there, or does not decode, is no progress: the owner finds it too, at its next write or claim."""
        if isinstance(found, Exception):
            if misplaced(found):
                return Progress(None)
            raise refused(found)
        position, sealed, mark, dropped = found
        try:
            return Progress(
                _position.decode(position) if position else None, int(sealed or UNSEALED), (mark or b"").decode(), int(dropped or UNSEALED)
            )
        except ValueError:
            return Progress(None)

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[dict[int, dict[int, int]], list[int]]:
        """See the protocol."""
        meta = self._key(partition, "meta")
        due = self._server.write([meta], scripts.Seal(tick, mark), f"partition {partition}", partition)
        counts, old = dict[int, dict[int, int]](), set[int]()
        try:
            for each, part, rows in zip(due[::3], due[1::3], due[2::3], strict=True):
                if int(each) > after:
                    counts.setdefault(int(each), {})[int(part)] = int(rows)
                else:
                    old.add(int(each))
        except ValueError as error:
            raise self._behind(LostError(partition, Fault("unreadable", "position", meta))) from error
        return {each: counts[each] for each in sorted(counts)}, sorted(old)

    def panes(self, wanted: Sequence[tuple[int, int, dict[int, int]]]) -> list[Pane]:
        """See the protocol."""
        try:
            found = self._rows(wanted)
        except LostError as lost:
            raise self._behind(lost) from lost
        ticks: dict[int, int] = {}
        for partition, tick, _ in wanted:
            ticks[partition] = max(ticks.get(partition, tick), tick)
        metas = [self._key(partition, "meta") for partition in ticks]
        sealed = self._server.read_all(metas, lambda pipe, key: pipe.hget(key, "sealed"), cast(bytes | None, None))
        for (partition, tick), value in zip(ticks.items(), sealed, strict=True):
            if int(value or UNSEALED) < tick:
                raise Behind(f"Redis fell back while the panes of partition {partition} were read", "partition", partition)
        return [Pane({account: at for at, account in enumerate(accounts)}, rows) for accounts, rows in found]

    def _behind(self, lost: LostError) -> Behind:
        """What is told of a partition that is not whole, once it is rewound."""
        self.rewind(lost.partition)
        return Behind(f"{lost.fault.key} is not as it was written", lost.fault.what, lost.partition, lost.fault.kind)

    def drop(self, partition: int, ticks: list[int]) -> None:
        """See the protocol."""
        if ticks:
            panes = (self._key(partition, f"pane:{tick}:{part}") for tick in ticks for part in range(PARTS))
            self._server.write([self._key(partition, "meta"), *panes], scripts.Drop(ticks, PARTS), f"partition {partition}", partition)

    def rewind(self, partition: int) -> None:
        """See the protocol."""
        client, tag = self._server.client, self._key(partition, "")

        def left() -> list[str]:
            pattern = tag.replace("[", "\\[") + "*"
            names = [key.decode().removeprefix(tag) for key in client.scan_iter(match=pattern, count=CHUNK)]
            return [f"{tag}{name}" for name in names if name.startswith(("pane:", "ids:"))]

        call = scripts.Rewind(self._server.mark(), self._server.ttl)
        meta = self._key(partition, "meta")
        keys = [meta, *ask(left)]
        self._server.again([meta], lambda: self._server.run(keys, call))
