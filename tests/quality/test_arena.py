"""The figures on a stream whose hand the prior has not seen, where the arena lies beside this clone: what the results say still holds."""

from __future__ import annotations

from pathlib import Path

import pytest
from siphonwatch.streams.training import shipped

from tests.quality import live
from tests.quality.hands import stream


@pytest.mark.parametrize(
    ("hand", "name", "behind", "campaigns"), [("first", "second", 0.8, 26), ("b2b", "b2b", 0.5, 8)], ids=["second", "b2b"]
)
def test_a_hand_that_was_not_seen(arena: Path, hand: str, name: str, behind: float, campaigns: int) -> None:
    requests, labels = stream(name)
    found = live.outcome(live.play(requests, live.held_out(hand, shipped.hands()), labels), requests, labels)
    assert found.average_precision > 0.5
    assert found.behind > behind, "share of the harvested tokens taken by flagged accounts"
    assert found.caught >= campaigns
    assert found.precision > 0.85
    assert found.wrong <= 0.002 * found.innocent
