"""The same promises, kept by every store."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.common.secret import shown
from siphonwatch.streams.contracts import StoreContract
from siphonwatch.streams.contracts.samples import ids, rows, verdict
from siphonwatch.streams.stores import Store, StoreOptions, open_store
from siphonwatch.streams.stores.base import PARTS, Position
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.whole import by_shard, write

from tests.services.process import free_port
from tests.services.redis import ClusterNode, RedisServer

POSITION = Position(7, Clock(1000), 3, 4)


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> Store:  # type: ignore[override]
        return MemoryStore()


class TestRedisStore(StoreContract):
    @pytest.fixture
    def store(self, redis_server: RedisServer) -> Iterator[Store]:
        made = RedisStore(redis_server.url, "t", f"test-{uuid.uuid4().hex[:8]}")
        yield made
        made.close()

    def test_every_key_expires_and_a_partitions_keys_share_a_hash_tag(self, redis_server: RedisServer) -> None:
        prefix = f"test-{uuid.uuid4().hex[:8]}"
        store = RedisStore(redis_server.url, "t", prefix)
        store.commit(3, store.claim(3).fence, POSITION, {4: (["a"], rows(1))}, {4: ids(1)})
        store.seal(3, 2, "", -1)
        write(store, b"m", [("a", b"x", 1.0)], {"a": verdict("a")}, [("a", b"f")])
        fences = store.hold("somebody", [3], [shard_of("a")])
        changes = by_shard([("a", b"y", 1.0)], [], {}, 0.0)
        store.stage("never closed", fences, changes)
        store.post(b"ask")
        store.answer("1", b"answer")
        client: Any = redis_server.client()
        keys = {key.decode().removeprefix(f"{prefix}:5:") for key in client.scan_iter(f"{prefix}:*")}
        assert all(client.ttl(f"{prefix}:5:{key}") > 0 for key in keys)
        shard = shard_of("a")
        assert {key for key in keys if not key.endswith(":shard")} == {
            "{t:3}:meta", f"{{t:3}}:pane:4:{shard % PARTS}", "{t:3}:ids:4", "{t}:judge", "{t}:owners", "{t}:outbox", "{t}:findings",
            "{t}:asks", "{t}:answers:1",
            *(f"{{t:s{shard}}}:{name}" for name in ("accounts", "ranking", "verdicts", "standings", "verdict:a", "redo:never closed")),
        }  # fmt: skip
        assert {key for key in keys if key.endswith(":shard")} == {f"{{t:s{shard}}}:shard" for shard in range(SHARDS)}
        assert client.hget(f"{prefix}:5:{{t:s{shard}}}:verdict:a", "level") == b"block"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = ClusterNode(Path(folder))
        yield f"redis+cluster://127.0.0.1:{server.port}"
        server.program.stop()


class TestRedisCluster(StoreContract):
    """One node that owns all slots: what crosses slots is refused as in a larger cluster."""

    @pytest.fixture
    def store(self, cluster: str) -> Iterator[Store]:
        made = open_store(cluster, StoreOptions("t", f"test-{uuid.uuid4().hex[:8]}"))
        yield made
        made.close()


def test_passwords_are_not_shown() -> None:
    assert shown("redis://user:hunter2@host:1/0") == "redis://***@host:1/0"
    assert "hunter2" not in shown("kafka://h:1/t?sasl_plain_username=u&sasl_plain_password=hunter2&x=1")
    with pytest.raises(UsageError) as raised:
        open_store("mysql://user:hunter2@host/0", StoreOptions("t"))
    assert "hunter2" not in str(raised.value)


def test_a_server_that_is_away_is_unavailable() -> None:
    store = RedisStore(f"redis://127.0.0.1:{free_port()}/0", "t")
    with pytest.raises(Unavailable, match="Redis does not answer"):
        store.claim(0)


@pytest.mark.parametrize("url", ["postgres://x", "redis", "redis://host:notaport/0"])
def test_a_wrong_url_says_what_to_write(url: str) -> None:
    with pytest.raises(UsageError, match="HOST:PORT/0"):
        open_store(url, StoreOptions("t"))
