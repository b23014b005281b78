"""Rulings in Redis: what analysts gave and took back, and where judgings placed it in the log."""

from __future__ import annotations

from typing import cast

import msgspec
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.streams.stores.base import Fault, merged
from siphonwatch.streams.stores.redis.connection import ask
from siphonwatch.streams.stores.redis.server import Server

_ruling = msgspec.json.Decoder(Ruling)


class Rulings:
    """What the store does for who rules, and for the judge that hears it."""

    def __init__(self, server: Server) -> None:
        self._server, self._redis, self._key = server, server.client, server.of_topic

    def rulings(self) -> list[Ruling]:
        """See the protocol. One that does not decode is set aside; one that was placed in the log, and is lost, is put back."""
        given, placed = self._decoded("rulings"), self._decoded("placed")
        for name in sorted(placed.keys() - given.keys()):
            given[name] = placed[name]
            value = cast(str, msgspec.json.encode(placed[name]))
            ask(lambda name=name, value=value: self._redis.hsetnx(self._key("rulings"), name, value))  # type: ignore[misc]
            self._server.faults.append(Fault("missing", "ruling", f"{self._key('rulings')} {name}"))
        withdrawn = {name.decode(errors="replace") for name in self._withdrawn()}
        for name in sorted(name for name, ruling in placed.items() if ruling.until is not None and name not in withdrawn):
            ask(lambda name=name: self._redis.sadd(self._key("withdrawn"), name))  # type: ignore[misc]
            self._server.faults.append(Fault("missing", "ruling", f"{self._key('withdrawn')} {name}"))
        return merged(given, placed, withdrawn)

    def _withdrawn(self) -> set[bytes]:
        key = self._key("withdrawn")
        return self._server.read(key, lambda: self._redis.smembers(key), set[bytes]())

    def _decoded(self, name: str) -> dict[str, Ruling]:
        key, found = self._key(name), dict[str, Ruling]()
        for field, value in self._server.read(key, lambda: self._redis.hgetall(key), dict[bytes, bytes]()).items():
            try:
                found[field.decode()] = _ruling.decode(value)
            except ValueError:
                self._server.faults.append(self._server.set_field_aside(key, field, value))
        return found

    def keep(self, rulings: list[Ruling]) -> int:
        """See the protocol."""
        known = self._decoded("rulings").keys() | {name.decode(errors="replace") for name in self._withdrawn()}
        lost = [ruling for ruling in rulings if ruling.id not in known]
        for ruling in lost:
            value = cast(str, msgspec.json.encode(msgspec.structs.replace(ruling, withdrawn=False)))
            ask(lambda ruling=ruling, value=value: self._redis.hsetnx(self._key("placed"), ruling.id, value))  # type: ignore[misc]
            if ruling.withdrawn:
                ask(lambda ruling=ruling: self._redis.sadd(self._key("withdrawn"), ruling.id))  # type: ignore[misc]
            ask(lambda ruling=ruling, value=value: self._redis.hsetnx(self._key("rulings"), ruling.id, value))  # type: ignore[misc]
        return len(lost)

    def rule(self, ruling: Ruling) -> None:
        """See the protocol."""
        key = self._key("rulings")
        self._server.again([key], lambda: self._redis.hset(key, ruling.id, cast(str, msgspec.json.encode(ruling))))

    def take_back(self, ruling: str) -> bool:
        """See the protocol."""
        withdrawn = self._key("withdrawn")
        return ruling in self._decoded("rulings") and bool(self._server.again([withdrawn], lambda: self._redis.sadd(withdrawn, ruling)))
