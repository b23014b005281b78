"""All workers of a deployment hash with one key, whoever made it, and cannot go on with two."""

from __future__ import annotations

import pytest
from click.testing import CliRunner
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.commands.main import app
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.hashkey import HashKey, derived
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.stores.memory import MemoryStore


def test_the_first_worker_makes_the_key_and_all_others_take_it() -> None:
    store, workers = MemoryStore(), [HashKey() for _ in range(3)]
    assert len({worker.key for worker in workers}) == 3
    assert len({worker.agreed(store) for worker in workers}) == 1
    assert workers[2].agreed(store) == workers[0].key
    assert HashKey().agreed(MemoryStore()) != workers[0].key


def test_a_store_that_lost_the_key_gets_it_back_from_who_still_has_it() -> None:
    worker = HashKey()
    before = worker.agreed(MemoryStore())
    lost = MemoryStore()
    assert worker.agreed(lost) == before
    assert HashKey().agreed(lost) == before


def test_a_key_by_setting_is_not_in_the_store_and_must_be_everybodys() -> None:
    store = MemoryStore()
    assert HashKey("a secret").agreed(store) == HashKey("a secret").agreed(store) == derived(b"a secret") == HashKey("a secret").key
    assert derived(b"a secret") not in store._secret
    assert b"a secret" not in store._secret
    with pytest.raises(UsageError, match="of another privacy_hash_key"):
        HashKey("another").agreed(store)
    with pytest.raises(UsageError, match="of a privacy_hash_key that is not set here"):
        HashKey().agreed(store)
    made = MemoryStore()
    HashKey().agreed(made)
    with pytest.raises(UsageError, match="made its own key before"):
        HashKey("late").agreed(made)


def test_a_replay_says_what_it_hashed_with(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    traffic = simulate(World(accounts=40, days=0.5, prevalence=0.1, seed=3))
    (tmp_path / "log.jsonl").write_bytes(b"\n".join(encode(request) for request in traffic.requests))

    def told(*options: str) -> tuple[str, bytes]:
        out = tmp_path / "accounts.csv"
        done = CliRunner().invoke(app, ["replay", str(tmp_path / "log.jsonl"), "--accounts", str(out), *options], catch_exceptions=False)
        assert done.exit_code == 0
        return " ".join(done.output.split()), out.read_bytes()

    plain, first = told()
    assert "are hashed with" not in plain
    assert "hashed with a key of this replay's own" in told("--keep", str(tmp_path / "kept"))[0]
    assert "hashed with the live store's key" in told("--as-live", "--store", "memory://")[0]
    monkeypatch.setenv("SIPHONWATCH_PRIVACY_HASH_KEY", "one of the deployment's")
    given, second = told()
    assert "hashed with privacy_hash_key" in given
    assert told()[1] == second
    assert len(second) == len(first)
