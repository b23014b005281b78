"""A store as the version before left it, kept as bytes, is taken over; what is older is refused with one clear line."""

from __future__ import annotations

import base64
import gzip
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.sketch import older
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.stores import snapshot
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.redis.migrate import migrate

from tests.services.redis import RedisServer

KEPT: dict[str, Any] = json.loads(gzip.decompress(Path(__file__).with_name("layout-2.json.gz").read_bytes()))


def restored(server: RedisServer, prefix: str) -> None:
    """Write the kept keys under ``prefix``."""
    client, raw = server.client(), base64.b64decode
    for name, (kind, value) in KEPT.items():
        key = name.replace("siphonwatch:", f"{prefix}:", 1)
        if kind == "string":
            client.set(key, raw(value))
        elif kind == "hash":
            client.hset(key, mapping={raw(field): raw(each) for field, each in value.items()})
        elif kind == "set":
            client.sadd(key, *map(raw, value))
        elif kind == "list":
            client.rpush(key, *map(raw, value))
        elif kind == "zset":
            client.zadd(key, {raw(member): score for member, score in value})
        else:
            for number, fields in value:
                client.xadd(key, {raw(field): raw(each) for field, each in fields.items()}, id=number)
        client.expire(key, 3600)


@pytest.fixture
def store(redis_server: RedisServer) -> RedisStore:
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    restored(redis_server, prefix)
    return RedisStore(redis_server.url, "requests", prefix)


def test_a_worker_says_what_to_do_and_migrating_takes_everything_over(store: RedisStore) -> None:
    with pytest.raises(UsageError, match="siphonwatch migrate"):
        store.claim(0)
    done = migrate(store, prior.load(), DEFAULT)
    assert (done.accounts, done.partitions, done.panes, done.rulings) == (60, 1, 1, 2)
    claim = store.claim(0)
    assert claim.position is not None
    ((_, accounts, rows),) = claim.panes
    assert len(accounts) == len(rows) == 8
    kept = store.load(store.hold("tests", [0], range(SHARDS)))
    assert (kept.faults, kept.lost, kept.derived) == ([], set(), set())
    engine = snapshot.restore(prior.load(), DEFAULT, kept.context, kept.accounts, kept.values, kept.verdicts)
    assert len(engine.accounts) == 60
    assert len(engine.verdicts) == 13 == len(store.standings())
    assert store.verdict(next(iter(engine.verdicts))) is not None
    assert len(store.lead().outbox) == len(KEPT.get("siphonwatch:2:{requests}:outbox", (0, []))[1])
    assert len(store.findings(1000)) == len(KEPT["siphonwatch:2:{requests}:findings"][1]) > 0
    assert engine.context.closed > 0
    known, records = engine.accounts.known()
    assert View(known).count("requests").sum() == records["requests"].sum() > 1000
    assert sorted(ruling.harvest is None for ruling in store.rulings()) == [False, True]
    engine.hear(store.rulings())
    engine.close(engine.context.closed + 1, [])
    assert all(ruling.at is not None for ruling in engine.teaching.rulings)
    with pytest.raises(UsageError, match="already"):
        migrate(store, prior.load(), DEFAULT)


def test_two_versions_back_is_one_clear_line(redis_server: RedisServer) -> None:
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    redis_server.client().hset(f"{prefix}:1:{{requests}}:judge", "memory", b"x")
    with pytest.raises(UsageError, match="older layouts are not read"):
        migrate(RedisStore(redis_server.url, "requests", prefix), prior.load(), DEFAULT)


def test_a_wider_map_is_folded_exactly() -> None:
    values = [base64.b64decode(value)[: older.BYTES] for value in KEPT["siphonwatch:2:{requests}:accounts"][1].values()]
    rows, old = older.rows(values), np.frombuffer(b"".join(value[2:] for value in values), dtype=older.OLDER)
    wide, narrow = (np.unpackbits(each["slots"]["map_prompts"], axis=-1, bitorder="little") for each in (old, rows))
    for bits in range(0, wide.shape[-1], narrow.shape[-1]):
        assert ((wide[..., bits : bits + narrow.shape[-1]] == 0) | (narrow == 1)).all()
    assert (narrow.sum(axis=-1) <= wide.sum(axis=-1)).all()


def test_migrating_that_is_cut_short_is_begun_again(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> None:
        raise Unavailable("it is cut short here")

    with monkeypatch.context() as patched:
        patched.setattr(store, "judged", cut)
        with pytest.raises(Unavailable):
            migrate(store, prior.load(), DEFAULT)
    assert migrate(store, prior.load(), DEFAULT).accounts == 60
    kept = store.load(store.hold("tests", [0], range(SHARDS)))
    assert (len(kept.accounts), kept.faults) == (60, [])
