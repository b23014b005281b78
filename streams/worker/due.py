"""Which ticks are due to be judged, and in which steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from siphonwatch.detector.sketch.pane import UNSEALED
from siphonwatch.streams.stores.base import Progress

MOST_TICKS, MOST_ROWS = 64, 200_000  # judged in one step: bounds what is in memory, and what one write holds

Panes = dict[int, list[tuple[int, dict[int, int]]]]  # tick -> (partition, rows in each part of its pane)


def due(positions: Sequence[Progress], tick_ms: int, now_ms: int, lateness_ms: int) -> int:
    """The newest tick that no partition's order lets events into any more, ``UNSEALED`` where there is none.

    A partition that was read to its end and is silent does not hold the others back. Where all are silent, wall time stands
    in for the events that do not come: a tick whose end has passed on the wall clock is due.
    """
    known = [progress.position for progress in positions if progress.position is not None]
    if len(known) < len(positions):
        return UNSEALED
    busy = [position.watermark for position in known if not position.idle]
    if busy:
        return min(busy) - 1
    newest = max((position.last for position in known), default=UNSEALED)
    return min(newest, (now_ms - lateness_ms) // tick_ms - 1)


def steps(panes: Panes) -> Iterator[list[int]]:
    """The ticks, ascending, in steps of neither too many ticks nor too many rows."""
    step: list[int] = []
    held = 0
    for tick in sorted(panes):
        rows = sum(sum(parts.values()) for _, parts in panes[tick])
        if step and (len(step) == MOST_TICKS or held + rows > MOST_ROWS):
            yield step
            step, held = [], 0
        step.append(tick)
        held += rows
    if step:
        yield step
