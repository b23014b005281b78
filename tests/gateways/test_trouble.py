"""A sidecar whose store misbehaves: it goes on refreshing, says so, keeps what it knew, and is well again when the store is."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator

import pytest
import redis
from siphonwatch.detector.judging.accounts import shard_of
from siphonwatch.streams.stores import whole

from tests.gateways.conftest import TOKEN, RunningSidecar, ask, verdict
from tests.services.process import wait_until
from tests.services.redis import RedisServer

SHOWN = {"x-siphonwatch-token": TOKEN}


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    """A sidecar with a Redis of its own, stale after a second."""
    folder = tmp_path_factory.mktemp("trouble")
    server = RedisServer(folder / "redis")
    if server.external:
        pytest.skip("SIPHONWATCH_TEST_REDIS is not ours to break")
    made = RunningSidecar(server, folder, (), {"SIPHONWATCH_DECISION_STALE_SECONDS": "1"})
    yield made
    made.stop()
    server.stop()


def status(sidecar: RunningSidecar, account: str) -> int:
    return ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": account}).status


def faults(sidecar: RunningSidecar) -> dict[str, float]:
    lines = ask(sidecar.http_port, "/metrics").body.decode().splitlines()
    return {line.split('"')[1]: float(line.split()[-1]) for line in lines if line.startswith("siphonwatch_knowledge_faults_total{")}


def ready(sidecar: RunningSidecar) -> bool:
    pages = {ask(port, "/readyz").status for port in (sidecar.port, sidecar.http_port)}
    return pages == {200}


def is_told_and_passes(sidecar: RunningSidecar) -> None:
    """Stale is told on both pages while the process is alive; nothing has to be restarted."""
    before = sum(faults(sidecar).values())
    wait_until(lambda: not ready(sidecar), 10, "the sidecar to say that it is stale")
    assert json.loads(ask(sidecar.port, "/readyz").body)["wrong"]
    wait_until(lambda: sum(faults(sidecar).values()) > before + 1, 10, "further tries to be counted")
    assert ask(sidecar.port, "/healthz").status == ask(sidecar.http_port, "/healthz").status == 200


def is_well(sidecar: RunningSidecar, account: str) -> None:
    """What is judged now is known in a moment."""
    wait_until(lambda: ready(sidecar), 15, f"the sidecar to be ready again\n{sidecar.program.tail()}")
    sidecar.judge({account: verdict(account, "block", 4.0)})
    wait_until(lambda: status(sidecar, account) == 403, 5, "a new block to be known")


@contextlib.contextmanager
def busy(client: redis.Redis) -> Iterator[None]:
    client.config_set("busy-reply-threshold", 50)
    other = redis.Redis(port=client.connection_pool.connection_kwargs["port"])

    def loop() -> None:
        with contextlib.suppress(redis.RedisError):
            other.eval("while true do end", 0)

    thread = threading.Thread(target=loop)
    thread.start()
    yield
    client.script_kill()
    thread.join()


@contextlib.contextmanager
def away_from_its_primary(client: redis.Redis) -> Iterator[None]:
    client.config_set("replica-serve-stale-data", "no")
    client.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield
    client.execute_command("REPLICAOF", "NO", "ONE")
    client.config_set("replica-serve-stale-data", "yes")


@contextlib.contextmanager
def forbidden(client: redis.Redis) -> Iterator[None]:
    client.execute_command("ACL", "SETUSER", "default", "-hget")
    yield
    client.execute_command("ACL", "SETUSER", "default", "+hget")


@pytest.mark.parametrize("trouble", [busy, away_from_its_primary, forbidden])
def test_whatever_redis_answers_it_is_asked_again(own: RunningSidecar, trouble) -> None:
    with trouble(own.redis.client()):
        is_told_and_passes(own)
        assert status(own, "bad") == 200, "open where stale"
    is_well(own, trouble.__name__)


def standings(own: RunningSidecar, account: str) -> str:
    """The key that an account's standing is read from."""
    return own.store._server.of_shard(shard_of(account), "standings")


def test_keys_of_another_type_are_told(own: RunningSidecar) -> None:
    client = own.redis.client()
    for name in ("standings", "judge"):
        key = standings(own, "bad") if name == "standings" else own.store._key(name)
        client.rename(key, "kept")
        client.set(key, "what is this?")
        if name == "standings":
            client.hset(own.store._key("judge"), "standings", 10_000)
        is_told_and_passes(own)
        client.rename("kept", key)
        is_well(own, f"after-{name}")


def test_a_version_that_is_no_number_is_told(own: RunningSidecar) -> None:
    client = own.redis.client()
    client.hset(own.store._key("judge"), "standings", "many")
    is_told_and_passes(own)
    client.hset(own.store._key("judge"), "standings", 20_000)
    is_well(own, "after-many")


def test_where_only_writing_is_refused_decisions_stay_fresh_and_limits_are_its_own(own: RunningSidecar) -> None:
    client = own.redis.client()
    own.judge({"slow": verdict("slow", "throttle", 1.0)})
    wait_until(lambda: 429 in {status(own, "slow") for _ in range(3)}, 5, "the throttle")
    for name, begin, end in (
        ("OOM", ("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0")),
        ("READONLY", ("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE")),
    ):
        client.execute_command(*begin)
        before = faults(own)["unshared"]

        def charged(before: float = before) -> bool:
            status(own, "slow")
            return faults(own)["unshared"] > before + 1

        wait_until(charged, 15, f"limits that cannot be shared to be counted: {name}")
        assert ready(own)
        assert status(own, "bad") == 403
        client.execute_command(*end)
        is_well(own, f"after-{name}")


def test_one_standing_that_does_not_decode_costs_only_itself(own: RunningSidecar) -> None:
    client = own.redis.client()
    own.judge({"kept": verdict("kept", "block", 4.0), "too": verdict("too", "block", 4.0)})
    wait_until(lambda: status(own, "too") == 403, 5, "the block")
    for odd in (b"\xff\xfe", b"{", b"[]", b'["purple", 1.0]', b'["block", "high"]'):
        for account in ("kept", "too"):
            client.hset(standings(own, account), account, odd)
        is_well(own, "another")
        assert json.loads(ask(own.port, "/readyz").body)["standings_unread"] == 2
        assert status(own, "kept") == status(own, "too") == 403, "who was blocked stays blocked"
        own.judge({"another": None})
    assert "siphonwatch_standings_unread 2.0" in ask(own.http_port, "/metrics").body.decode()


def test_a_standing_that_never_decoded_is_as_if_it_were_not_there() -> None:
    from siphonwatch.streams.sidecar.knowledge import Knowledge
    from siphonwatch.streams.stores.base import UNREAD, Standing
    from siphonwatch.streams.stores.memory import MemoryStore

    class Odd(MemoryStore):
        def standings(self) -> dict[str, Standing]:
            return {"new": UNREAD, "bad": Standing("block", 1.0)}

    knowledge = Knowledge(Odd(), 1.0)
    knowledge.attempt()
    assert knowledge.standing("new") is None
    assert knowledge.standing("bad") == Standing("block", 1.0)
    assert (knowledge.unread, knowledge.wrong) == (1, "")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_health_follows_the_refreshing(own: RunningSidecar) -> None:
    from siphonwatch.streams.sidecar.knowledge import Knowledge
    from siphonwatch.streams.stores.memory import MemoryStore

    class Ends(MemoryStore):
        def standings_version(self) -> int:
            raise SystemExit

    knowledge = Knowledge(Ends(), 0.01)
    assert knowledge.alive
    knowledge.start()
    wait_until(lambda: not knowledge._thread.is_alive(), 5, "the thread to end")
    assert not knowledge.alive

    class Odd(MemoryStore):
        asked = 0

        def standings_version(self) -> int:
            Odd.asked += 1
            raise (KeyError, RecursionError, MemoryError, ZeroDivisionError)[Odd.asked % 4]("odd")

    store = Odd()
    whole.write(store, b"")
    knowledge = Knowledge(store, 0.001)
    knowledge.start()
    wait_until(lambda: store.asked > 8, 5, "every odd exception to be survived")
    assert knowledge.alive
    knowledge.stop()
