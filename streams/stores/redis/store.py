"""The Redis store: one small value an account, and scripts that write all or nothing.

Keys, all under ``<prefix>:5`` (5 is the layout's version) and all with an expiry; what stands in braces is on one node of a Redis Cluster:

- ``{<topic>:<partition>}:meta``, ``:pane:<tick>:<part>``, ``:ids:<tick>``: what was read of a partition, with its offset in one step;
- ``{<topic>:s<shard>}:shard``, ``:accounts``, ``:ranking``, ``:verdicts``, ``:standings``: the accounts of a shard; ``:redo:<mark>``: what
  a judging changes in it; ``:verdict:<account>``: a plain hash for a gateway to read;
- ``{<topic>}:judge``, ``:outbox``, ``:redo:<mark>``: the judging; ``:owners``: who keeps which shards; ``:asks``, ``:answers:<ask>``:
  what those who judge say to each other;
- ``{<topic>}:rulings``, ``:withdrawn``, ``:placed``, ``:trail``: what analysts ruled and took back, where judgings placed it in the log,
  and the audit log. These do not expire;
- ``{<topic>}:erased``: hashes of the names of accounts that were erased lately;
- ``{<topic>}:findings``, ``:buckets``: the newest findings, and what throttled accounts have left;
- ``{<topic>}:secret``: what addresses and the like are hashed with; it does not expire;
- ``…:aside:<name>``: what could not be read, for somebody to look at.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.hashkey import whole
from siphonwatch.streams.stores import erasing
from siphonwatch.streams.stores.base import KEPT_FINDINGS, Charge, Claim, Fault, StoreOptions
from siphonwatch.streams.stores.redis import scripts
from siphonwatch.streams.stores.redis.channel import Channel
from siphonwatch.streams.stores.redis.connection import ask
from siphonwatch.streams.stores.redis.judgings import Judgings
from siphonwatch.streams.stores.redis.loading import Loading
from siphonwatch.streams.stores.redis.partitions import Partitions
from siphonwatch.streams.stores.redis.reading import Reading
from siphonwatch.streams.stores.redis.rulings import Rulings
from siphonwatch.streams.stores.redis.server import LAYOUT, Server
from siphonwatch.streams.stores.redis.shards import Shards

OLDER = ("2",)  # layouts that can be migrated from, the newest first; 3 and 4 were never released
BUCKET_SECONDS = 3600  # that shared buckets live without a request


class RedisStore:
    """See :class:`siphonwatch.streams.stores.base.Store`."""

    def __init__(self, url: str, topic: str, prefix: str = "siphonwatch", ttl: int = 14 * 86_400) -> None:
        self._server = server = Server(url, topic, prefix, ttl)
        self._redis = server.client
        self.prefix, self.topic, self.ttl = prefix, topic, ttl
        self._partitions, self._judgings = Partitions(server), Judgings(server)
        shards, loading, channel, reading, rulings = Shards(server), Loading(server), Channel(server), Reading(server), Rulings(server)
        self.commit, self.positions = self._partitions.commit, self._partitions.positions
        self.seal, self.panes = self._partitions.seal, self._partitions.panes
        self.drop, self.rewind = self._partitions.drop, self._partitions.rewind
        self.hold, self.owners, self.resign = shards.hold, shards.owners, shards.resign
        self.stage, self.apply, self.rewrite = shards.stage, shards.apply, shards.rewrite
        self.load, self.check_shards = loading.load, loading.check_shards
        self.post, self.posted, self.answer, self.answers = channel.post, channel.posted, channel.answer, channel.answers
        self.lead, self.judged, self.announce = self._judgings.lead, self._judgings.judged, self._judgings.announce
        self.check, self.sent = self._judgings.check, self._judgings.sent
        self.account, self.accounts, self.verdict = reading.account, reading.accounts, reading.verdict
        self.top, self.standings = reading.top, reading.standings
        self.rulings, self.keep, self.rule, self.take_back = rulings.rulings, rulings.keep, rulings.rule, rulings.take_back

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

    def context(self) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, ask(lambda: self._redis.hget(self._key("judge"), "context")))

    def standings_version(self) -> int:
        """See the protocol."""
        return int(cast(bytes | None, ask(lambda: self._redis.hget(self._key("judge"), "standings"))) or 0)

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

    def set_aside(self, what: str, which: str | bytes = b"") -> Fault:
        """See the protocol."""
        if what == "outbox":
            return self._server.set_element_aside(self._key("outbox"), cast(bytes, which))
        key, name = self._key("judge"), "context"
        if what == "account":
            key, name = self._server.of_shard(shard_of(cast(str, which)), "accounts"), cast(str, which)
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
        call = scripts.Erase(erasing.digest(account), f"{time.time():.3f}", self.ttl, findings, rulings)
        self._write(("findings", "rulings", "withdrawn", "placed", "erased"), call)
        held, stood = self._forget(account)
        if stood:
            self._judgings.raise_standings()
        return erasing.Erased(held, len(findings), len(rulings))

    def _forget(self, account: str) -> tuple[bool, bool]:
        """Erase an account from its shard: (whether it was there, whether it stood anywhere)."""
        server, shard = self._server, shard_of(account)
        names = ("shard", "accounts", "ranking", "verdicts", "standings", f"verdict:{account}")
        keys = [server.of_shard(shard, name) for name in names]
        while (answer := server.again(keys, lambda: server.run(keys, scripts.Forget(account))))[0] == scripts.MISPLACED:
            server.faults.append(Fault("unreadable", "accounts", server.set_aside(keys[0])))
        return bool(answer[1]), bool(answer[2])

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
