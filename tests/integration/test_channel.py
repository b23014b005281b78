"""What judge and keepers say to each other through a real Redis: who waits holds nobody up, and rubbish in the way is set aside."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from siphonwatch.streams.stores.redis import RedisStore
from siphonwatch.streams.stores.redis.channel import AT_ONCE, KEPT_ASKS
from siphonwatch.streams.stores.redis.connection import TIMEOUT

from tests.services.process import PATIENCE
from tests.services.redis import Cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"), 3)
    yield made
    made.stop()


@pytest.fixture(params=["one server", "cluster"])
def store(request: pytest.FixtureRequest) -> Iterator[RedisStore]:
    url = request.getfixturevalue("redis_server" if request.param == "one server" else "cluster").url
    made = RedisStore(url, "t", f"test-{uuid.uuid4().hex[:8]}")
    yield made
    made.close()


def soon(waiting: threading.Thread) -> None:
    """It ends, however slow the machine is."""
    waiting.join(TIMEOUT * PATIENCE)
    assert not waiting.is_alive()


def test_who_waits_hears_at_once_and_holds_nobody_up(store: RedisStore) -> None:
    place, _ = store.posted(None, 0.0)
    heard: list[Any] = []
    threads = [
        threading.Thread(target=lambda: heard.append(store.posted(place, 2 * AT_ONCE * PATIENCE)[1])),
        threading.Thread(target=lambda: heard.append(store.posted(place, 2 * AT_ONCE * PATIENCE)[1])),
        threading.Thread(target=lambda: heard.append(store.answers("1", 2 * AT_ONCE * PATIENCE))),
    ]
    for thread in threads:
        thread.start()
    time.sleep(AT_ONCE + 0.2)  # longer than the server is waited for in one go
    for number in range(50):  # the same client
        assert store.owners().moves == 0, number
    assert heard == []
    store.post(b"ask")
    store.answer("1", b"answer")
    for thread in threads:
        soon(thread)
    assert sorted(heard) == [[b"answer"], [b"ask"], [b"ask"]]


def test_waiting_ends(store: RedisStore) -> None:
    place, _ = store.posted(None, 0.0)
    started = time.monotonic()
    assert store.posted(place, 0.2) == (place, [])
    assert store.answers("1", 0.2) == []
    assert time.monotonic() - started >= 0.4


def test_what_is_of_another_type_is_set_aside(store: RedisStore) -> None:
    client, asks, answers = store.client, store._server.of_topic("asks"), store._server.of_topic("answers:1")
    client.rpush(asks, "x")
    client.set(answers, "x")
    assert store.posted(None, 0.0) == ("0-0", [])
    assert store.answers("1", 0.05) == []
    client.rpush(asks, "x")
    client.set(answers, "x")
    assert store.posted("0-0", 0.05) == ("0-0", [])
    client.rpush(asks, "x")
    store.post(b"ask")
    client.set(answers, "x")
    store.answer("1", b"answer")
    assert store.posted("0-0", 0.0)[1] == [b"ask"]
    assert store.answers("1", 0.0) == [b"answer"]
    faults = store.take_faults()
    assert {(fault.kind, fault.what) for fault in faults} == {("unreadable", "asks")}
    assert len(faults) == 5


def test_who_is_far_behind_goes_on_with_what_is_there(store: RedisStore) -> None:
    pipe = store.client.pipeline(transaction=False)
    for number in range(KEPT_ASKS + 2500):
        pipe.xadd(store._server.of_topic("asks"), {"message": str(number)})
    pipe.execute()
    store.post(b"last")
    place, heard = "0-0", list[bytes]()
    while (found := store.posted(place, 0.0))[1]:
        place, heard = found[0], heard + found[1]
    assert heard[-1] == b"last"
    assert KEPT_ASKS <= len(heard) < KEPT_ASKS + 1000
    assert place == store.posted(None, 0.0)[0]


def test_a_mark_is_like_no_other_whoever_asks(store: RedisStore) -> None:
    marks: list[str] = []
    threads = [threading.Thread(target=lambda: marks.extend(store._server.mark() for _ in range(5000))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        soon(thread)
    assert len(set(marks)) == 20_000
