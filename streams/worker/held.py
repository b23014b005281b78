"""Panes that were judged and are kept a while: a store may fall back to a moment before their judging, which then needs them again."""

from __future__ import annotations

import time
from collections import deque

HELD_SECONDS = 30.0  # an append-only file loses a second or two, a replica that takes over is seldom further behind
HELD_ROWS = 100_000  # at most: while an old log is read, thirty seconds are many ticks


class Held:
    """Which panes may be dropped by now."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[float, int, int, int]] = deque()  # (since, partition, tick, rows)
        self._known: set[tuple[int, int]] = set()
        self._rows = 0

    def add(self, partition: int, tick: int, rows: int) -> None:
        """Keep the judged pane of ``tick`` for now."""
        if (partition, tick) not in self._known:
            self._known.add((partition, tick))
            self._waiting.append((time.monotonic(), partition, tick, rows))
            self._rows += rows

    def due(self) -> bool:
        """Whether something waited for long enough, or too much waits."""
        return bool(self._waiting) and (self._rows > HELD_ROWS or time.monotonic() - self._waiting[0][0] > HELD_SECONDS)

    def take(self) -> dict[int, list[int]]:
        """Partition -> ticks whose panes are dropped now."""
        taken: dict[int, list[int]] = {}
        while self.due():
            _, partition, tick, rows = self._waiting.popleft()
            self._known.discard((partition, tick))
            self._rows -= rows
            taken.setdefault(partition, []).append(tick)
        return taken
