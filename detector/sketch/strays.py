"""Which ticks a log has reached: a few events far from all others are clocks astray, not the log's beginning or end."""

from __future__ import annotations

from collections.abc import Mapping

from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.pane import UNSEALED


def reached(requests: Mapping[int, int], total: int, settings: Settings) -> int:
    """The newest of the ticks of ``requests`` (tick -> how many) that is no stray; ``UNSEALED`` where there is none."""
    return _outermost(sorted(requests), requests, total, settings)


def begun(requests: Mapping[int, int], total: int, settings: Settings) -> int:
    """The oldest of the ticks of ``requests`` that is no stray; ``UNSEALED`` where there is none."""
    return _outermost(sorted(requests, reverse=True), requests, total, settings)


def _outermost(ticks: list[int], requests: Mapping[int, int], total: int, settings: Settings) -> int:
    """The last of ``ticks`` once the stretches at their end are gone that hold too few of the ``total`` events.

    A stretch ends where the next event is more than ``leap_ms`` away.
    """
    leap, few = max(settings.leap_ms // settings.tick_ms, 1), min(settings.leap_requests - 1, total // 100)
    held, end = 0, len(ticks) - 1
    for place in range(len(ticks) - 1, -1, -1):
        held += requests[ticks[place]]
        if place == 0 or abs(ticks[place] - ticks[place - 1]) > leap:
            if held > few:
                return ticks[end]
            held, end = 0, place - 1
    return ticks[0] if ticks else UNSEALED
