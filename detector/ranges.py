"""What a number that steers detection may be: kinds of numbers, each with its unit and its range."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite
from typing import Annotated, Any, get_type_hints


@dataclass(frozen=True, slots=True)
class Range:
    """From ``least`` to ``most``, both within. NaN and infinity are in none."""

    least: float = -inf
    most: float = inf

    def __contains__(self, value: float) -> bool:
        return isfinite(value) and self.least <= value <= self.most

    def __str__(self) -> str:
        ends = [f"{self.least:g} or more"] if isfinite(self.least) else []
        ends += [f"{self.most:g} or less"] if isfinite(self.most) else []
        return " and ".join(ends) or "finite"


TINY = 1e-6  # what is squared and divided by, or whose normal quantile is taken, is no smaller

Span = Annotated[int, Range(1)]
"""Milliseconds that pass."""
Wait = Annotated[int, Range(0)]
"""Milliseconds; none of them is allowed."""
Some = Annotated[int, Range(1)]
"""How many, one at least."""
Count = Annotated[int, Range(0)]
"""How many; none is allowed."""
Weight = Annotated[float, Range(0)]
"""What something counts; nothing is allowed."""
Odds = Annotated[float, Range(0)]
"""Natural-log odds that something gives or takes."""
Height = Annotated[float, Range()]
"""Natural-log odds at which something begins."""
Share = Annotated[float, Range(0, 1)]
"""A part of a whole."""
Part = Annotated[float, Range(TINY, 1 - TINY)]
"""A part of a whole, neither nothing nor all of it."""
Scale = Annotated[float, Range(TINY)]
"""What something is measured by, and divided by."""


def ranges(table: type) -> dict[str, Range]:
    """Field -> its range, of a dataclass whose fields are kinds of numbers."""
    hints = get_type_hints(table, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")}


def check(table: Any) -> None:
    """``ValueError`` names the first field of ``table`` that is out of its range, and the range."""
    for name, within in ranges(type(table)).items():
        value = getattr(table, name)
        if value not in within:
            raise ValueError(f"{name} is {value}, and must be {within}")
