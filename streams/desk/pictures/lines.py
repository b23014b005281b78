"""Evidence over time, with the heights of the levels and what happened marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from markupsafe import Markup
from siphonwatch.streams.common.times import day
from siphonwatch.streams.desk.pictures.svg import picture, shape, span, text, titled

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 280, 44, 628, 40, 226
SIGNS = {"flag": "▲", "level": "●", "ruling": "■", "release": "◆", "limits": "▼"}


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened."""

    at: float  # epoch seconds
    kind: str  # of ``SIGNS``
    words: str


def evidence(points: Sequence[tuple[float, float]], heights: Sequence[tuple[str, float]], marks: Sequence[Mark]) -> Markup:
    """``points`` are (epoch seconds, log-odds), oldest first; ``heights`` are (level, log-odds)."""
    times = [at for at, _ in points] + [mark.at for mark in marks]
    if not times:
        return Markup("")
    begin, end = min(times), max(*times, min(times) + 3600)
    values = [value for _, value in points] + [value for _, value in heights]
    low, high = min(values) - 0.5, max(values) + 0.5

    def across(at: float) -> float:
        return span(at, begin, end, LEFT, RIGHT)

    def up(value: float) -> float:
        return span(value, low, high, BOTTOM, TOP)

    parts = [shape("path", d=f"M{LEFT} {TOP}V{BOTTOM}H{RIGHT}", class_="axis")]
    for name, value in heights:
        parts.append(shape("path", d=f"M{LEFT} {up(value):.1f}H{RIGHT}", class_=f"height height-{name}"))
        parts.append(text(RIGHT, up(value) - 4, f"{name} {value:.1f}", "end"))
    for value in range(int(low) - 1, int(high) + 1, max(int((high - low) / 5), 1)):
        if low <= value <= high:
            parts.append(text(LEFT - 6, up(value) + 4, str(value), "end"))
    days = max((end - begin) / 86_400, 0.05)
    for number in range(5):
        at = begin + number * (end - begin) / 4
        words = datetime.fromtimestamp(at, UTC).strftime("%d %b" if days > 6 else "%d %b %H:%M")
        parts.append(text(across(at), BOTTOM + 18, words, "start" if not number else "end" if number == 4 else "middle"))
    if points:
        line = "".join(f"{'M' if not number else 'L'}{across(at):.1f} {up(value):.1f}" for number, (at, value) in enumerate(points))
        parts.append(shape("path", d=line, class_="line"))
        for at, value in points:
            dot = shape("circle", cx=f"{across(at):.1f}", cy=f"{up(value):.1f}", r=2.5, class_="dot")
            parts.append(titled(dot, f"{day(at)}: {value:+.1f}"))
    for mark in marks:
        x = across(mark.at)
        parts.append(shape("path", d=f"M{x:.1f} {TOP - 8}V{BOTTOM}", class_=f"moment moment-{mark.kind}"))
        parts.append(titled(text(x, TOP - 12, SIGNS[mark.kind], "middle", f"sign sign-{mark.kind}"), f"{day(mark.at)}: {mark.words}"))
    kinds = list(dict.fromkeys(mark.kind for mark in marks))
    named = {"flag": "flagged", "level": "level changed", "ruling": "ruled", "release": "model released", "limits": "limits"}
    parts.append(text(LEFT, HEIGHT - 6, "   ".join(f"{SIGNS[kind]} {named[kind]}" for kind in kinds)))
    said = f"from {day(begin)} to {day(end)}; " + "; ".join(f"{day(mark.at)} {mark.words}" for mark in marks)
    return picture(WIDTH, HEIGHT, parts, "Evidence over time, log-odds", said)


def sparkline(values: Sequence[float], title: str) -> Markup:
    """A small line without axes."""
    if len(values) < 2:
        return Markup("")
    low, high = min(values), max(values)
    place = [(span(number, 0, len(values) - 1, 4, 296), span(value, low, high, 44, 6)) for number, value in enumerate(values)]
    line = "".join(f"{'M' if not number else 'L'}{x:.1f} {y:.1f}" for number, (x, y) in enumerate(place))
    words = f"{len(values)} epochs, from {values[0]:.2f} to {values[-1]:.2f}, between {low:.2f} and {high:.2f}"
    return picture(300, 50, [shape("path", d=line, class_="line")], title, words)
