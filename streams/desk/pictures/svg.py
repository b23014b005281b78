"""The few shapes that pictures are made of. Every text goes through the escaping of MarkupSafe."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup, escape


def shape(tag: str, inner: Markup | str = "", **attributes: object) -> Markup:
    """One element; ``_`` in a name stands for a hyphen, a trailing one is dropped."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{escape(str(value))}"' for name, value in attributes.items())
    return Markup(f"<{tag}{given}>{escape(inner)}</{tag}>")  # noqa: S704 (every part was escaped just now)


def text(x: float, y: float, words: str, anchor: str = "start", class_: str = "ink") -> Markup:
    """Words at a place."""
    return shape("text", words, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor, class_=class_)


def titled(inner: Markup, words: str) -> Markup:
    """A shape with a tooltip."""
    return shape("g", shape("title", words) + inner)


def picture(width: int, height: int, parts: Sequence[Markup], title: str, described: str, top: int = 0) -> Markup:
    """The whole, named for who does not see it; ``top`` is the y that it begins at."""
    inner = shape("title", title) + shape("desc", described) + Markup("").join(parts)
    return shape("svg", inner, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 {top} {width} {height}", role="img", class_="picture",
                 aria_label=f"{title}. {described}")  # fmt: skip


def span(value: float, low: float, high: float, start: float, end: float) -> float:
    """``value`` of [low, high] as a place in [start, end]."""
    share = 0.0 if high <= low else min(max((value - low) / (high - low), 0.0), 1.0)
    return start + share * (end - start)
