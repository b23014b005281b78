"""The table of RESULTS.md, and how it gets there."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

RESULTS = Path(__file__).parent / "RESULTS.md"
BEGINS, ENDS = "<!-- figures -->", "<!-- end of figures -->"


def machine() -> str:
    """What this ran on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores ({model or platform.machine()}), {memory:.0f} GiB, Python {platform.python_version()}, {platform.system()}"
    )


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Rows of (what, figure) in Markdown."""
    return "\n".join(["| what | figure |", "| --- | --- |", *(f"| {what} | {figure} |" for what, figure in rows)])


def write(made: str, load: float) -> None:
    """Put the table in the place of the one before; what is written around it stays."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else f"# Speed\n\n{BEGINS}\n{ENDS}\n"
    (head, rest), stamp = text.split(BEGINS), f"Measured {datetime.now(UTC):%Y-%m-%d} by `make bench` on {machine()}"
    tail = rest.split(ENDS)[1]
    said = f"{stamp}; {load:.1f} processes wanted a core as it began."
    RESULTS.write_text(f"{head}{BEGINS}\n{said}\n\n{made}\n{ENDS}{tail}", encoding="utf-8")
