"""Two minutes of ``make chaos``, the same ones each time."""

from __future__ import annotations

from pathlib import Path

from tests.chaos.chaos import run
from tests.chaos.deeds import DEEDS


def test_whatever_is_done_to_it_the_answer_is_the_same(tmp_path: Path) -> None:
    ran = run(2.0, 7, tmp_path)
    assert set(ran.deeds) == set(DEEDS)
    assert any(name.startswith("store_faults") for name in ran.noticed)
