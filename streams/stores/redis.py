"""The Redis store: one small value an account, and two scripts that write all or nothing.

Keys, all under ``<prefix>:3`` (3 is the layout's version) and all with an expiry:

- ``{<topic>:<partition>}:meta``, ``:ticks``, ``:pane:<tick>``, ``:ids:<tick>``: one hash tag a partition, so that rows and
  offset are written in one step on Redis Cluster too;
- ``{<topic>}:judge``, ``:accounts``, ``:ranking``, ``:outbox``: what is judged;
- ``{<topic>}:rulings``, ``:withdrawn``, ``:placed``, ``:trail``: what analysts ruled and took back, where judgings placed it in the log,
  and the audit log. These do not expire;
- ``{<topic>}:erased``: hashes of the names of accounts that were erased lately;
- ``{<topic>}:standings``, ``:findings``, ``:buckets``: what sidecars read, a small value an account that is not clear, the newest
  findings, and what throttled accounts have left;
- ``{<topic>}:verdict:<account>``: a plain hash for a gateway to read.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import msgspec
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import UNSEALED, Pane
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Fenced, Sealed, Unavailable, UsageError, shown
from siphonwatch.streams.stores import erasing, scripts
from siphonwatch.streams.stores.base import (
    KEPT_FINDINGS,
    Array,
    Charge,
    Claim,
    Judging,
    Lead,
    Position,
    Standing,
    StoreOptions,
    ids_from_bytes,
    ids_to_bytes,
    merged,
    read_standing,
    standing,
)

LAYOUT, BEFORE = "3", "2"  # this layout of keys, and the one that can be migrated from
BUCKET_SECONDS = 3600  # that shared buckets live without a request
TIMEOUT = 10.0  # seconds for one answer
T = TypeVar("T")

_position = msgspec.json.Decoder(Position)
_verdict = msgspec.json.Decoder(Verdict)
_ruling = msgspec.json.Decoder(Ruling)


def _client(url: str) -> Any:
    if url.startswith("redis+cluster://"):
        return redis.RedisCluster.from_url(url.replace("redis+cluster://", "redis://", 1), socket_timeout=TIMEOUT)
    return redis.Redis.from_url(
        url, socket_timeout=TIMEOUT, socket_connect_timeout=3.0, retry=Retry(NoBackoff(), 0), health_check_interval=30
    )


class RedisStore:
    """See :class:`siphonwatch.streams.stores.base.Store`."""

    def __init__(self, url: str, topic: str, prefix: str = "siphonwatch", ttl: int = 14 * 86_400) -> None:
        try:
            self._redis = _client(url)
        except ValueError as error:
            raise UsageError(f"--store {shown(url)} is no Redis URL ({error}): write redis://HOST:PORT/0") from error
        except (redis.ConnectionError, redis.TimeoutError, redis.RedisError) as error:  # a cluster is asked for its slots at once
            raise Unavailable(f"Redis does not answer ({error})") from error
        self.prefix, self.topic, self.ttl = prefix, topic, ttl
        self._base = f"{prefix}:{LAYOUT}"
        self._scripts = {call: self._redis.register_script(scripts.source(call)) for call in scripts.CALLS}

    @property
    def client(self) -> Any:
        """The connection, for what works on keys themselves."""
        return self._redis

    def _partition_key(self, partition: int, name: str) -> str:
        return f"{self._base}:{{{self.topic}:{partition}}}:{name}"

    def _key(self, name: str) -> str:
        return f"{self._base}:{{{self.topic}}}:{name}"

    def _ask(self, call: Callable[[], T]) -> T:
        """Run ``call``; every way in which a server can be away becomes ``Unavailable``."""
        try:
            return call()
        except (redis.ConnectionError, redis.TimeoutError, redis.BusyLoadingError) as error:
            raise Unavailable(f"Redis does not answer ({error})") from error
        except redis.ResponseError as error:
            if str(error).startswith(("READONLY", "OOM", "CLUSTERDOWN", "MASTERDOWN", "MISCONF", "LOADING")):
                raise Unavailable(f"Redis refuses writes ({error}): free memory, or point --store at the primary") from error
            raise

    def _run(self, keys: list[str], call: scripts.Call) -> Any:
        return self._ask(lambda: self._scripts[type(call)](keys=keys, args=[call.packed()]))

    # ---------------------------------------------------------------------------------------- partitions

    def claim(self, partition: int) -> Claim:
        """See the protocol."""
        meta = self._partition_key(partition, "meta")
        epoch = int(self._run([meta], scripts.Claim(self.ttl)))
        stored, sealed = cast(list[bytes | None], self._ask(lambda: self._redis.hmget(meta, "position", "sealed")))
        if not stored and self._ask(lambda: self._redis.exists(meta.replace(f":{LAYOUT}:", f":{BEFORE}:", 1))):
            raise UsageError(
                f"the store holds layout {BEFORE} of {self.topic}, this siphonwatch writes layout {LAYOUT}: run `siphonwatch migrate`, "
                "or start afresh with another --prefix and read the topic again"
            )
        claim = Claim(epoch, _position.decode(stored) if stored else None, int(sealed) if sealed else UNSEALED)
        open_ticks = cast(set[bytes], self._ask(lambda: self._redis.smembers(self._partition_key(partition, "ticks"))))
        for tick in sorted(int(each) for each in open_ticks):
            if tick > claim.sealed:
                claim.panes.append((tick, *self._read(partition, tick)))
        if claim.position is not None:
            again = range(max(claim.position.watermark - 8, 0), claim.sealed + 1)  # a second delivery may still come for these
            for tick in sorted({*again, *map(int, open_ticks)}):
                key = self._partition_key(partition, f"ids:{tick}")
                value = cast(bytes | None, self._ask(lambda key=key: self._redis.get(key)))  # type: ignore[misc]
                if value:
                    claim.ids[tick] = ids_from_bytes(value)
        return claim

    def _read(self, partition: int, tick: int) -> tuple[list[str], Array]:
        key = self._partition_key(partition, f"pane:{tick}")
        found = cast(dict[bytes, bytes], self._ask(lambda: self._redis.hgetall(key)))
        return [account.decode() for account in found], state.from_bytes(list(found.values()))

    def commit(
        self, partition: int, epoch: int, position: Position,
        changed: dict[int, tuple[list[str], Array]], ids: dict[int, Array],
    ) -> None:  # fmt: skip
        """See the protocol."""
        keys = [self._partition_key(partition, "meta"), self._partition_key(partition, "ticks")]
        ticks = []
        for tick, (accounts, rows) in changed.items():
            keys += (self._partition_key(partition, f"pane:{tick}"), self._partition_key(partition, f"ids:{tick}"))
            ticks.append(scripts.CommitTick(tick, ids_to_bytes(ids[tick]), accounts, state.to_bytes(rows)))
        answer = self._run(keys, scripts.Commit(epoch, msgspec.json.encode(position), self.ttl, ticks))
        if answer == scripts.FENCED:
            raise Fenced(f"partition {partition} has a new owner")
        if answer == scripts.SEALED:
            raise Sealed(f"partition {partition} was sealed meanwhile")

    def positions(self, partitions: int) -> list[tuple[Position | None, int]]:
        """See the protocol."""

        def ask() -> list[list[bytes | None]]:
            pipe = self._redis.pipeline(transaction=False)
            for partition in range(partitions):
                pipe.hmget(self._partition_key(partition, "meta"), "position", "sealed")
            return cast(list[list[bytes | None]], pipe.execute())

        return [(_position.decode(stored) if stored else None, int(sealed) if sealed else UNSEALED) for stored, sealed in self._ask(ask)]

    def seal(self, partition: int, tick: int) -> list[tuple[int, Pane]]:
        """See the protocol."""
        due = self._run([self._partition_key(partition, "meta"), self._partition_key(partition, "ticks")], scripts.Seal(tick))
        panes = []
        for each in sorted(int(value) for value in due):
            pane = Pane()
            pane.add(*self._read(partition, each))
            panes.append((each, pane))
        return panes

    def drop(self, partition: int, ticks: list[int]) -> None:
        """See the protocol."""
        if not ticks:
            return

        panes = [self._partition_key(partition, f"pane:{tick}") for tick in ticks]
        self._ask(lambda: self._redis.unlink(*panes))  # first: a tick that is still listed without its pane reads as empty
        self._ask(lambda: self._redis.srem(self._partition_key(partition, "ticks"), *ticks))

    # ------------------------------------------------------------------------------------------- judging

    def lead(self) -> Lead:
        """See the protocol."""
        epoch = int(self._run([self._key("judge")], scripts.Claim(self.ttl)))
        lead = Lead(epoch, self.context())

        def accounts() -> list[tuple[bytes, bytes]]:
            return list(self._redis.hscan_iter(self._key("accounts"), count=1000))

        for account, value in self._ask(accounts):
            lead.accounts.append(account.decode())
            lead.values.append(value)
        lead.outbox = cast(list[bytes], self._ask(lambda: self._redis.lrange(self._key("outbox"), 0, -1)))
        prefix = self._key("verdict:")

        def verdicts() -> list[bytes]:
            keys = list(self._redis.scan_iter(match=prefix.replace("[", "\\[") + "*", count=1000))
            pipe = self._redis.pipeline(transaction=False)
            for key in keys:
                pipe.hget(key, "json")
            return [value for value in pipe.execute() if value]

        for value in self._ask(verdicts):
            found = _verdict.decode(value)
            lead.verdicts[found.account_id] = found
        return lead

    def judged(self, epoch: int, judging: Judging) -> None:
        """See the protocol."""
        keys = [self._key(name) for name in ("judge", "accounts", "ranking", "outbox", "standings", "findings", "placed")]
        keys += [self._key(f"verdict:{account}") for account in judging.verdicts]
        verdicts = [
            scripts.JudgedVerdict(account, msgspec.json.encode(standing(verdict, judging.height)), verdict_fields(verdict))
            if verdict is not None
            else scripts.JudgedVerdict(account, b"", {})
            for account, verdict in judging.verdicts.items()
        ]
        call = scripts.Judged(
            epoch, judging.context, self.ttl, KEPT_FINDINGS, [scripts.JudgedAccount(*each) for each in judging.accounts], judging.dropped,
            verdicts, [scripts.JudgedFinding(*each) for each in judging.findings],
            [scripts.JudgedRuling(ruling.id, msgspec.json.encode(ruling)) for ruling in judging.placed],
        )  # fmt: skip
        if self._run(keys, call) == scripts.FENCED:
            raise Fenced("another worker judges now")

    def sent(self, count: int) -> None:
        """See the protocol."""
        self._ask(lambda: self._redis.ltrim(self._key("outbox"), count, -1))

    # --------------------------------------------------------------------------------------------- asking

    def account(self, account: str) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, self._ask(lambda: self._redis.hget(self._key("accounts"), account)))

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """See the protocol."""
        if not names:
            return []
        return cast(list[bytes | None], self._ask(lambda: self._redis.hmget(self._key("accounts"), list(names))))

    def verdict(self, account: str) -> Verdict | None:
        """See the protocol."""
        value = cast(bytes | None, self._ask(lambda: self._redis.hget(self._key(f"verdict:{account}"), "json")))
        return _verdict.decode(value) if value else None

    def top(self, count: int) -> list[str]:
        """See the protocol."""
        names = cast(list[bytes], self._ask(lambda: self._redis.zrevrange(self._key("ranking"), 0, count - 1)))
        return [name.decode() for name in names]

    def context(self) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, self._ask(lambda: self._redis.hget(self._key("judge"), "context")))

    def standings_version(self) -> int:
        """See the protocol."""
        return int(cast(bytes | None, self._ask(lambda: self._redis.hget(self._key("judge"), "standings"))) or 0)

    def standings(self) -> dict[str, Standing]:
        """See the protocol."""

        def ask() -> list[tuple[bytes, bytes]]:
            return list(self._redis.hscan_iter(self._key("standings"), count=1000))

        return {account.decode(errors="replace"): read_standing(value) for account, value in self._ask(ask)}

    def spend(self, charges: list[Charge]) -> list[float]:
        """See the protocol."""
        spent = [scripts.Spent(f"{charge.account}\0{charge.model}", round(charge.interval * 1000), charge.requests) for charge in charges]
        return [int(ahead) / 1000 for ahead in self._run([self._key("buckets")], scripts.Spend(BUCKET_SECONDS, spent))]

    def findings(self, count: int, subject: str | None = None) -> list[bytes]:
        """See the protocol."""
        wanted = None if subject is None else subject.encode()
        most = count if wanted is None else KEPT_FINDINGS
        found = cast(list[Any], self._ask(lambda: self._redis.xrevrange(self._key("findings"), count=most)))
        return [fields[b"finding"] for _, fields in found if wanted in (None, fields[b"subject"])][:count]

    def rulings(self) -> list[Ruling]:
        """See the protocol."""

        def ask() -> list[Any]:
            pipe = self._redis.pipeline(transaction=False)
            pipe.hgetall(self._key("rulings"))
            pipe.hgetall(self._key("placed"))
            pipe.smembers(self._key("withdrawn"))
            return cast(list[Any], pipe.execute())

        given, placed, withdrawn = self._ask(ask)
        known, heard = ({name.decode(): _ruling.decode(value) for name, value in each.items()} for each in (given, placed))
        return merged(known, heard, {name.decode() for name in withdrawn})

    def rule(self, ruling: Ruling) -> None:
        """See the protocol."""
        self._ask(lambda: self._redis.hset(self._key("rulings"), ruling.id, cast(str, msgspec.json.encode(ruling))))

    def take_back(self, ruling: str) -> bool:
        """See the protocol."""
        known = self._ask(lambda: self._redis.hexists(self._key("rulings"), ruling))
        return bool(known) and bool(self._ask(lambda: self._redis.sadd(self._key("withdrawn"), ruling)))

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
        names = ("judge", "accounts", "ranking", "standings", "findings", "rulings", "withdrawn", "placed", "erased")
        keys = [*(self._key(name) for name in names), self._key(f"verdict:{account}")]
        call = scripts.Erase(account, erasing.digest(account), f"{time.time():.3f}", self.ttl, findings, rulings)
        return erasing.Erased(bool(self._run(keys, call)), len(findings), len(rulings))

    def erased(self) -> dict[str, float]:
        """See the protocol."""
        found = cast(dict[bytes, bytes], self._ask(lambda: self._redis.hgetall(self._key("erased"))))
        return {name.decode(): float(when) for name, when in found.items()}

    def trail(self, start: int = 0) -> list[bytes]:
        """See the protocol."""
        return cast(list[bytes], self._ask(lambda: self._redis.lrange(self._key("trail"), start, -1)))

    def add_to_trail(self, line: bytes, length: int) -> bool:
        """See the protocol."""
        return bool(self._run([self._key("trail")], scripts.Trail(length, line)) != scripts.MOVED)

    def used_bytes(self) -> int:
        """See the protocol."""
        found = self._ask(lambda: self._redis.info("memory"))
        nodes = [found] if "used_memory" in found else list(found.values())  # a cluster answers for each node
        return sum(int(node["used_memory"]) for node in nodes)

    def ping(self) -> None:
        """See the protocol."""
        self._ask(self._redis.ping)

    def close(self) -> None:
        """See the protocol."""
        self._redis.close()


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


def open_store(url: str, options: StoreOptions) -> RedisStore:
    """The store at ``redis://``, ``rediss://``, ``unix://`` or ``redis+cluster://``."""
    return RedisStore(url, options.topic, options.prefix, options.ttl)
