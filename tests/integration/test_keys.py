"""What becomes of each key that Redis holds when it is lost or of another type: at work, and while nobody works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.stores.base import Charge, Fault
from siphonwatch.streams.worker import wire

from tests.integration.damage import Harm
from tests.integration.harness import SECRET, Outcome, Pipeline, keyed, replayed, same
from tests.services.kafka import Broker
from tests.services.process import wait_until
from tests.services.redis import RedisServer

PAGE = Path(__file__).parents[2] / "docs" / "redis-keys.md"
NAMES = re.compile(r"^\| ((?:`[^`]+`(?:, )?)+) \| (?:string|hash|list|set|sorted set|stream)\b", re.MULTILINE)
RUBBISH = b"\xff\xfe rubbish"
RULINGS = [Ruling("1", "nobody", False, "someone", 10.0), Ruling("2", "nobody", True, "someone", 20.0)]
CHARGE = [Charge("somebody", "m", 1000.0, 1)]


@dataclass(frozen=True)
class Key:
    """What a key's loss means."""

    noticed: str  # what workers say is not as it was written, in the words of ``FAULTY``; nothing where no worker reads it
    without: tuple[str, ...] = ()  # harm that is not noticed: it may rightly be absent
    silent: tuple[str, ...] = ()  # harm that is mended and not said: nothing was lost by it
    anew: bool = False  # the judging that comes next may write it anew before somebody looks: then there is nothing to be said


# each key of the page; one that is added there fails the test until it stands here
KEYS = {
    "meta": Key("position|partition|pane|ids"), "pane:<tick>:<part>": Key("pane|partition"), "ids:<tick>": Key("ids|partition"),
    "judge": Key("judging|context"), "shard": Key("accounts"), "accounts": Key("accounts|account"), "verdicts": Key("verdicts?"),
    "ranking": Key("ranking"), "standings": Key("standings"), "verdict:<account>": Key("verdict", anew=True),
    "outbox": Key("outbox", without=("lost",)), "findings": Key("findings", without=("lost",)),
    "redo:<mark>": Key("findings|judging"), "owners": Key("owners", silent=("lost",)), "asks": Key("asks", silent=("lost",)),
    "answers:<ask>": Key("", silent=("lost",)), "rulings": Key("ruling"), "withdrawn": Key("ruling", without=("lost",)),
    "placed": Key("ruling", without=("lost",)), "erased": Key("erased", without=("lost",)), "secret": Key("secret", without=("lost",)),
    "buckets": Key("", without=("lost",)), "trail": Key("", without=("lost",)),
}  # fmt: skip
# whose loss while nobody works is shown without Kafka, key by key, in test_stored_shards.py
OF_SHARDS = ("shard", "accounts", "verdicts", "ranking", "standings", "verdict:<account>")
PASSED = ("pane:<tick>:<part>", "ids:<tick>")  # which an owner at work does not look at where their tick has passed


def test_it_is_decided_what_the_loss_of_each_key_means() -> None:
    named = {name for names in NAMES.findall(PAGE.read_text(encoding="utf-8")) for name in re.findall("`([^`]+)`", names)}
    assert named == set(KEYS)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return simulate(World(accounts=30, days=0.5, prevalence=0.3, seed=3, start=1_780_000_000.0, harvests=("reasoning",))).requests


@pytest.fixture(scope="module")
def expected(requests: list[Request]) -> Outcome:
    outcome = replayed(requests)
    assert any(verdict.level == "throttle" for verdict in outcome.verdicts.values())
    return outcome


@pytest.fixture
def live(broker: Broker, redis_server: RedisServer, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(broker, redis_server, tmp_path, 1, ("--batch", "100"))
    yield made
    made.stop()


def misplaced(client: Any, key: bytes, _: Key) -> None:
    """Make it a key of another type."""
    kind = client.type(key)
    client.delete(key)
    client.rpush(key, "x") if kind != b"list" else client.set(key, "x")


def lost(client: Any, key: bytes, _: Key) -> None:
    """Delete it."""
    client.delete(key)


@dataclass
class Harming:
    """A pipeline with all of its keys, and a log that goes on a little after each harm."""

    live: Pipeline
    records: list[tuple[bytes | None, bytes]]

    def __post_init__(self) -> None:
        self.found: list[Fault] = []
        self.harm, self.written = Harm(self.live), len(self.records) // 2
        self.base = f"{self.harm.base}{{{self.live.topic}}}:"
        store = self.live.store
        store.erase("nobody at all")
        for ruling in RULINGS:
            store.rule(ruling)
        store.spend(CHARGE)
        store.add_to_trail(b"{}", 0)
        self.live.broker.produce(self.live.topic, self.records[: self.written])
        self.live.worker()
        wait_until(lambda: len(store.standings()) > 0, 30, "somebody to be watched")
        store.take_back(RULINGS[1].id)
        while not any(ruling.until is not None for ruling in store.rulings()):  # the judge has heard of it
            self.go_on(20)

    def said(self, key: Key) -> int:
        """How often workers, or who else reads, found that this was not as it was written."""
        self.found += self.live.store.take_faults()
        logs = "\n".join(worker.tail(100_000) for worker in self.live.workers)
        said = re.findall(r'"what": "([a-z]+)"[^\n]*"event": "the store is not as it was written"', logs)
        return sum(bool(re.fullmatch(key.noticed, what)) for what in [*said, *(fault.what for fault in self.found)])

    def shown(self, target: bytes) -> bytes | None:
        """What is judged of the account whose verdict others read under the key ``target``."""
        place, account = target.split(b"verdict:", maxsplit=1)
        return self.harm.client.hget(place + b"verdicts", account)  # type: ignore[no-any-return]

    def whole(self) -> bool:
        """Whether everything is written that was judged, and read that there is."""
        client = self.harm.client
        shards = [key.decode().removesuffix("shard") for key in self.harm.all_keys() if key.endswith(b"}:shard")]
        judged = 0
        for shard in shards:
            known = client.hgetall(f"{shard}shard")
            counts = [int(known.get(name, 0)) for name in (b"accounts", b"accounts", b"verdicts", b"verdicts")]
            there = [client.zcard(f"{shard}ranking"), *(client.hlen(f"{shard}{name}") for name in ("accounts", "verdicts", "standings"))]
            if counts != there or b"staged" in known:
                return False
            judged += counts[2]
        owned = client.exists(f"{self.base}owners") == 1
        return len(shards) == SHARDS and judged > 0 and owned and self.live.read >= self.written

    def newest(self, name: str) -> bytes:
        """The newest key of that name, once there is one and all is well."""
        wait_until(self.whole, 60, f"all to be well before {name}")
        if name == "redo:<mark>":  # as if a judge had died between closing a tick and writing it
            self.harm.client.hset(f"{self.base}redo:m", "0", b"\x80")
            self.harm.client.hset(f"{self.base}judge", mapping={"redo": "m", "staged": 1, "applied": 0})
        if name == "outbox":  # that is there only for as long as a finding is sent
            self.harm.client.rpush(f"{self.base}outbox", RUBBISH)
        if name == "trail":
            self.live.store.add_to_trail(b"{}", 0)
        if name == "asks":  # one worker alone asks nobody
            self.live.store.post(wire.packed(wire.Ask("x", "", [], "", "begin", msgspec.Raw(b"\x80"))))
        if name == "answers:<ask>":
            self.live.store.answer("x", b"x")
        part = f"}}:{name.split('<', maxsplit=1)[0]}".encode()  # with the colon before what varies
        for _ in range(20):
            found = [
                each
                for each in self.harm.all_keys()
                if part in each and (name != "shard" or int(self.harm.client.hget(each, "accounts") or 0))
            ]
            if found:
                return found[-1]
            self.go_on(100)
        raise AssertionError(f"no {name} is there")

    def go_on(self, parts: int) -> None:
        """Write and read one of ``parts`` of what is left of the log, and use what no worker reads."""
        end = min(self.written + len(self.records) // 4 // parts, len(self.records))
        self.live.broker.produce(self.live.topic, self.records[self.written : end])
        self.written = end
        self.live.has_read(end)
        assert self.live.store.spend(CHARGE)[0] > 0
        assert isinstance(self.live.store.trail(), list)
        assert isinstance(self.live.store.findings(10), list)
        assert isinstance(self.live.store.erased(), dict)
        assert len(self.live.store.rulings()) <= len(RULINGS)

    def finish(self, expected: Outcome) -> None:
        """Hold the end against what it should be."""
        self.live.broker.produce(self.live.topic, self.records[self.written :])
        self.live.finish(len(self.records))
        same(self.live.outcome(), expected)
        assert {ruling.id: ruling.withdrawn for ruling in self.live.store.rulings()} in ({"1": False, "2": True}, {"1": False})
        assert self.live.store.secret(bytes(32)) == SECRET


@pytest.mark.parametrize(
    ("do", "working"),
    [(misplaced, True), (lost, True), (lost, False)],
    ids=["another type, at work", "lost, at work", "lost while nobody works"],
)
def test_keys_that_are_not_as_they_were_written(
    live: Pipeline, requests: list[Request], expected: Outcome, do: Callable[[Any, bytes, Key], None], working: bool
) -> None:
    harming = Harming(live, keyed(requests, "account"))
    for name, key in KEYS.items():
        if do.__name__ in key.without or (not working and name in OF_SHARDS):
            continue
        target, before = harming.newest(name), harming.said(key)
        if not working:
            live.workers[-1].kill()
        was = harming.shown(target) if key.anew else None
        do(harming.harm.client, target, key)
        if not working:
            live.worker()
        harming.go_on(len(KEYS))
        if key.noticed and not (working and name in PASSED) and do.__name__ not in key.silent:

            def noticed(key: Key = key, target: bytes = target, was: bytes | None = was, before: int = before) -> bool:
                return harming.said(key) > before or (key.anew and do is lost and harming.shown(target) != was)

            wait_until(noticed, 60, f"it to be said that {name} is {do.__name__}")
    harming.finish(expected)
