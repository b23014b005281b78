"""Shards of the accounts in a real Redis: cut short at any write, harmed in any key, and spread over the nodes of a cluster."""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from siphonwatch.detector.judging.accounts import SHARDS, shard_of
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.contracts.samples import ids, rows, verdict
from siphonwatch.streams.contracts.store import closing, everything
from siphonwatch.streams.stores.base import Fence, Kept, Position, ShardJudging, Store
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore, scripts, server, staging
from siphonwatch.streams.stores.whole import by_shard, write
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.metrics import Metrics

from tests.services.judges import judge_of_all
from tests.services.redis import Cluster, RedisServer

NAMES = [f"account {number}" for number in range(4000)]
MINE = sorted({shard_of(name) for name in NAMES[:3]})
THEIRS = [name for name in NAMES if shard_of(name) in MINE]  # some two dozen accounts in three shards
Opened = Callable[[], RedisStore]


@pytest.fixture
def opened(redis_server: RedisServer) -> Opened:
    """Stores of one prefix, as workers open them one after the other."""
    prefix = f"test-{uuid.uuid4().hex[:8]}"
    return lambda: RedisStore(redis_server.url, "t", prefix)


def shown(store: Store, shards: Sequence[int]) -> tuple[Kept, dict[int, Fence]]:
    """What another worker finds in these shards."""
    fences = store.hold("another", [0], shards)
    return store.load(fences), fences


def held(kept: Kept) -> tuple[dict[str, bytes], set[str]]:
    """Accounts and verdicts."""
    return dict(zip(kept.accounts, kept.values, strict=True)), set(kept.verdicts)


class Cutting:
    """A store's server that dies after so many chunks."""

    def __init__(self, store: RedisStore, left: int) -> None:
        self.left, self._run_all = left, store._server.run_all
        store._server.run_all = self  # type: ignore[method-assign, assignment]

    def __call__(self, calls: Sequence[tuple[list[str], scripts.Call]], weights: Sequence[int] | None = None) -> list[Any]:
        writes = [at for at, (_, call) in enumerate(calls) if isinstance(call, scripts.Apply)]
        if len(writes) <= self.left:
            self.left -= len(writes)
            return self._run_all(calls, weights)
        self._run_all(calls[: writes[self.left]], None)
        raise Unavailable("it is cut short here")


def begun(opened: Opened) -> tuple[RedisStore, dict[int, Fence], dict[int, ShardJudging]]:
    """A judging that was closed and is to be applied, on top of one that was."""
    store = opened()
    write(store, b"c", [(name, b"v", 1.0) for name in THEIRS], {name: verdict(name) for name in THEIRS[::2]})
    fences = store.hold("first", [0], MINE)
    store.load(fences)
    verdicts = {**{name: verdict(name) for name in THEIRS[5::2]}, **dict.fromkeys(THEIRS[::2])}
    changes = by_shard([(name, b"w", 2.0) for name in THEIRS[4:]], THEIRS[:4], verdicts, 0.0)
    store.stage("2", fences, changes)
    fence, judging = closing(store, "2", changes, b"d")
    store.judged(fence, judging)
    return store, fences, changes


AFTER: tuple[dict[str, bytes], set[str]] = (dict.fromkeys(THEIRS[4:], b"w"), set(THEIRS[5::2]))


def test_applying_that_is_cut_short_anywhere_is_finished_by_who_loads_next(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "CHUNK", 7)
    chunks = sum(len(staging.whose(change)) for change in begun(opened)[2].values())
    assert chunks > 6
    for cut in range(chunks):
        store, fences, changes = begun(opened)
        Cutting(store, cut)
        with pytest.raises(Unavailable):
            store.apply("2", fences, changes)
        again = opened()
        Cutting(again, (chunks - cut) // 2)  # who finishes it is cut short as well
        with pytest.raises(Unavailable):
            shown(again, MINE)
        kept, found = shown(opened(), MINE)
        assert (held(kept), kept.faults, kept.lost | kept.derived) == (AFTER, [], set()), cut
        assert {fence.mark for fence in found.values()} == {"2"}
        assert set(opened().standings()) == AFTER[1]


def test_a_keeper_that_was_cut_short_goes_on_by_itself(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "CHUNK", 7)
    store, fences, changes = begun(opened)
    cutting = Cutting(store, 4)
    with pytest.raises(Unavailable):
        store.apply("2", fences, changes)
    assert store.check_shards(fences), "they are not as they were left"
    cutting.left = 1000
    store.stage("2", fences, changes)  # once more does no harm
    assert store.apply("2", fences, changes) == []
    assert store.check_shards(fences) == []
    assert held(shown(opened(), MINE)[0]) == AFTER


def test_writing_anew_that_is_cut_short_is_finished_by_who_loads_next(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "CHUNK", 7)
    whole = by_shard([(name, b"x", 3.0) for name in THEIRS[8:]], [], {name: verdict(name) for name in THEIRS[-3:]}, 0.0)
    for shard in MINE:
        whole.setdefault(shard, ShardJudging())
    for cut in range(30):
        store, fences, changes = begun(opened)
        store.apply("2", fences, changes)
        Cutting(store, cut)
        try:
            store.rewrite(fences, whole)
        except Unavailable:
            kept, _ = shown(opened(), MINE)
            assert (kept.faults, kept.lost | kept.derived) == ([], set()), cut
            accounts, verdicts = held(kept)
            for number, shard in enumerate(whole):  # all of them in turn begin with the first of their chunks
                (before, stood), (after, stand) = AFTER, (dict.fromkeys(THEIRS[8:], b"x"), set(THEIRS[-3:]))
                expected, standing = (before, stood) if cut <= number else (after, stand)
                assert {name: accounts[name] for name in accounts if shard_of(name) == shard} == {
                    name: value for name, value in expected.items() if shard_of(name) == shard
                }
                assert {name for name in verdicts if shard_of(name) == shard} == {name for name in standing if shard_of(name) == shard}
        else:
            assert cut > len(MINE)
            return
    raise AssertionError("it was never written")


def test_what_was_staged_on_top_of_something_else_is_not_applied(opened: Opened, redis_server: RedisServer) -> None:
    """All of a shard but the changes is gone: they alone are not the shard."""
    store, _, _ = begun(opened)
    client: Any = redis_server.client()
    lost = MINE[0]
    for name in ("shard", "accounts", "ranking", "verdicts", "standings"):
        assert client.delete(store._server.of_shard(lost, name))
    kept, _ = shown(opened(), MINE)
    assert kept.lost == {lost}
    assert not [name for name in kept.accounts if shard_of(name) == lost]


def lose(client: Any, key: str) -> None:
    """Delete it."""
    assert client.delete(key)


def misplace(client: Any, key: str) -> None:
    """Make it a key of another type."""
    assert client.delete(key)
    client.rpush(key, "x")


def shorten(client: Any, key: str) -> None:
    """Take something out of it."""
    if client.type(key) == b"zset":
        assert client.zpopmin(key)
    else:
        assert client.hdel(key, b"mark" if client.hexists(key, b"mark") else client.hkeys(key)[0])


def spoil(client: Any, key: str) -> None:
    """Make a value of it one that does not decode."""
    name = key.split("}:")[1].split(":", maxsplit=1)[0]
    client.hset(key, {"shard": "accounts", "verdict": "json"}.get(name, client.hkeys(key)[0]), b"\xff{")


# key -> whether it means that the accounts are lost
HARMED = {"shard": True, "accounts": True, "ranking": False, "verdicts": False, "standings": False, "verdict": False}
UNSEEN = {  # what no store can tell: rows it does not read, scores that are all good, a field that others may have added
    ("accounts", spoil), ("ranking", spoil), ("verdict", shorten),
}  # fmt: skip
HARMS = [(name, harm) for name in HARMED for harm in (lose, misplace, shorten, spoil) if (name, harm) not in UNSEEN]


@pytest.mark.parametrize("working", [True, False], ids=["at work", "while nobody works"])
@pytest.mark.parametrize(("name", "harm"), HARMS, ids=[f"{harm.__name__} {name}" for name, harm in HARMS])
def test_a_harmed_key_is_noticed_and_its_shard_is_written_anew(
    opened: Opened, redis_server: RedisServer, name: str, harm: Callable[[Any, str], None], working: bool
) -> None:
    store, fences, changes = begun(opened)
    assert store.apply("2", fences, changes) == []
    account = next(name for name in THEIRS if name in AFTER[1] and name in AFTER[0])
    shard = shard_of(account)
    harm(redis_server.client(), store._server.of_shard(shard, f"verdict:{account}" if name == "verdict" else name))
    if working:
        faults = [fault for _ in range(2 * len(fences)) for fault in store.check_shards(fences)]
        assert {each for each, _ in faults} == {shard}
    else:
        store = opened()
        kept, fences = shown(store, MINE)
        assert (kept.lost or kept.derived) == {shard}
        assert bool(kept.lost) == HARMED[name]
        assert {fence.mark for fence in fences.values()} == {"2"}
    mine = {name for name in AFTER[0] if shard_of(name) == shard}
    whole = by_shard([(name, b"w", 2.0) for name in sorted(mine)], [], {name: verdict(name) for name in sorted(mine & AFTER[1])}, 0.0)
    store.rewrite(fences, whole)
    assert [fault for _ in range(2 * len(fences)) for fault in store.check_shards(fences)] == []
    kept, _ = shown(opened(), MINE)
    assert (held(kept), kept.faults) == (AFTER, [])


def fell_back(opened: Opened, redis_server: RedisServer) -> tuple[RedisStore, dict[int, Fence]]:
    """A store that has lost what was applied last of one shard, and its keeper's fences."""
    store, fences, changes = begun(opened)
    client: Any = redis_server.client()
    keys = [store._server.of_shard(MINE[0], name) for name in ("shard", "accounts", "ranking", "verdicts", "standings")]
    before = [client.dump(key) for key in keys]
    store.apply("2", fences, changes)
    for key, value in zip(keys, before, strict=True):
        client.restore(key, 0, value, replace=True)
    return store, fences


def test_a_shard_that_fell_back_is_noticed(opened: Opened, redis_server: RedisServer) -> None:
    store, fences = fell_back(opened, redis_server)
    assert [(shard, fault.kind) for shard, fault in store.check_shards(fences)][:1] == [(MINE[0], "fell_back")]
    kept, _ = shown(opened(), MINE)
    assert kept.lost == {MINE[0]}, "what was staged is gone with its being applied"


def test_a_shard_that_fell_back_before_more_was_staged_does_not_take_it(opened: Opened, redis_server: RedisServer) -> None:
    """A node of a cluster fails over and has lost the last judging; who keeps its shard does not know yet, and is killed."""
    store, fences = fell_back(opened, redis_server)
    more = by_shard([(name, b"x", 2.0) for name in THEIRS[-8:]], [], {}, 0.0)
    assert MINE[0] in more
    store.stage("3", fences, more)
    store.judged(*closing(store, "3", more))
    kept, _ = shown(opened(), MINE)
    assert kept.lost == {MINE[0]}, "the changes of the last judging are no changes of what was before it"


def test_a_keeper_that_found_accounts_lost_does_not_write_them_as_if_they_were_whole(opened: Opened, redis_server: RedisServer) -> None:
    """It looks after its shards before a judge has come to read all again, and is killed then."""
    store, panes = opened(), Panes(DEFAULT)
    requests = simulate(World(accounts=5, days=0.5, seed=1, start=1_780_000_000.0)).requests
    added = panes.add(batch(requests, [epoch_ms(each.timestamp) for each in requests]))
    store.commit(0, store.claim(0).fence, Position(len(requests), panes.clock, panes.watermark, panes.last), added.changed, added.ids)
    judge, keeper = judge_of_all(store)
    assert judge.step(1) > 0
    lost = shard_of(keeper.shard.everybody()[0])
    assert redis_server.client().delete(store._server.of_shard(lost, "accounts"))
    after = Keeper(opened(), prior.load(), DEFAULT, Metrics())
    after.assign({0}, 1)
    after.check()
    assert shown(opened(), range(SHARDS))[0].lost == {lost}


def found(metrics: Metrics) -> dict[str, float]:
    """What was found not to be as it was written, by kind and what."""
    samples = [each for metric in metrics.faults.collect() for each in metric.samples if each.name.endswith("_total")]
    return {" ".join(each.labels.values()): each.value for each in samples if each.value > 0}


@pytest.mark.parametrize("value", [None, b"\xff\xfe", b"{}", b""], ids=["lost", "no text", "a map", "empty"])
@pytest.mark.parametrize("field", ["context", "epoch", "mark", "read", "closed", "judged", "shards", "moves", "standings"])
def test_whatever_becomes_of_a_field_of_the_judging_is_got_over(
    opened: Opened, redis_server: RedisServer, field: str, value: bytes | None
) -> None:
    """While nobody works; and it is not found again and again."""
    store, client = opened(), redis_server.client()
    worlds = [simulate(World(accounts=5, days=0.3, seed=seed, start=1_780_000_000.0 + seed * 26_000)).requests for seed in (1, 2)]
    panes = [Panes(DEFAULT)]

    def read(store: RedisStore, part: int) -> None:
        """As a worker does: from the log's start where the partition was rewound."""
        claim = store.claim(0)
        if claim.position is None:
            panes[0], requests = Panes(DEFAULT, None, claim.sealed), [each for world in worlds[: part + 1] for each in world]
        else:
            requests = worlds[part]
        added = panes[0].add(batch(requests, [epoch_ms(each.timestamp) for each in requests]))
        position = Position(part + 1, panes[0].clock, panes[0].watermark, panes[0].last)
        store.commit(0, claim.fence, position, added.changed, added.ids)

    read(store, 0)
    judge, _ = judge_of_all(store)
    assert judge.step(1) > 0
    key = store._server.of_topic("judge")
    client.hdel(key, field) if value is None else client.hset(key, field, value)
    metrics, again = Metrics(), opened()
    judge, _ = judge_of_all(again, metrics=metrics)
    for _ in range(5):
        judge.step(1)
    assert metrics.registry.get_sample_value("siphonwatch_judge") == 1, "it judges"
    told = found(metrics)
    judge.step(1)
    assert found(metrics) == told, "and says no more of it"
    panes[0].seal(judge.engine.context.closed)
    read(again, 1)
    assert any(judge.step(1) > 0 for _ in range(5)), "what comes next is judged"


AS: dict[str, Callable[[Any, str], object]] = {
    "string": lambda client, key: client.set(key, "x"), "list": lambda client, key: client.rpush(key, "x"),
    "zset": lambda client, key: client.zadd(key, {"x": 1}), "hash": lambda client, key: client.hset(key, "x", "y"),
}  # fmt: skip


@pytest.mark.parametrize("kind", AS)
def test_what_was_set_aside_before_does_not_stand_in_the_way(opened: Opened, redis_server: RedisServer, kind: str) -> None:
    """A key of another type, and later fields and elements of the same key that do not decode."""
    store, client = opened(), redis_server.client()
    write(store, b"c", [], {})
    for name, read, spoilt in (
        ("owners", store.owners, lambda key: client.hset(key, "x", b"\xff")),
        ("outbox", lambda: store.set_aside("outbox", b"x"), lambda key: client.rpush(key, "x", "y")),
        ("judge", store.lead, lambda key: client.hset(key, "read", b"\xff")),
    ):
        key = store._server.of_topic(name)
        aside = key.replace("}:", "}:aside:")
        AS[kind](client, aside)
        spoilt(key)
        read()  # type: ignore[operator]
        assert client.exists(aside) == 1
        assert store.owners().of.keys() <= {0}


def test_what_is_large_is_read_bit_by_bit(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TOGETHER", 20)
    monkeypatch.setattr(server, "CHUNK", 10)
    store, few = opened(), NAMES[:5]
    names = few + [name for name in NAMES + [f"another {number}" for number in range(40_000)] if shard_of(name) == shard_of(NAMES[0])]
    names = sorted(set(names))
    assert sum(shard_of(name) == shard_of(NAMES[0]) for name in names) > 100
    write(store, b"c", [(name, name.encode() * 20, 1.0) for name in names], {name: verdict(name) for name in names})
    kept, _ = shown(opened(), range(SHARDS))
    assert held(kept) == ({name: name.encode() * 20 for name in names}, set(names))
    assert (kept.faults, set(store.standings())) == ([], set(names))
    fence = store.claim(0).fence
    store.commit(0, fence, Position(7, Clock(1000), 5, 6), {tick: (names, rows(len(names))) for tick in (4, 6)}, {4: ids(1), 6: ids(2)})
    counts, _ = store.seal(0, 4, fence.mark, -1)
    (pane,) = store.panes([(0, 4, counts[4])])
    ((tick, accounts, found),) = store.claim(0).panes
    expected = {name: number + 1 for number, name in enumerate(names)}
    assert dict(zip(pane.accounts, pane.filled["generation"].tolist(), strict=True)) == expected
    assert (tick, dict(zip(accounts, found["generation"].tolist(), strict=True))) == (6, expected)


@pytest.mark.parametrize("levels", [1, 3, 50, 10**9])
def test_the_strongest_of_all_shards_are_those_of_one(opened: Opened, levels: int) -> None:
    """By their names where they are equally strong, which Redis orders the other way round."""
    rng, store, one = random.Random(levels), opened(), MemoryStore()
    accounts = [(f"{'é' if number % 9 else ''}{number}", b"v", rng.randrange(levels) - 2.0) for number in range(3000)]
    for each in (store, one):
        write(each, b"c", accounts)
    for count in (0, 1, 2, 7, 8, 9, 33, 257, 1000, 4000):
        assert store.top(count) == one.top(count), count


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), 3)
    yield made
    made.stop()


def test_a_cluster_spreads_the_accounts(cluster: Cluster) -> None:
    names = [f"account {number}" for number in range(1500)]
    store = RedisStore(cluster.url, "requests", "p")
    write(store, b"c", [(name, b"v", 1.0) for name in names], {name: verdict(name) for name in names[::3]})
    assert sorted(everything(store).accounts) == sorted(names)
    assert len(store.standings()) == 500
    assert store.accounts(names) == [b"v"] * len(names)

    on: list[set[bytes]] = []
    nodes, accounts = Counter[int](), Counter[int]()
    for number, node in enumerate(cluster.clients()):
        keys = set(node.scan_iter("p:*", count=1000))
        on.append({key[key.index(b"{") + 1 : key.index(b"}")] for key in keys if b":s" in key})
        nodes[number] = len(on[-1])
        accounts[number] = sum(node.hlen(key) for key in keys if key.endswith(b"}:accounts"))
    assert sum(map(len, on)) == len(set.union(*on)) == SHARDS, "all keys of a shard are on one node"
    assert sum(accounts.values()) == len(names)
    for of_all, total in ((nodes, SHARDS), (accounts, len(names))):
        assert all(0.23 < of_all[number] / total < 0.43 for number in range(3)), of_all
    slots = Counter(cluster.owner(f"requests:s{shard}") for shard in range(SHARDS))
    assert slots == nodes
