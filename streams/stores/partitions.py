"""Partitions in Redis: panes, ids of requests, and the position that they include.

A partition's ``meta`` says what else there should be, how many rows of each pane and how many bytes of ids, so that what was evicted or
deleted is noticed when it is next read or written. A partition that is not whole is rewound: what is left of it is deleted, and its
owner reads the log again, which gives the same panes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

import msgspec
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.streams.common.errors import Behind
from siphonwatch.streams.stores import scripts
from siphonwatch.streams.stores.base import Array, Claim, Fault, Fence, Position, Progress, ids_from_bytes, ids_to_bytes
from siphonwatch.streams.stores.server import Server, ask, refused

CHUNK = 1000  # rows that are read in one step
_position = msgspec.json.Decoder(Position)
_read = msgspec.json.Decoder(list[int])


class LostError(Exception):
    """Something of a partition is not as it was written."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.key)
        self.fault = fault


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
                counts = []
                for name, count in stored.items():
                    kind, _, tick = name.decode().partition(":")
                    if kind in ("rows", "ids"):
                        counts.append((kind, int(tick), int(count)))
            except ValueError as error:  # msgspec's errors are such too
                raise LostError(self._server.set_field_aside(meta, "position", value)) from error
            for kind, each, expected in sorted(counts):
                if kind == "ids":
                    claim.ids[each] = self._ids(partition, each, expected)
                elif each > claim.sealed:
                    claim.panes.append((each, *self._pane(partition, each, expected)))

    def _judged(self, partition: int, claim: Claim) -> None:
        """How far the judging is with this partition: what was judged may have outlived what was read."""
        judge = self._server.of_topic("judge")
        closed, read = self._server.read(judge, lambda: self._server.client.hmget(judge, "closed", "read"), [None, None], claim.faults)
        try:
            if closed and read:
                offsets = _read.decode(read)
                claim.closed, claim.judged = int(closed), offsets[partition] if partition < len(offsets) else 0
        except ValueError:  # then the judge finds the same, and says so
            claim.closed, claim.judged = UNSEALED, 0

    def _ids(self, partition: int, tick: int, length: int) -> Array:
        key, faults = self._key(partition, f"ids:{tick}"), cast(list[Fault], [])
        value = self._server.read(key, lambda: self._server.client.get(key), b"", faults) or b""
        if faults or len(value) != length:
            raise LostError(faults[0] if faults else Fault("missing", "ids", key))
        return ids_from_bytes(value)

    def _pane(self, partition: int, tick: int, rows: int) -> tuple[list[str], Array]:
        """(accounts, rows) of a pane that nobody writes to meanwhile, read bit by bit."""
        server, key, faults = self._server, self._key(partition, f"pane:{tick}"), cast(list[Fault], [])
        nothing: dict[bytes, bytes] = {}
        found = server.read(key, lambda: dict(server.client.hscan_iter(key, count=CHUNK)), nothing, faults)
        if faults or len(found) != rows:
            raise LostError(faults[0] if faults else Fault("missing", "pane", key))
        try:
            return [account.decode() for account in found], state.from_bytes(list(found.values()))
        except ValueError as error:
            to = server.set_aside(key)
            raise LostError(Fault("unreadable", "pane", to)) from error

    def commit(
        self, partition: int, fence: Fence, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array], gone: Collection[int] = (),
    ) -> None:  # fmt: skip
        """See the protocol."""
        keys, ticks = [self._key(partition, "meta")], []
        for tick, (accounts, rows) in changed.items():
            keys += (self._key(partition, f"pane:{tick}"), self._key(partition, f"ids:{tick}"))
            ticks.append(scripts.CommitTick(tick, ids_to_bytes(ids[tick]), accounts, state.to_bytes(rows)))
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
            if "WRONGTYPE" in str(found):
                return Progress(None)
            raise refused(found)
        position, sealed, mark, dropped = found
        try:
            return Progress(
                _position.decode(position) if position else None, int(sealed or UNSEALED), (mark or b"").decode(), int(dropped or UNSEALED)
            )
        except ValueError:
            return Progress(None)

    def seal(self, partition: int, tick: int, mark: str, after: int) -> tuple[list[tuple[int, Pane]], list[int]]:
        """See the protocol."""
        meta = self._key(partition, "meta")
        due = self._server.write([meta], scripts.Seal(tick, mark), f"partition {partition}", partition)
        panes = []
        try:
            counts = self._counts(meta, due)
            for each in sorted(each for each in counts if each > after):
                pane = Pane()
                pane.add(*self._pane(partition, each, counts[each]))
                panes.append((each, pane))
        except LostError as lost:
            self.rewind(partition)
            raise Behind(f"{lost.fault.key} is not as it was written", lost.fault.what, partition, lost.fault.kind) from lost
        if int(ask(lambda: self._server.client.hget(meta, "sealed")) or UNSEALED) < tick:
            raise Behind(f"Redis fell back while the panes of partition {partition} were read", "partition", partition)
        return panes, sorted(each for each in counts if each <= after)

    @staticmethod
    def _counts(meta: str, due: list[bytes]) -> dict[int, int]:
        """Tick -> rows, as ``seal`` answers them."""
        try:
            return {int(each): int(rows) for each, rows in zip(due[::2], due[1::2], strict=True)}
        except ValueError as error:
            raise LostError(Fault("unreadable", "position", meta)) from error

    def drop(self, partition: int, ticks: list[int]) -> None:
        """See the protocol."""
        if ticks:
            keys = [self._key(partition, "meta"), *(self._key(partition, f"pane:{tick}") for tick in ticks)]
            self._server.write(keys, scripts.Drop(ticks), f"partition {partition}", partition)

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
