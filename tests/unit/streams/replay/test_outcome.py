"""What a replay reads and writes of rulings and the review queue."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.replay import outcome

from tests.quality.figures import run


def test_the_queue_is_a_row_a_behaviour(tmp_path: Path) -> None:
    engine = run(simulate(World(accounts=250, days=1.0, prevalence=0.08, seed=21)).requests, prior.load())
    outcome.write_queue(engine, tmp_path / "queue.csv")
    rows = list(csv.DictReader((tmp_path / "queue.csv").open()))
    assert [int(row["rank"]) for row in rows] == list(range(1, len(rows) + 1))
    assert len({row["account_id"] for row in rows}) == len(rows) > 2
    for row in rows:
        assert len(row["accounts_alike"].split()) == min(int(row["alike"]), 50)


def test_rulings_are_read_as_they_are_listed_and_as_a_person_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "rulings.jsonl"
    first = '{"id": "1", "subject": "a", "harvest": true, "at": 1790000000}'
    second = '{"id": "2", "subject": "b", "harvest": null, "days": 3, "at": 5}'
    path.write_text(f"{first}\n\n{second}\n")
    assert outcome.read_rulings(path) == [Ruling("1", "a", True, at=1790000000.0), Ruling("2", "b", None, days=3.0, at=5.0)]


@pytest.mark.parametrize(
    ("line", "hint"), [("{}", "line 1 is no ruling"), ('{"id": "1", "subject": "a", "harvest": true}', "has no time"), ("x", "no ruling")]
)
def test_a_wrong_ruling_is_named(tmp_path: Path, line: str, hint: str) -> None:
    (tmp_path / "rulings.jsonl").write_text(line)
    with pytest.raises(UsageError, match=hint):
        outcome.read_rulings(tmp_path / "rulings.jsonl")
    with pytest.raises(UsageError, match="does not exist"):
        outcome.read_rulings(tmp_path / "absent.jsonl")
