"""The kept store does what every store must, and is the same after a restart."""

from pathlib import Path

import pytest
from kept_store import KeptStore
from siphonwatch.detector.judging.accounts import SHARDS
from siphonwatch.streams.common.errors import Fenced
from siphonwatch.streams.contracts import StoreContract
from siphonwatch.streams.contracts.samples import verdict
from siphonwatch.streams.stores.whole import write


class TestKeptStore(StoreContract):
    """See :class:`StoreContract`."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> KeptStore:
        """A store without a past."""
        return KeptStore(tmp_path / "store")


def test_it_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """What one process wrote, the next one finds; and the writer before is fenced off."""
    before = KeptStore(tmp_path / "store")
    write(before, b"context", [("a", b"row", 1.5)], {"a": verdict("a")}, [("a", b"finding")], 1.0)
    fences, fence = before.hold("a worker", [0], range(SHARDS)), before.lead().fence
    after = KeptStore(tmp_path / "store")
    kept, lead = after.load(after.hold("another", [0], range(SHARDS))), after.lead()
    assert (kept.context, kept.accounts, list(kept.verdicts), lead.outbox) == (b"context", ["a"], ["a"], [b"finding"])
    assert lead.fence.epoch > fence.epoch
    with pytest.raises(Fenced):
        after.check_shards(fences)
