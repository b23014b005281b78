"""The picture of README: every account of a simulated day by its requests and its score, drawn from what a replay wrote."""

from __future__ import annotations

import csv
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

WIDTH, HEIGHT, LEFT, BOTTOM, EDGE = 760, 330, 56, 44, 16
INK, FAINT, INNOCENT, HARVESTER = "#333", "#ddd", "#8aa0b5", "#c0392b"
DAY = ["--accounts", "400", "--days", "1", "--prevalence", "0.05", "--seed", "5", "--start", "2026-05-01T00:00:00Z"]


def write(path: Path) -> None:
    """Simulate, replay, draw."""
    with tempfile.TemporaryDirectory() as name:
        folder, command = Path(name), [sys.executable, "-m", "siphonwatch.streams"]
        for arguments in (
            ["simulate", "traffic.jsonl", "--labels", "truth.json", *DAY],
            ["replay", "traffic.jsonl", "--accounts", "accounts.csv"],
        ):
            subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True, timeout=300)
        truth = json.loads((folder / "truth.json").read_text())
        with (folder / "accounts.csv").open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    path.write_text(drawn(rows, {account for account, label in truth.items() if label["label"] == "harvest"}), encoding="utf-8")


def drawn(rows: list[dict[str, str]], harvesters: set[str]) -> str:
    """The picture; a ring is a flag."""
    most = math.log10(max(int(row["requests"]) for row in rows))
    across = lambda requests: LEFT + (WIDTH - LEFT - EDGE) * math.log10(max(requests, 1)) / most  # noqa: E731
    up = lambda score: HEIGHT - BOTTOM - (HEIGHT - BOTTOM - EDGE) * score  # noqa: E731
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12" fill="{INK}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for score in (0.0, 0.25, 0.5, 0.75, 1.0):
        parts.append(f'<path d="M{LEFT} {up(score):.1f}H{WIDTH - EDGE}" stroke="{FAINT}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{up(score) + 4:.1f}" text-anchor="end">{score:g}</text>')
    for power in range(int(most) + 1):
        parts.append(f'<text x="{across(10**power):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{10**power:,}</text>')
    for row in sorted(rows, key=lambda row: (row["account_id"] in harvesters, row["account_id"])):
        x, y = across(int(row["requests"])), up(float(row["score"]))
        colour = HARVESTER if row["account_id"] in harvesters else INNOCENT
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.2" fill="{colour}" fill-opacity="0.75"/>')
        if row["flagged_at"]:
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="6.5" fill="none" stroke="{INK}"/>')
    parts.append(
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 8}" text-anchor="middle">requests of an account; up: its score. '
        f'<tspan fill="{HARVESTER}">red: it harvests</tspan>, <tspan fill="{INNOCENT}">blue: it does not</tspan>, ring: flagged</text>'
    )
    return "\n".join([*parts, "</svg>", ""])
