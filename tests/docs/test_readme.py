"""The README says what is: its settings table is the configuration's own, its figures are those of the results."""

from __future__ import annotations

import re
from pathlib import Path

from siphonwatch.streams.commands.settings import markdown

ROOT = Path(__file__).parents[2]


def section(text: str, name: str) -> str:
    return text.split(f"<!-- {name} -->")[1].split(f"<!-- end of {name} -->", maxsplit=1)[0].strip()


def test_every_setting_is_in_the_readme() -> None:
    assert section((ROOT / "README.md").read_text(encoding="utf-8"), "settings") == markdown()


def test_the_readmes_figures_are_those_of_the_results() -> None:
    readme = section((ROOT / "README.md").read_text(encoding="utf-8"), "figures")
    results = "".join((ROOT / "tests" / part / "RESULTS.md").read_text(encoding="utf-8") for part in ("quality", "benchmarks"))
    rows = [line for line in readme.splitlines() if line.startswith("| ") and "---" not in line and not line.startswith("| figure")]
    assert len(rows) >= 8
    known = {re.sub(r"\s+", " ", line) for line in results.splitlines()}
    for row in rows:
        assert re.sub(r"\s+", " ", row) in known, row
