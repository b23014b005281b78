"""The same promises, kept by every store."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import Clock
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common.errors import Fenced, Sealed, Unavailable, UsageError, shown
from siphonwatch.streams.stores import Store, StoreOptions, open_store
from siphonwatch.streams.stores.base import Charge, Judging, Position, Standing
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore

from tests.property.strategies import START
from tests.services.process import free_port, wait_until
from tests.services.redis import ClusterNode, RedisServer

AT = Position(7, Clock(1000), 3, 4)


def rows(count: int) -> np.ndarray:
    made = state.empty(count)
    made["generation"] = np.arange(1, count + 1)
    return made


def ids(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.uint64)


def verdict(account: str) -> Verdict:
    return Verdict(account, "block", "clear", 0.9, 2.2, START, 5, START, 10, 4, 100, 40, None, [])


class StoreMixin:
    """What holds for any store."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        raise NotImplementedError

    def test_nothing_is_there_at_first(self, store: Store) -> None:
        claim = store.claim(0)
        assert (claim.position, claim.sealed, claim.panes, claim.ids) == (None, -1, [], {})
        lead = store.lead()
        assert (lead.context, lead.accounts, lead.outbox) == (None, [], [])
        assert store.account("a") is None
        assert store.verdict("a") is None
        assert store.top(3) == []

    def test_rows_and_offset_come_back_together(self, store: Store) -> None:
        epoch = store.claim(1).epoch
        store.commit(1, epoch, AT, {4: (["a", "b"], rows(2))}, {4: ids(1, 2)})
        store.commit(1, epoch, Position(9, Clock(1001), 3, 4), {4: (["b"], rows(1))}, {4: ids(3)})
        claim = store.claim(1)
        assert claim.position is not None
        assert claim.position.offset == 9
        ((tick, accounts, found),) = claim.panes
        assert tick == 4
        assert dict(zip(accounts, found["generation"].tolist(), strict=True)) == {"a": 1, "b": 1}
        assert sorted(claim.ids[4].tolist()) == [1, 2, 3]
        assert store.claim(0).position is None

    def test_a_stale_owner_is_refused_and_writes_nothing(self, store: Store) -> None:
        stale = store.claim(0).epoch
        store.claim(0)
        with pytest.raises(Fenced):
            store.commit(0, stale, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        claim = store.claim(0)
        assert (claim.position, claim.panes) == (None, [])

    def test_a_sealed_tick_takes_nothing_more_and_reads_the_same_again(self, store: Store) -> None:
        epoch = store.claim(0).epoch
        store.commit(0, epoch, AT, {4: (["a"], rows(1)), 6: (["c"], rows(1))}, {4: ids(1), 6: ids(2)})
        first = store.seal(0, 5)
        assert [(tick, pane.accounts) for tick, pane in first] == [(4, ["a"])]
        with pytest.raises(Sealed):
            store.commit(0, epoch, Position(8, Clock(1000), 3, 4), {6: (["d"], rows(1)), 5: (["a"], rows(1))}, {6: ids(4), 5: ids(3)})
        assert store.positions(1) == [(AT, 5)]
        assert [(tick, pane.filled.tobytes()) for tick, pane in store.seal(0, 5)] == [(4, first[0][1].filled.tobytes())]
        store.drop(0, [4])
        assert store.seal(0, 5) == []
        assert [tick for tick, _, _ in store.claim(0).panes] == [6]

    def test_a_judging_is_all_or_nothing_and_fenced(self, store: Store) -> None:
        stale = store.lead().epoch
        epoch = store.lead().epoch
        judging = Judging(b"context", [("a", b"one", 1.5), ("b", b"two", 2.5)], [], {"a": verdict("a")}, [("a", b"finding")], 1.0)
        with pytest.raises(Fenced):
            store.judged(stale, judging)
        assert store.context() is None
        store.judged(epoch, judging)
        assert store.context() == b"context"
        assert store.account("b") == b"two"
        assert store.top(5) == ["b", "a"]
        assert store.verdict("a") == verdict("a")
        lead = store.lead()
        assert dict(zip(lead.accounts, lead.values, strict=True)) == {"a": b"one", "b": b"two"}
        assert lead.verdicts == {"a": verdict("a")}
        assert lead.outbox == [b"finding"]
        store.sent(1)
        store.judged(lead.epoch, Judging(b"later", [], ["b"], {"a": None, "b": None}, []))
        after = store.lead()
        assert (after.context, after.accounts, after.verdicts, after.outbox) == (b"later", ["a"], {}, [])

    def test_standings_follow_verdicts_and_say_when_they_changed(self, store: Store) -> None:
        lead = store.lead()
        before = store.standings_version()
        assert store.standings() == {}
        store.judged(lead.epoch, Judging(b"m", [], [], {"a": verdict("a"), "b": verdict("b")}, [], 1.2))
        assert store.standings() == {"a": Standing("block", 1.0), "b": Standing("block", 1.0)}
        assert store.standings_version() > before
        before = store.standings_version()
        store.judged(lead.epoch, Judging(b"m", [("c", b"x", 0.0)], [], {}, []))
        assert store.standings_version() == before
        store.judged(lead.epoch, Judging(b"m", [], [], {"a": None}, []))
        assert set(store.standings()) == {"b"}

    def test_buckets_fill_with_what_is_charged_and_empty_with_time(self, store: Store) -> None:
        assert store.spend([Charge("a", "m", 1e6, 2), Charge("b", "m", 1.0, 1)]) == pytest.approx([2e6, 1.0], abs=0.2)
        assert store.spend([Charge("a", "m", 1e6, 1), Charge("a", "other", 1e6, 0)]) == pytest.approx([3e6, 0.0], rel=1e-3)
        wait_until(lambda: store.spend([Charge("b", "m", 1.0, 0)])[0] == 0.0, 5, "a bucket to run dry")

    def test_the_newest_findings_come_first_and_by_subject(self, store: Store) -> None:
        lead = store.lead()
        for at, about in enumerate("abab"):
            store.judged(lead.epoch, Judging(b"m", [], [], {}, [(about, str(at).encode())]))
        assert store.findings(3) == [b"3", b"2", b"1"]
        assert store.findings(9, "a") == [b"2", b"0"]
        assert store.findings(1, "b") == [b"3"]

    def test_rulings_are_kept_in_order_and_taken_back(self, store: Store) -> None:
        second = Ruling("2", "b", False, "someone", 20.0, "a customer")
        first = Ruling("1", "a", True, "someone", 10.0)
        for ruling in (first, second):
            store.rule(ruling)
        assert store.rulings() == [first, second]
        assert store.take_back("1")
        assert not store.take_back("1")
        assert not store.take_back("3")
        assert store.rulings() == [second], "nobody had heard of it"

    def test_a_ruling_keeps_its_place_in_the_log_when_it_is_taken_back(self, store: Store) -> None:
        ruling = Ruling("1", "a", True, "someone", 10.0)
        store.rule(ruling)
        placed = msgspec.structs.replace(ruling, at=50.0, accounts=["a"], examples=[{"repeats": 0.5}])
        store.judged(store.lead().epoch, Judging(b"c", [], [], {}, [], placed=[placed]))
        assert store.rulings() == [placed]
        assert store.take_back("1")
        assert store.rulings() == [msgspec.structs.replace(placed, withdrawn=True)]

    def test_it_answers_and_says_how_much_it_holds(self, store: Store) -> None:
        store.ping()
        assert store.used_bytes() >= 0


class TestMemoryStore(StoreMixin):
    @pytest.fixture
    def store(self) -> Store:  # type: ignore[override]
        return MemoryStore()


class TestRedisStore(StoreMixin):
    @pytest.fixture
    def store(self, redis_server: RedisServer) -> Iterator[Store]:
        made = RedisStore(redis_server.url, "t", f"test-{uuid.uuid4().hex[:8]}")
        yield made
        made.close()

    def test_every_key_expires_and_a_partitions_keys_share_a_hash_tag(self, redis_server: RedisServer) -> None:
        prefix = f"test-{uuid.uuid4().hex[:8]}"
        store = RedisStore(redis_server.url, "t", prefix)
        store.commit(3, store.claim(3).epoch, AT, {4: (["a"], rows(1))}, {4: ids(1)})
        store.seal(3, 4)
        store.judged(store.lead().epoch, Judging(b"m", [("a", b"x", 1.0)], [], {"a": verdict("a")}, [("a", b"f")]))
        client: Any = redis_server.client()
        keys = sorted(client.scan_iter(f"{prefix}:*"))
        assert len(keys) >= 9
        assert all(client.ttl(key) > 0 for key in keys)
        partition = [key for key in keys if b"pane" in key or b"ids" in key or b"ticks" in key or b"meta" in key]
        assert len(partition) == 4
        assert all(b":{t:3}:" in key for key in partition)
        assert client.hget(f"{prefix}:3:{{t}}:verdict:a", "level") == b"block"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        server = ClusterNode(Path(folder))
        yield f"redis+cluster://127.0.0.1:{server.port}"
        server.program.stop()


class TestRedisCluster(StoreMixin):
    """One node that owns all slots: what crosses slots is refused as in a larger cluster."""

    @pytest.fixture
    def store(self, cluster: str) -> Iterator[Store]:
        made = open_store(cluster, StoreOptions("t", f"test-{uuid.uuid4().hex[:8]}"))
        yield made
        made.close()


def test_passwords_are_not_shown() -> None:
    assert shown("redis://user:hunter2@host:1/0") == "redis://user:***@host:1/0"
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
    with pytest.raises(UsageError, match="redis://HOST:PORT/0"):
        open_store(url, StoreOptions("t"))
