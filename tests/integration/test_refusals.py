"""Redis refuses, in every way that a real one has: whoever asks waits, says what to do, and goes on by itself."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.contracts.samples import ids, rows, verdict
from siphonwatch.streams.contracts.store import closing
from siphonwatch.streams.stores.base import Charge, Judging, Position, ShardJudging
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.whole import by_shard, write

from tests.integration.harness import Pipeline, keyed, replayed, same, traffic
from tests.integration.test_outages import everything, page
from tests.services.kafka import Broker
from tests.services.process import free_port, wait_until
from tests.services.redis import ClusterNode, RedisServer
from tests.services.refusals import REFUSALS

READING = {"OOM", "READONLY", "NOREPLICAS", "NOPERM", "MISCONF"}  # in these it still answers who only reads


@pytest.fixture(scope="module")
def own_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    made = RedisServer(tmp_path_factory.mktemp("redis"))
    if made.external:
        pytest.skip("SIPHONWATCH_TEST_REDIS names a server that this test may not put into such states")
    yield made
    made.stop()


def calls(store: RedisStore) -> tuple[dict[str, Callable[[], object]], dict[str, Callable[[], object]]]:
    """(all that writes, all that reads) of what worker, judge, sidecar and desk ask of a store."""
    position = Position(7, Clock(1000), 3, 4)
    write(store, b"m", [("a", b"x", 1.0)], {"a": verdict("a")}, [("a", b"f")])
    claim = store.claim(0)
    shards = [shard_of("a"), shard_of("b")]
    fences, staged = store.hold("somebody", [0], shards), by_shard([("b", b"x", 1.0)], [], {"b": verdict("b")}, 0.0)
    store.load(fences)
    store.stage("2", fences, staged)
    fence, judging = closing(store, "2", staged)
    store.judged(fence, judging)
    store.commit(0, claim.fence, position, {4: (["a"], rows(1))}, {4: ids(1)})
    store.rule(Ruling("1", "a", True, "someone", 10.0))
    writes: dict[str, Callable[[], object]] = {
        "claim": lambda: store.claim(1),
        "commit": lambda: store.commit(0, claim.fence, position, {4: (["b"], rows(1))}, {4: ids(2)}, [1]),
        "seal": lambda: store.seal(0, 2, "", UNSEALED),
        "drop": lambda: store.drop(0, [2]),
        "rewind": lambda: store.rewind(2),
        "lead": store.lead,
        "judged": lambda: store.judged(fence, Judging("n", b"n", [("b", b"g")], moves=store.owners().moves)),
        "announce": lambda: store.announce(fence),
        "hold": lambda: store.hold("another", [3], [7]),
        "resign": lambda: store.resign("another"),
        "stage": lambda: store.stage("n", fences, staged),
        "apply": lambda: store.apply("2", fences, staged),
        "rewrite": lambda: store.rewrite(fences, {shards[0]: ShardJudging([("a", b"x", 1.0)], [], {"a": verdict("a")})}),
        "post": lambda: store.post(b"ask"),
        "answer": lambda: store.answer("1", b"answer"),
        "sent": lambda: store.sent(fence, 1),
        "spend": lambda: store.spend([Charge("a", "m", 1.0, 1)]),
        "rule": lambda: store.rule(Ruling("2", "a", True, "someone", 10.0)),
        "take_back": lambda: store.take_back("1"),
        "keep": lambda: store.keep([Ruling("3", "a", True, "someone", 10.0)]),
        "erase": lambda: store.erase("c"),
        "add_to_trail": lambda: store.add_to_trail(b"{}", 0),
        "secret": lambda: store.secret(bytes(32)),
        "set_aside": lambda: store.set_aside("context"),
    }
    reads: dict[str, Callable[[], object]] = {
        "positions": lambda: store.positions(2), "check": lambda: store.check(fence), "account": lambda: store.account("a"),
        "accounts": lambda: store.accounts(["a"]), "verdict": lambda: store.verdict("a"), "top": lambda: store.top(1), "ping": store.ping,
        "context": store.context, "standings_version": store.standings_version, "standings": store.standings, "trail": store.trail,
        "check_shards": lambda: store.check_shards(fences), "owners": store.owners, "posted": lambda: store.posted("0-0", 0.01),
        "findings": lambda: store.findings(1), "rulings": store.rulings, "erased": store.erased, "used_bytes": store.used_bytes,
    }  # fmt: skip
    return writes, reads


SILENT = {"drop", "rewind", "rule", "check", "ping", "announce", "resign", "stage", "rewrite", "post", "answer"}  # that answer nothing
FREEING = {"drop", "rewind", "sent", "erase"}  # which need no memory, so that a server that has none takes them


def held(client: Any) -> dict[bytes, list[bytes]]:
    """All that a server holds, but chunks that nobody reads."""
    keys = [key for key in client.scan_iter("*", count=1000) if b":redo:" not in key and b"filler" not in key]
    return {key: sorted(everything(client, key).split(b"\n")) for key in keys if client.type(key) != b"stream"}


@pytest.mark.parametrize("code", REFUSALS)
def test_whatever_is_asked_it_waits_says_what_to_do_and_writes_nothing(own_redis: RedisServer, code: str) -> None:
    refuse, advice = REFUSALS[code]
    client: Any = own_redis.client()
    client.flushall()
    store = RedisStore(own_redis.url, "t", "p")
    writes, reads = calls(store)
    before = held(client)
    with refuse(own_redis):
        for name, call in writes.items():
            if code == "OOM" and name in FREEING:
                continue
            with pytest.raises(Unavailable) as raised:
                call()
            assert advice in str(raised.value), name
        for name, call in reads.items():
            if name in ("ping", "used_bytes"):
                continue  # which some of these states refuse and others do not, whatever else they answer
            with contextlib.nullcontext() if code in READING else pytest.raises(Unavailable) as raised:
                call()
            assert code in READING or advice in str(raised.value), name
    assert held(own_redis.client()) == before
    for name, call in (reads | {name: call for name, call in writes.items() if name not in ("seal", "sent", "judged", "commit")}).items():
        assert call() is not None or name in SILENT, name


def test_a_worker_goes_on_by_itself_after_each(broker: Broker, own_redis: RedisServer, tmp_path: Path) -> None:
    requests: list[Request] = traffic()
    own_redis.client().flushall()
    live, port = Pipeline(broker, own_redis, tmp_path, 2, ("--batch", "150")), free_port()
    records = keyed(requests, "account")
    worker = live.worker("--http-port", str(port))
    for number, (code, (refuse, advice)) in enumerate(REFUSALS.items()):
        start, end = (each * len(records) // len(REFUSALS) for each in (number, number + 1))
        live.broker.produce(live.topic, records[start : (start + end) // 2])
        live.has_read((start + end) // 2)
        with refuse(own_redis):
            live.broker.produce(live.topic, records[(start + end) // 2 : end])
            wait_until(lambda advice=advice: advice in page(port, "readyz")[1], 30, f"the worker to say what to do about {code}")  # type: ignore[misc]
        live.has_read(end)
        assert worker.running
    live.finish(len(records))
    same(live.outcome(), replayed(requests))


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[ClusterNode]]:
    """Two nodes that know each other; the first owns all slots."""
    nodes = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        nodes.append(ClusterNode(tmp_path / name, slots=name == "first"))
    first, second = (redis.Redis(port=node.port) for node in nodes)
    first.execute_command("CLUSTER MEET", "127.0.0.1", nodes[1].port, nodes[1].bus)
    for client in (first, second):
        wait_until(lambda client=client: client.cluster("info")["cluster_known_nodes"] == "2", 20, "the nodes to know each other")  # type: ignore[misc]
    yield nodes
    for node in nodes:
        node.program.stop()


def test_a_cluster_that_is_down_or_moving(cluster: list[ClusterNode]) -> None:
    first, second = (redis.Redis(port=node.port) for node in cluster)
    store = RedisStore(f"redis+cluster://127.0.0.1:{cluster[0].port}", "t", "p")
    fence, position = store.claim(0).fence, Position(7, Clock(1000), 3, 4)
    slot = first.execute_command("CLUSTER KEYSLOT", "p:5:{t:0}:meta")

    first.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", second.execute_command("CLUSTER MYID").decode())
    with pytest.raises(Unavailable, match="slots are moving"):
        store.commit(0, fence, position, {4: (["a"], rows(1))}, {4: ids(1)})
    first.execute_command("CLUSTER SETSLOT", slot, "STABLE")
    store.commit(0, fence, position, {4: (["a"], rows(1))}, {4: ids(1)})

    first.execute_command("CLUSTER DELSLOTS", slot)
    with pytest.raises(Unavailable, match="CLUSTER INFO"):
        store.commit(0, fence, position, {4: (["a"], rows(1))}, {4: ids(2)})
    first.execute_command("CLUSTER ADDSLOTS", slot)

    def again() -> bool:
        with contextlib.suppress(Unavailable):
            store.commit(0, fence, position, {4: (["a"], rows(1))}, {4: ids(2)})
            return True
        return False

    wait_until(again, 20, "the cluster to take it")
    assert len(store.claim(0).ids[4]) == 2


def test_a_shard_whose_slots_are_down_or_moving(cluster: list[ClusterNode]) -> None:
    first, second = (redis.Redis(port=node.port) for node in cluster)
    store = RedisStore(f"redis+cluster://127.0.0.1:{cluster[0].port}", "t", "p")
    names = [f"account {number}" for number in range(100)]
    write(store, b"c", [(name, b"v", 1.0) for name in names])
    fences = store.hold("somebody", [0], range(SHARDS))
    store.load(fences)
    changes = by_shard([(name, b"w", 1.0) for name in names], [], {name: verdict(name) for name in names}, 0.0)
    store.stage("2", fences, changes)
    store.judged(*closing(store, "2", changes))
    moving = shard_of(names[0])
    slot = first.execute_command("CLUSTER KEYSLOT", f"p:5:{{t:s{moving}}}:shard")

    first.execute_command("CLUSTER SETSLOT", slot, "MIGRATING", second.execute_command("CLUSTER MYID").decode())
    with pytest.raises(Unavailable, match="slots are moving"):
        store.apply("2", fences, changes)
    first.execute_command("CLUSTER SETSLOT", slot, "STABLE")
    first.execute_command("CLUSTER DELSLOTS", slot)
    for call in (
        lambda: store.apply("2", fences, changes),
        lambda: store.load(fences),
        store.standings,
        lambda: store.stage("3", fences, changes),
    ):
        with pytest.raises(Unavailable, match="CLUSTER INFO"):
            call()
    first.execute_command("CLUSTER ADDSLOTS", slot)

    def again() -> bool:
        with contextlib.suppress(Unavailable):
            assert store.apply("2", fences, changes) == [], "what is applied in part is applied to the end"
            return True
        return False

    wait_until(again, 20, "the cluster to take it")
    kept = store.load(store.hold("another", [0], range(SHARDS)))
    assert (sorted(kept.accounts), set(kept.values), kept.faults) == (sorted(names), {b"w"}, [])
    assert sorted(store.standings()) == sorted(names)
