"""The Redis store: one small value an account, and scripts that write all or nothing.

Keys, all under ``<prefix>:4`` (4 is the layout's version) and all with an expiry:

- ``{<topic>:<partition>}:meta``, ``:pane:<tick>``, ``:ids:<tick>``: one hash tag a partition, so that rows and offset are written in one
  step on Redis Cluster too;
- ``{<topic>}:judge``, ``:accounts``, ``:verdicts``, ``:ranking``, ``:outbox``: what is judged; ``:redo:<mark>``: a judging on its way;
- ``{<topic>}:rulings``, ``:withdrawn``, ``:placed``, ``:trail``: what analysts ruled and took back, where judgings placed it in the log,
  and the audit log. These do not expire;
- ``{<topic>}:erased``: hashes of the names of accounts that were erased lately;
- ``{<topic>}:standings``, ``:findings``, ``:buckets``: what sidecars read, a small value an account that is not clear, the newest
  findings, and what throttled accounts have left;
- ``{<topic>}:secret``: what addresses and the like are hashed with; it does not expire;
- ``{<topic>}:verdict:<account>``: a plain hash for a gateway to read;
- ``…:aside:<name>``: what could not be read, for somebody to look at.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
import structlog
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.hashkey import whole
from siphonwatch.streams.stores import erasing, scripts
from siphonwatch.streams.stores.base import (
    KEPT_FINDINGS,
    Charge,
    Claim,
    Fault,
    Standing,
    StoreOptions,
    merged,
    read_standing,
)
from siphonwatch.streams.stores.judgings import Judgings
from siphonwatch.streams.stores.partitions import Partitions
from siphonwatch.streams.stores.server import LAYOUT, Server, ask

OLDER = ("2",)  # layouts that can be migrated from, the newest first; 3 was never released
BUCKET_SECONDS = 3600  # that shared buckets live without a request

log = structlog.get_logger()
T = TypeVar("T")

_verdict = msgspec.json.Decoder(Verdict)
_ruling = msgspec.json.Decoder(Ruling)


def read_value(decoder: msgspec.json.Decoder[T], value: bytes, what: str) -> T | None:
    """What a value holds; nothing, and a line in the log, where it does not decode."""
    try:
        return decoder.decode(value)
    except ValueError:
        log.warning("a stored value does not decode", what=what)
        return None


class RedisStore:
    """See :class:`siphonwatch.streams.stores.base.Store`."""

    def __init__(self, url: str, topic: str, prefix: str = "siphonwatch", ttl: int = 14 * 86_400) -> None:
        self._server = server = Server(url, topic, prefix, ttl)
        self._redis = server.client
        self.prefix, self.topic, self.ttl = prefix, topic, ttl
        self._partitions, self._judgings = Partitions(server), Judgings(server)
        self.commit, self.positions = self._partitions.commit, self._partitions.positions
        self.seal, self.drop, self.rewind = self._partitions.seal, self._partitions.drop, self._partitions.rewind
        self.lead, self.judged, self.check, self.sent = (
            self._judgings.lead, self._judgings.judged, self._judgings.check, self._judgings.sent,
        )  # fmt: skip

    @property
    def client(self) -> Any:
        """The connection, for what works on keys themselves."""
        return self._redis

    def _key(self, name: str) -> str:
        return self._server.of_topic(name)

    def _write(self, names: Sequence[str], call: scripts.Call) -> Any:
        """Run a script on keys that nobody else reads; those of another type are set aside."""
        keys = [self._key(name) for name in names]
        return self._server.again(keys, lambda: self._server.run(keys, call))

    def claim(self, partition: int) -> Claim:
        """See the protocol; ``UsageError`` where there is an older layout alone."""
        claim = self._partitions.claim(partition)
        if claim.position is None and claim.closed < 0:
            meta = self._server.of_partition(partition, "meta")
            for older in OLDER:
                if ask(lambda older=older: self._redis.exists(meta.replace(f":{LAYOUT}:", f":{older}:", 1))):  # type: ignore[misc]
                    raise UsageError(
                        f"the store holds layout {older} of {self.topic}, this siphonwatch writes layout {LAYOUT}: run "
                        "`siphonwatch migrate`, or start afresh with another --prefix and read the topic again"
                    )
        return claim

    # --------------------------------------------------------------------------------------------- asking

    def account(self, account: str) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, ask(lambda: self._redis.hget(self._key("accounts"), account)))

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """See the protocol."""
        if not names:
            return []
        return cast(list[bytes | None], ask(lambda: self._redis.hmget(self._key("accounts"), list(names))))

    def verdict(self, account: str) -> Verdict | None:
        """See the protocol."""
        value = cast(bytes | None, ask(lambda: self._redis.hget(self._key(f"verdict:{account}"), "json")))
        return read_value(_verdict, value, f"the verdict on {account}") if value else None

    def top(self, count: int) -> list[str]:
        """See the protocol."""
        key, none = self._key("ranking"), cast(list[bytes], [])
        return [name.decode(errors="replace") for name in self._server.read(key, lambda: self._redis.zrevrange(key, 0, count - 1), none)]

    def context(self) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, ask(lambda: self._redis.hget(self._key("judge"), "context")))

    def standings_version(self) -> int:
        """See the protocol."""
        return int(cast(bytes | None, ask(lambda: self._redis.hget(self._key("judge"), "standings"))) or 0)

    def standings(self) -> dict[str, Standing]:
        """See the protocol."""
        found = ask(lambda: list(self._redis.hscan_iter(self._key("standings"), count=1000)))
        return {account.decode(errors="replace"): read_standing(value) for account, value in found}

    def spend(self, charges: list[Charge]) -> list[float]:
        """See the protocol."""
        spent = [scripts.Spent(f"{charge.account}\0{charge.model}", round(charge.interval * 1000), charge.requests) for charge in charges]
        return [int(ahead) / 1000 for ahead in self._write(["buckets"], scripts.Spend(BUCKET_SECONDS, spent))]

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        """See the protocol."""
        wanted = None if subject is None else subject.encode()
        most = count if wanted is None else KEPT_FINDINGS
        key, none = self._key("findings"), list[Any]()
        told = [fields for _, fields in self._server.read(key, lambda: self._redis.xrevrange(key, count=most), none)]
        return [fields[b"finding"] for fields in told if b"finding" in fields and wanted in (None, fields.get(b"subject"))][:count]

    def rulings(self) -> list[Ruling]:
        """See the protocol. One that does not decode is set aside; one that was placed in the log, and is lost, is put back."""
        given, placed = self._rulings("rulings"), self._rulings("placed")
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

    def _rulings(self, name: str) -> dict[str, Ruling]:
        key, found = self._key(name), dict[str, Ruling]()
        for field, value in self._server.read(key, lambda: self._redis.hgetall(key), dict[bytes, bytes]()).items():
            try:
                found[field.decode()] = _ruling.decode(value)
            except ValueError:
                self._server.faults.append(self._server.set_field_aside(key, field, value))
        return found

    def keep(self, rulings: list[Ruling]) -> int:
        """See the protocol."""
        known = self._rulings("rulings").keys() | {name.decode(errors="replace") for name in self._withdrawn()}
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
        return ruling in self._rulings("rulings") and bool(self._server.again([withdrawn], lambda: self._redis.sadd(withdrawn, ruling)))

    def set_aside(self, what: str, which: str | bytes = b"") -> Fault:
        """See the protocol."""
        if what == "outbox":
            return self._server.set_element_aside(self._key("outbox"), cast(bytes, which))
        key, name = (self._key("judge"), "context") if what == "context" else (self._key("accounts"), which)
        return self._server.set_field_aside(key, name, ask(lambda: self._redis.hget(key, name)) or b"")

    def erase(self, account: str) -> erasing.Erased:
        """See the protocol."""
        findings, rulings = [], []
        for finding in self.findings(KEPT_FINDINGS):
            kept = erasing.finding_without(finding, account)
            if kept is not finding:
                findings.append(scripts.ErasedFinding(finding, kept or b""))
        for ruling in self.rulings():
            left = erasing.ruling_without(ruling, account)
            if left is not ruling:
                rulings.append(scripts.JudgedRuling(ruling.id, msgspec.json.encode(left) if left else b""))
        names = ("judge", "accounts", "ranking", "standings", "findings", "rulings", "withdrawn", "placed", "erased", "verdicts")
        call = scripts.Erase(account, erasing.digest(account), f"{time.time():.3f}", self.ttl, findings, rulings)
        return erasing.Erased(bool(self._write((*names, f"verdict:{account}"), call)), len(findings), len(rulings))

    def erased(self) -> dict[str, float]:
        """See the protocol."""
        key, found = self._key("erased"), dict[str, float]()
        for name, when in self._server.read(key, lambda: self._redis.hgetall(key), dict[bytes, bytes]()).items():
            try:
                found[name.decode()] = float(when)
            except ValueError:
                self._server.faults.append(self._server.set_field_aside(key, name, when))
        return found

    def trail(self, start: int = 0) -> list[bytes]:
        """See the protocol."""
        key = self._key("trail")
        return self._server.read(key, lambda: cast(list[bytes], self._redis.lrange(key, start, -1)), list[bytes]())

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """See the protocol."""
        return bool(self._write(["trail"], scripts.Trail(length, line)) != scripts.MOVED)

    def secret(self, proposed: bytes) -> bytes:
        """See the protocol."""
        key = self._key("secret")
        ask(lambda: self._redis.set(key, proposed, nx=True))
        kept = self._server.read(key, lambda: cast(bytes | None, self._redis.get(key)), None)
        if kept is not None and not whole(kept):
            self._server.faults.append(Fault("unreadable", "secret", self._server.set_aside(key)))
            kept = None
        return self.secret(proposed) if kept is None else kept

    def take_faults(self) -> list[Fault]:
        """See the protocol."""
        found, self._server.faults = self._server.faults, []
        return found

    def used_bytes(self) -> int:
        """See the protocol."""
        found = ask(lambda: self._redis.info("memory"))
        nodes = [found] if "used_memory" in found else list(found.values())  # a cluster answers for each node
        return sum(int(node["used_memory"]) for node in nodes)

    def ping(self) -> None:
        """See the protocol."""
        ask(self._redis.ping)

    def close(self) -> None:
        """See the protocol."""
        self._redis.close()


def open_store(url: str, options: StoreOptions) -> RedisStore:
    """The store at ``redis://``, ``rediss://``, ``unix://`` or ``redis+cluster://``."""
    return RedisStore(url, options.topic, options.prefix, options.ttl)
