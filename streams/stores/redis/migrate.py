"""A store of the layout before, copied into this one: ``siphonwatch migrate``.

Nothing of the old layout is changed; it expires by itself. What cannot be taken over is said: which requests were counted (a request was
its id alone), and what the population looked like (its features are others), which both come again within hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from siphonwatch.detector.judging import trace
from siphonwatch.detector.judging.accounts import NOTHING, RECORD
from siphonwatch.detector.judging.context import Context
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.learning.rulings import DAY, Ruling
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch import older
from siphonwatch.detector.sketch.row import to_bytes
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.detector.verdicts.campaign import Campaign
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.base import Position
from siphonwatch.streams.stores.redis import OLDER, RedisStore
from siphonwatch.streams.stores.redis.partitions import by_part
from siphonwatch.streams.stores.redis.server import LAYOUT
from siphonwatch.streams.stores.whole import write

_verdict = msgspec.json.Decoder(Verdict)
_EVIDENCE, _SIGNS = ("evidence", "own", "current"), 3
OLDER_RECORD = np.dtype(
    [(name, "<f8") for name in _EVIDENCE]
    + [(name, "<u8") for name in ("requests", "tokens_out", "requests_at_flag", "tokens_out_at_flag")]
    + [(name, "<i8") for name in ("flagged_at", "seen", "held")]
    + [("campaign", "<u4"), ("level", "u1"), ("allowed", "u1"), ("limit_told", "u1")]
    + [("limit_counts", "<u4", (_SIGNS,)), ("limit_peaks", "<u4", (_SIGNS,))]
)


class _Decision(msgspec.Struct):
    """What a ruling was in the layout before."""

    id: str
    subject: str
    harvest: bool | None
    analyst: str
    at: float
    note: str = ""
    allow_until: float | None = None


@dataclass(slots=True)
class Migrated:
    """What was copied."""

    accounts: int = 0
    partitions: int = 0
    panes: int = 0
    rulings: int = 0


def records(values: list[bytes]) -> Any:
    """(N,) records of this layout from those of the layout before."""
    old = np.frombuffer(b"".join(values), dtype=OLDER_RECORD)
    made = np.zeros(len(old), dtype=RECORD)
    for name in RECORD.names or ():
        if name in (OLDER_RECORD.names or ()):
            made[name] = old[name]
    for name in ("shipped", "plain"):  # until the account is judged again, which is at its next request
        made[name] = NOTHING
    made["trace"] = trace.UNKNOWN
    return made


def migrate(store: RedisStore, prior: Prior, settings: Settings) -> Migrated:
    """Copy what the older layout holds of the store's topic.

    ``UsageError`` where there is none, or where this layout is in use already.
    """
    client = store.client
    place = _Place(client, store.topic, f"{store.prefix}:{OLDER[0]}:", f"{store.prefix}:{LAYOUT}:")
    if client.hexists(place.new("judge"), "context"):
        raise UsageError(f"the store holds layout {LAYOUT} of {store.topic} already: there is nothing to migrate")
    judge = {name.decode(): value for name, value in client.hgetall(place.old("judge")).items()}
    if "memory" not in judge:
        raise UsageError(
            f"the store holds nothing of layout {OLDER[0]} of {store.topic}: older layouts are not read; start afresh and read "
            "the topic again"
        )
    done = Migrated()
    for key in sorted(client.scan_iter(match=f"{place.base}{{{store.topic}:*}}:meta")):
        done.partitions += 1
        done.panes += _partition(place, key.decode().removesuffix("meta"))
    for name in ("outbox", "findings"):
        _copy(client, place.old(name), place.new(name))
    done.rulings = _rulings(place, store)
    engine = _accounts(place, prior, settings, judge["memory"])
    done.accounts = len(engine.accounts)
    # last: with it the layout is in use, so that what was cut short is begun again
    packed = snapshot.pack_accounts(engine.accounts, list(engine.accounts.ids))
    write(store, snapshot.pack_context(engine), packed, _verdicts(place), height=engine.context.height, closed=engine.context.closed)
    return done


@dataclass(frozen=True, slots=True)
class _Place:
    """Where things stood and where they go."""

    client: Any
    topic: str
    base: str
    fresh: str

    def old(self, name: str) -> str:
        return f"{self.base}{{{self.topic}}}:{name}"

    def new(self, name: str) -> str:
        return f"{self.fresh}{{{self.topic}}}:{name}"


def _accounts(place: _Place, prior: Prior, settings: Settings, memory: bytes) -> Engine:
    """An engine with the accounts as they are now."""
    engine = Engine(prior, settings, _context(msgspec.msgpack.decode(memory), settings))
    values = place.client.hgetall(place.old("accounts"))
    names, stored = [name.decode() for name in values], list(values.values())
    if names:
        engine.accounts.put(
            names, older.rows([value[: older.BYTES] for value in stored]), records([value[older.BYTES :] for value in stored])
        )
    return engine


def _verdicts(place: _Place) -> dict[str, Verdict | None]:
    """What gateways read of each account that is not clear."""
    found: dict[str, Verdict | None] = {}
    for key in place.client.scan_iter(match=place.old("verdict:*")):
        found[key.decode().removeprefix(place.old("verdict:"))] = _verdict.decode(place.client.hget(key, "json"))
    return found


def _rulings(place: _Place, store: RedisStore) -> int:
    """Copy rulings; how many those were."""
    known = [msgspec.json.decode(value, type=_Decision) for value in place.client.hgetall(place.old("decisions")).values()]
    for one in known:
        days = None if one.allow_until is None else max(one.allow_until - one.at, 0.0) / DAY
        store.rule(Ruling(one.id, one.subject, one.harvest, one.analyst, one.at, one.note, days))
    return len(known)


def _partition(place: _Place, old: str) -> int:
    """Copy one partition's progress and its open panes, and note how many rows each has; how many panes those were."""
    client, to = place.client, place.fresh + old.removeprefix(place.base)
    meta = {name.decode(): value for name, value in client.hgetall(f"{old}meta").items()}
    ticks = sorted(int(tick) for tick in client.smembers(f"{old}ticks"))
    for tick in ticks:
        pane = client.hgetall(f"{old}pane:{tick}")
        if pane:
            rows, life = to_bytes(older.rows(list(pane.values()))), max(client.ttl(f"{old}pane:{tick}"), 60)
            for each in by_part([account.decode() for account in pane], rows):
                part = f"{to}pane:{tick}:{each.part}"
                client.hset(part, mapping=dict(zip(each.fields[::2], each.fields[1::2], strict=True)))
                client.expire(part, life)
                meta[f"rows:{tick}:{each.part}"] = len(each.fields) // 2
    position = msgspec.json.decode(meta["position"], type=Position) if "position" in meta else None
    if position is not None:
        meta["watermark"] = position.watermark
    client.hset(f"{to}meta", mapping={**meta, "mark": "migrated"})
    client.expire(f"{to}meta", max(client.ttl(f"{old}meta"), 60))
    return len(ticks)


def _copy(client: Any, key: str, to: str) -> None:
    """Copy a key of any kind with its time to live."""
    value = client.dump(key)
    if value is not None:
        client.restore(to, max(client.pttl(key), 0), value, replace=True)


def _context(stored: dict[str, Any], settings: Settings) -> Context:
    """What the judging knew; campaigns without their features, which are worked out anew when they are linked."""
    campaigns = [msgspec.convert({**each, "features": []}, Campaign) for each in stored["campaigns"]]
    return Context(
        closed=stored["closed"], epoch=stored["epoch"], height=settings.flag_odds, campaigns=campaigns,
        next_campaign=stored["next_campaign"], begun=stored["begun"], models=dict(stored["models"]), released=stored["released"],
    )  # fmt: skip
