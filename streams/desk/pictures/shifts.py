"""Sign-ups and activity of a campaign's members on one time axis: a row an account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.common.times import day
from siphonwatch.streams.desk.pictures.svg import picture, shape, span, text, titled

WIDTH, ROW, LEFT, RIGHT, TOP = 640, 18, 130, 632, 24
CELL = 4 * 3600  # seconds of one cell


@dataclass(frozen=True, slots=True)
class Shift:
    """One member."""

    name: str
    created: float  # sign-up, epoch seconds; 0 where unknown
    hours: Sequence[int]  # asks in each hour
    begins: float  # of the first of them, epoch seconds


def shifts(rows: Sequence[Shift]) -> Markup:
    """The picture; times of sign-up before the axis stand at its left edge."""
    active = [one.begins + number * 3600 for one in rows for number, asks in enumerate(one.hours) if asks]
    if not active:
        return Markup("")
    end = max(active) + 3600
    begin = max(min([*active, *(one.created for one in rows if one.created)]), min(active) - 7 * 86_400)
    parts = []
    for number in range(4):
        at = begin + number * (end - begin) / 3
        words = datetime.fromtimestamp(at, UTC).strftime("%d %b %H:%M")
        parts.append(text(span(at, begin, end, LEFT, RIGHT), 12, words, "start" if not number else "end" if number == 3 else "middle"))
    for number, one in enumerate(rows):
        y = TOP + number * ROW
        name = printable(one.name)
        parts.append(text(LEFT - 6, y + 13, name if len(name) <= 17 else f"…{name[-16:]}", "end"))
        parts.append(shape("rect", x=LEFT, y=y + 2, width=RIGHT - LEFT, height=ROW - 4, class_="track"))
        cells: dict[int, int] = {}
        for hour, asks in enumerate(one.hours):
            cells[int(one.begins + hour * 3600) // CELL] = cells.get(int(one.begins + hour * 3600) // CELL, 0) + asks
        most = max([*cells.values(), 1])
        for cell, asks in cells.items():
            if asks:
                x, to = (span(at, begin, end, LEFT, RIGHT) for at in (cell * CELL, (cell + 1) * CELL))
                shade = 1 + min(int(5 * asks / (most + 1)), 4)
                bar = shape("rect", x=f"{x:.1f}", y=y + 2, width=f"{max(to - x, 1):.1f}", height=ROW - 4, class_=f"heat heat-{shade}")
                parts.append(titled(bar, f"{name}, four hours from {day(cell * CELL)}: {asks} requests"))
        if one.created:
            x = span(one.created, begin, end, LEFT, RIGHT)
            parts.append(titled(text(x, y + 14, "◆", "middle", "sign sign-release"), f"{name} signed up {day(one.created)}"))
    height = TOP + len(rows) * ROW + 22
    parts.append(text(LEFT, height - 6, "◆ sign-up, at the left edge where it was before; stronger shade: more requests"))
    said = f"{len(rows)} accounts, active from {day(min(active))} to {day(end)}"
    return picture(WIDTH, height, parts, "Sign-ups and activity of the members", said)
