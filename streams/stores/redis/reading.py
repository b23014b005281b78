"""Accounts, verdicts and standings in Redis as sidecars, the desk and the commands read them: of all shards, in few round trips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeVar, cast

import msgspec
import structlog
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores.base import Standing, read_standing
from siphonwatch.streams.stores.redis.connection import ask, piped
from siphonwatch.streams.stores.redis.server import Server

log = structlog.get_logger()
T = TypeVar("T")
Ranked = list[tuple[bytes, float]]
FEW = 8  # of a shard's strongest that are asked for at first
_verdict = msgspec.json.Decoder(Verdict)


def read_value(decoder: msgspec.json.Decoder[T], value: bytes, what: str) -> T | None:
    """What a value holds; nothing, and a line in the log, where it does not decode."""
    try:
        return decoder.decode(value)
    except ValueError:
        log.warning("a stored value does not decode", what=what)
        return None


class Reading:
    """What the store does for who only reads."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def _key(self, account: str, name: str) -> str:
        return self._server.of_shard(shard_of(account), name)

    def _all(self, name: str) -> list[str]:
        return [self._server.of_shard(shard, name) for shard in range(SHARDS)]

    def account(self, account: str) -> bytes | None:
        """See the protocol."""
        return cast(bytes | None, ask(lambda: self._server.client.hget(self._key(account, "accounts"), account)))

    def accounts(self, names: Sequence[str]) -> list[bytes | None]:
        """See the protocol."""
        by_shard: dict[int, list[str]] = {}
        for name in names:
            by_shard.setdefault(shard_of(name), []).append(name)

        def ask_all() -> list[Any]:
            pipe = self._server.client.pipeline(transaction=False)
            for shard, some in by_shard.items():
                pipe.hmget(self._server.of_shard(shard, "accounts"), some)
            return piped(pipe)

        answers = ask(ask_all) if names else []
        found: dict[str, bytes | None] = {}
        for some, values in zip(by_shard.values(), answers, strict=True):
            found.update(zip(some, values, strict=True))
        return [found[name] for name in names]

    def verdict(self, account: str) -> Verdict | None:
        """See the protocol."""
        value = cast(bytes | None, ask(lambda: self._server.client.hget(self._key(account, f"verdict:{account}"), "json")))
        return read_value(_verdict, value, f"the verdict on {account}") if value else None

    def top(self, count: int) -> list[str]:
        """See the protocol: a few of each shard, and more of those whose few may not be all that belong here."""
        if count < 1:
            return []
        due, most, least = self._all("ranking"), min(count, FEW + FEW * count // SHARDS), -math.inf
        ranked: dict[str, Ranked] = {}
        while due:
            ranked |= self._ranked(due, most)
            scores = sorted((score for some in ranked.values() for _, score in some), reverse=True)
            least = scores[count - 1] if len(scores) >= count else -math.inf
            due = [key for key in due if len(ranked[key]) == most and ranked[key][-1][1] >= least]
            if most == count:
                break
            most = min(FEW * most, count)
        # Redis orders those of equal evidence by their names backwards: what is left of them is asked for anew
        found = [(-score, name) for key, some in ranked.items() for name, score in some if key not in due or score > least]
        for names in self._server.read_all(
            due, lambda pipe, key: pipe.zrangebyscore(key, least, least, start=0, num=count), list[bytes](), weights=[count] * len(due)
        ):
            found += [(-least, name) for name in names]
        return [name.decode(errors="replace") for _, name in sorted(found)[:count]]

    def _ranked(self, keys: list[str], count: int) -> dict[str, Ranked]:
        """The strongest ``count`` of each shard."""
        answers = self._server.read_all(
            keys, lambda pipe, key: pipe.zrevrange(key, 0, count - 1, withscores=True), Ranked(), weights=[count] * len(keys)
        )
        return dict(zip(keys, answers, strict=True))

    def standings(self) -> dict[str, Standing]:
        """See the protocol. Who asks may not write: a key of another type is left to who keeps the shard."""
        keys = self._all("standings")
        known = self._server.read_all(keys, lambda pipe, key: pipe.hlen(key), 0, aside=False)
        found = self._server.hashes(keys, lengths=known)
        return {account.decode(errors="replace"): read_standing(value) for some in found for account, value in some.items()}
