"""Shards that move in the very middle of a question."""

from __future__ import annotations

import threading

import pytest
from siphonwatch.streams.common.errors import Moved
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.worker.keeper import Keeper
from siphonwatch.streams.worker.keepers import Keepers

from tests.services.judges import two_keepers


@pytest.mark.parametrize("kept", [{0, 1}, {1}, set()], ids=["more", "others", "nothing"])
def test_a_judge_whose_own_worker_is_given_other_shards_meanwhile_begins_again(kept: set[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker's thread is told by the broker while the judge's thread asks; the other keeper has answered by then."""
    store = MemoryStore()
    keepers, mine, other = two_keepers(store, "judge")
    assert [begun.accounts for begun in answered(keepers, store, other)] == [0, 0]
    post = store.post

    def moved(message: bytes) -> None:
        post(message)
        told = other.message(message)
        assert told is not None
        store.answer(*told)
        mine.assign(kept, 2)

    monkeypatch.setattr(store, "post", moved)
    with pytest.raises(Moved):
        keepers.begin("")


def answered(keepers: Keepers, store: MemoryStore, other: Keeper) -> list:  # type: ignore[type-arg]
    """What both say where nothing moves."""
    place, _ = store.posted(None, 0.0)

    def hear() -> None:
        for message in store.posted(place, 10.0)[1]:
            told = other.message(message)
            assert told is not None
            store.answer(*told)

    listener = threading.Thread(target=hear)
    listener.start()
    found = keepers.begin("")
    listener.join()
    return found
