"""The kept store does what every store must, and is the same after a restart."""

from pathlib import Path

import pytest
from kept_store import KeptStore
from siphonwatch.streams.contracts import StoreContract
from siphonwatch.streams.contracts.samples import verdict
from siphonwatch.streams.stores.base import Judging


class TestKeptStore(StoreContract):
    """See :class:`StoreContract`."""

    @pytest.fixture
    def store(self, tmp_path: Path) -> KeptStore:
        """A store without a past."""
        return KeptStore(tmp_path / "store")


def test_it_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """What one process wrote, the next one finds; and the writer before is fenced off."""
    before = KeptStore(tmp_path / "store")
    lead = before.lead()
    before.judged(lead.fence, Judging(b"context", [("a", b"row", 1.5)], [], {"a": verdict("a")}, [("a", b"finding")], 1.0))
    after = KeptStore(tmp_path / "store").lead()
    assert (after.context, after.accounts, after.outbox) == (b"context", ["a"], [b"finding"])
    assert after.fence.epoch > lead.fence.epoch
