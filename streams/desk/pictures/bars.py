"""An account's strongest features, each as a bar beside the population's median and 99th percentile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from siphonwatch.streams.desk.pictures.svg import picture, shape, span, text, titled

WIDTH, ROW, LEFT, RIGHT = 640, 46, 6, 634


@dataclass(frozen=True, slots=True)
class Bar:
    """One feature: where its values stand in its span, and how they read."""

    name: str
    value: float
    median: float
    p99: float
    low: float
    high: float
    shown: str
    shown_median: str
    shown_p99: str
    weight: float  # log-odds that it adds


def bars(rows: Sequence[Bar]) -> Markup:
    """A row a feature: its name and weight, a bar to its value, a tick at the median, a rhomb at the 99th percentile."""
    parts: list[Markup] = []
    for number, one in enumerate(rows):
        top = number * ROW
        most = max(one.value, one.p99, one.median) * 1.08 if max(one.value, one.p99) > 0 else one.high
        low = min(one.low, one.value, 0.0)
        there, middle, ninety_nine = (span(value, low, most, LEFT, RIGHT) for value in (one.value, one.median, one.p99))
        y = top + 22
        parts.append(text(LEFT, top + 15, one.name.replace("_", " "), class_="ink strong"))
        parts.append(text(RIGHT, top + 15, f"{one.shown}  ({one.weight:+.2f})", "end"))
        parts.append(shape("rect", x=LEFT, y=y, width=RIGHT - LEFT, height=14, class_="track"))
        if not math.isnan(one.value):
            bar = shape("rect", x=LEFT, y=y, width=f"{max(there - LEFT, 1):.1f}", height=14, class_="bar")
            parts.append(titled(bar, f"{one.name}: {one.shown}; median {one.shown_median}, 99th percentile {one.shown_p99}"))
        parts.append(shape("path", d=f"M{middle:.1f} {y - 3}v20", class_="mark thick"))
        parts.append(shape("path", d=f"M{ninety_nine:.1f} {y - 1}l6 8l-6 8l-6 -8z", class_="mark open"))
    height = len(rows) * ROW + 22
    parts.append(shape("path", d=f"M{LEFT + 3} {height - 15}v12", class_="mark thick"))
    parts.append(text(LEFT + 12, height - 5, "median of all accounts"))
    parts.append(shape("path", d=f"M{LEFT + 196} {height - 16}l5 7l-5 7l-5 -7z", class_="mark open"))
    parts.append(text(LEFT + 208, height - 5, "99th percentile; in brackets what it adds, log-odds"))
    said = "; ".join(f"{one.name} {one.shown}, median {one.shown_median}, 99th percentile {one.shown_p99}" for one in rows)
    return picture(WIDTH, height, parts, "Strongest features beside all accounts", said)
