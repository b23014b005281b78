"""A week of hours as a heat map: a row a day, a column an hour of UTC; the number stands in a cell, so that no colour has to be told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup
from siphonwatch.streams.desk.pictures.svg import picture, shape, text, titled

CELL, LEFT, TOP = 24, 84, 18
STEPS = 5  # shades


def heat(hours: Sequence[int], begins: float) -> Markup:
    """``hours`` are counted requests in each hour since ``begins`` (epoch seconds, a midnight in UTC), seven days of them."""
    most = max([*hours, 1])
    parts = [text(LEFT + hour * CELL + CELL / 2, 12, f"{hour:02d}", "middle") for hour in range(0, 24, 3)]
    for day in range(len(hours) // 24):
        name = datetime.fromtimestamp(begins + day * 86_400, UTC).strftime("%a %d %b")
        parts.append(text(LEFT - 6, TOP + day * CELL + 16, name, "end"))
        for hour in range(24):
            asks = hours[day * 24 + hour]
            shade = 0 if not asks else 1 + min(int(STEPS * asks / (most + 1)), STEPS - 1)
            x, y = LEFT + hour * CELL, TOP + day * CELL
            cell = shape("rect", x=x + 1, y=y + 1, width=CELL - 2, height=CELL - 2, rx=2, class_=f"heat heat-{shade}")
            if asks:
                said = "255+" if asks >= 255 else str(asks)
                number = text(x + CELL / 2, y + 15, said if len(said) < 4 else "…", "middle", f"on-heat on-heat-{shade}")
                parts.append(titled(cell + number, f"{name} {hour:02d}:00 UTC: {said} counted requests"))
            else:
                parts.append(cell)
    busy = sum(asks > 0 for asks in hours)
    said = f"{sum(hours):,} counted requests in {busy} of {len(hours)} hours, {most if busy else 0} at most in one"
    return picture(LEFT + 24 * CELL + 4, TOP + len(hours) // 24 * CELL + 4, parts, "Counted requests in each hour of a week, UTC", said)
