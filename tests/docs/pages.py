"""The pages for people: their commands run, what they print stands beside them, and what is made from the code is made anew.

    python -m tests.docs.pages        writes every made part anew: printed output, figures, settings, copied files, the picture

In a page, a ``sh`` block is run and must end well; of a ``console`` block each ``$ command`` is run, and what it prints follows it. Blocks
of one page share a folder. Before a block may stand ``<!-- not run: why -->``, or ``<!-- until stopped -->`` for a program that goes on: it
is stopped when its store has been judged. A block after ``<!-- file: PATH -->`` is that file.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from siphonwatch.streams.commands.settings import markdown
from siphonwatch.streams.formats import FORMATS

from tests.docs import figures, picture

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^(?:<!-- (?P<note>[^\n]*?) -->\n+)?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
PICTURE = ROOT / "docs" / "accounts.svg"
MEASURED = ROOT / "streams" / "desk" / "case" / "measured.json"  # what reports say of false alarms


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str
    note: str
    place: tuple[int, int]  # of the text within the page

    @property
    def run(self) -> bool:
        return self.language in ("sh", "console") and not self.note.startswith("not run: ")

    @property
    def commands(self) -> list[str]:
        """What is typed: a ``sh`` block as it is, of a ``console`` block each line after the dollar."""
        return re.findall(r"^\$ (.*)$", self.text, re.MULTILINE) if self.language == "console" else [self.text]


def blocks(text: str) -> Iterator[Block]:
    for found in BLOCK.finditer(text):
        yield Block(found["language"], found["text"], found["note"] or "", found.span("text"))


def environment(**more: str) -> dict[str, str]:
    """What a reader's shell holds: the program, and nothing of ours."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SIPHONWATCH_")}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "NO_COLOR": "1", **more}


def typed(command: str, folder: Path, shell: dict[str, str]) -> str:
    """What a command prints; it must end well."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", command], cwd=folder, env=shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, f"$ {command}\n{done.stdout}"
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def printed(block: Block, folder: Path, shell: dict[str, str]) -> str:
    """A block with what its commands print now."""
    if block.language == "sh":
        typed(block.text, folder, shell)
        return block.text
    return "".join(f"$ {command}\n{typed(command, folder, shell)}" for command in block.commands)


def replaced(text: str, changes: list[tuple[tuple[int, int], str]]) -> str:
    for (start, end), new in sorted(changes, reverse=True):
        text = text[:start] + new + text[end:]
    return text


def section(text: str, name: str) -> tuple[int, int]:
    """Where a made part of a page stands."""
    start = text.index(f"<!-- {name} -->") + len(f"<!-- {name} -->")
    return start, text.index(f"<!-- end of {name} -->", start)


def formats() -> str:
    """Every format: what writes it, who the account is, and what it can never know."""
    rows = [f"| `{one.name}` | {one.title} | {one.account} | {', '.join(one.cannot_know)} |" for one in FORMATS.values()]
    return "\n".join(["| format | written by | the account | never holds |", "| --- | --- | --- | --- |", *rows])


def made(text: str) -> str:
    """A page with its made parts as the code and the results have them now; printed output is left as it is."""
    for name, part in (
        ("settings", markdown),
        ("figures", figures.honest),
        ("speed", figures.speed),
        ("sizing", figures.sizing),
        ("formats", formats),
    ):
        if f"<!-- {name} -->" in text:
            text = replaced(text, [(section(text, name), f"\n{part()}\n")])
    copies = [
        (each.place, (ROOT / each.note.removeprefix("file: ")).read_text(encoding="utf-8"))
        for each in blocks(text)
        if each.note.startswith("file: ")
    ]
    return replaced(text, copies)


def main() -> None:
    """Write every page anew."""
    picture.write(PICTURE)
    MEASURED.write_text(json.dumps(figures.measured(), indent=1) + "\n", encoding="utf-8")
    for page in PAGES:
        text = made(page.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory() as folder:
            run = list(takewhile(lambda block: block.note != "until stopped", blocks(text)))  # what comes later asks a store
            text = replaced(text, [(block.place, printed(block, Path(folder), environment())) for block in run if block.run])
        page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
