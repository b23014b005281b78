"""Names are shown so that they do nothing: not to a terminal, not to a table's markup, not to a spreadsheet."""

from __future__ import annotations

import io
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table
from siphonwatch.streams.common.printable import cell, for_csv, printable, within_markup

HOSTILE = [
    "[/]",
    "[red]x",
    "[conceal]x",
    "a\x1b[2Jb",
    "a\nb",
    "a\r\nb",
    "\u202egnp.exe",
    "a\u200bb",
    "Z" + "\u0301" * 40,
    "x" * 1_000_000,
    "\ud800",
    "a\x00b",
    "\x9b31m",
]


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_of_a_hostile_name_acts(name: str) -> None:
    out = io.StringIO()
    console = Console(file=out, width=240, force_terminal=False)
    table = Table("account")
    table.add_row(cell(name))
    console.print(table)
    console.print(f"[bold]{within_markup(name)}[/]")
    shown = out.getvalue()
    assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs") and each != "\n"]
    assert len(shown) < 2000
    assert len(printable(name)) < 500


@given(st.text(alphabet=st.characters(), max_size=200))
def test_every_name_is_one_line_that_can_be_seen(name: str) -> None:
    shown = printable(name)
    assert not [each for each in shown if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.mark.parametrize("name", ["acct_1", "ann@example.com", "[prod] chatbot", "Ångström", "東京", "emoji 😀", "a\\b"])
def test_plain_names_stay_as_they_are(name: str) -> None:
    assert printable(name) == name


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", "\t=1", "  =HYPERLINK()", "|cmd"])
def test_no_cell_is_a_formula(name: str) -> None:
    assert str(for_csv(name)).startswith("'")
    assert for_csv("acct") == "acct"
    assert for_csv(-3) == -3
