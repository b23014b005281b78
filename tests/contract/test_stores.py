"""The same promises, kept by every store."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.common.secret import shown
from siphonwatch.streams.contracts import StoreContract
from siphonwatch.streams.contracts.samples import ids, rows, verdict
from siphonwatch.streams.stores import Store, StoreOptions, open_store
from siphonwatch.streams.stores.base import Judging, Position
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore

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
        store.judged(store.lead().fence, Judging(b"m", [("a", b"x", 1.0)], [], {"a": verdict("a")}, [("a", b"f")]))
        client: Any = redis_server.client()
        keys = sorted(client.scan_iter(f"{prefix}:*"))
        assert len(keys) >= 9
        assert all(client.ttl(key) > 0 for key in keys)
        partition = [key for key in keys if b"pane" in key or b"ids" in key or b"meta" in key]
        assert len(partition) == 3
        assert all(b":{t:3}:" in key for key in partition)
        assert client.hget(f"{prefix}:4:{{t}}:verdict:a", "level") == b"block"


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
