"""What README says of the detector, read from the results: streams of unseen hands, and the worst that there is elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from siphonwatch.detector.judging.accounts import RECORD
from siphonwatch.streams.stores.snapshot import STATE_BYTES

RESULTS = Path(__file__).parents[1]


@dataclass(frozen=True)
class Figure:
    """One cell of a table of the results."""

    table: str
    row: str
    column: str
    text: str

    @property
    def value(self) -> float | None:
        """A number, or the share of an "a of b"."""
        share = re.fullmatch(r"([\d,]+) of ([\d,]+)", self.text)
        if share:
            part, whole = (int(one.replace(",", "")) for one in share.groups())
            return part / whole
        return float(self.text) if re.fullmatch(r"\d+(\.\d+)?", self.text) else None


def cells(text: str) -> Iterator[Figure]:
    """Every cell of every table, with the heading that it stands under."""
    heading, columns = "", []
    for line in text.splitlines():
        if line.startswith("#"):
            heading, columns = line.lstrip("# "), []
        elif not line.startswith("|"):
            columns = []
        elif set(line) <= set("|- "):
            continue
        else:
            row = [cell.strip() for cell in line.strip("|").split("|")]
            if not columns:
                columns = row
            else:
                yield from (Figure(heading, row[0], column, cell) for column, cell in zip(columns[1:], row[1:], strict=False))


def results(part: str) -> list[Figure]:
    return list(cells((RESULTS / part / "RESULTS.md").read_text(encoding="utf-8")))


def _where(figure: Figure) -> str:
    return f"{figure.row} ({figure.table[0].lower()}{figure.table[1:].split(',')[0].split(' (')[0]})"


def honest() -> str:
    """The table of README: each stream as a hand that the prior has not seen, and the worst that the simulator's tables hold."""
    found = results("quality")
    live = {(each.row, each.column): each.text for each in found if each.table.startswith("Each hand left out, as a live stream")}
    streams = [row for row, column in live if column == "innocents flagged" and "ruling" not in row]
    lines = [f"| figure | {' | '.join(streams)} | worst elsewhere |", f"| --- |{' --- |' * (len(streams) + 1)}"]
    for column, what, elsewhere, high in (
        ("innocents flagged", "innocent accounts that are flagged", "innocents flagged", True),
        ("precision as flagged", "share of flagged accounts that harvest", "precision as flagged", False),
        ("tokens behind flags", "share of the harvest that flagged accounts took", "", True),
        ("campaigns with half of their tokens behind flags", "campaigns with half of that behind flags", "", True),
        ("recall at 0.1 %", "harvesting accounts above all but one innocent in a thousand", "recall at 0.1 %", False),
        ("", "share of the harvest that left before a flag", "tokens left before a flag", True),
    ):
        others = [
            each
            for each in found
            if each.column == elsewhere and each.value is not None and not each.table.startswith(("Each hand", "Published"))
        ]
        ranked = sorted(others, key=lambda figure: figure.value or 0.0, reverse=high)
        worst = f"{ranked[0].text}: {_where(ranked[0])}" if ranked else ""
        lines.append(f"| {what} | {' | '.join(live.get((row, column), '') for row in streams)} | {worst} |")
    return "\n".join(lines)


def measured() -> dict[str, str]:
    """What a report says of false alarms: the worst share of innocents flagged in any of the results, and where."""
    ranked = [figure for figure in results("quality") if figure.column == "innocents flagged" and figure.value is not None]
    worst = max(ranked, key=lambda figure: figure.value or 0.0)
    return {"innocents_flagged": worst.text, "where": _where(worst)}


def speed() -> str:
    """The benchmark's own table."""
    found = results("benchmarks")
    return "\n".join(["| what | figure |", "| --- | --- |", *(f"| {figure.row} | {figure.text} |" for figure in found)])


def _measured(row: str) -> tuple[float, str]:
    """(the first number of the benchmark row that begins so, the row)."""
    found = next(figure for figure in results("benchmarks") if figure.row.startswith(row))
    number = re.search(r"[\d,]+(\.\d+)?", found.text)
    assert number, found
    return float(number[0].replace(",", "")), found.row


def sizing() -> str:
    """What a thousand requests a second and a million accounts take, and what each number follows from."""
    live, live_row = _measured("live, one worker")
    replay, replay_row = _measured("replay on one core, whole command, .jsonl.gz")
    redis, redis_row = _measured("Redis, all keys")
    row = STATE_BYTES + RECORD.itemsize
    hour = 4 * 900 * 1000 * 8 / 1e6
    return "\n".join(
        [
            "| for each | of | it takes | follows from |",
            "| --- | --- | --- | --- |",
            f"| 1,000 requests/s | a worker | {1000 / live:.3f} of that machine | *{live_row}* |",
            f"| 1,000 requests/s of an old log | a replay, one hour of it | {3600 * 1000 / replay:.0f} s | *{replay_row}* |",
            f"| 1,000 requests/s | Redis, ids of requests | {hour:.0f} MB | eight bytes a request, of four ticks |",
            f"| 1,000,000 accounts | Redis | {redis * 1e6 / 1e9:.2f} GB | *{redis_row}* |",
            f"| 1,000,000 accounts | all workers, rows and records | {row * 1e6 / 1e9:.2f} GB | {row:,} bytes each, in this code |",
        ]
    )
