"""Panes of a log in any order: what a replay folds before it judges.

Every request goes to the tick of its own time, however late it stands in the log, so that the panes do not depend on the order of
records, of files, or on how both were divided among processes.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.identities import Identities
from siphonwatch.detector.sketch.pane import Array, Pane
from siphonwatch.detector.sketch.panes import Added, first_of_each, folded


class Gather:
    """Panes by tick. ``counted`` holds, by tick, requests (uint64) that are counted elsewhere and not here."""

    def __init__(self, settings: Settings, counted: Mapping[int, Array] | None = None) -> None:
        self._settings = settings
        self.panes: dict[int, Pane] = {}
        self.ids: dict[int, Identities] = {}  # of all that was folded, taken panes included
        self._counted = {tick: Identities(ids) for tick, ids in (counted or {}).items()}

    def add(self, batch: RequestBatch) -> Added:
        """Fold a batch; a second delivery has account, time and id of an earlier request, and so its tick."""
        tick = batch.time // self._settings.tick_ms
        first = first_of_each(batch.request)
        for each in np.unique(tick).tolist():
            mine = np.flatnonzero(tick == each)
            for known in (self.ids.get(each), self._counted.get(each)):
                if known is not None:
                    first[mine] &= ~known.has(batch.request[mine])
        if not bool(first.all()):
            batch, tick = batch.take(first), tick[first]
        for part in folded(batch, tick, self.panes):
            self.ids.setdefault(part.tick, Identities()).add(part.ids)
        return Added({}, {}, np.zeros(0, np.int64), int((~first).sum()), 0)

    @property
    def rows(self) -> int:
        """Rows held: two kilobytes each."""
        return sum(len(pane.index) for pane in self.panes.values())

    def take(self, most: int) -> list[tuple[int, Pane]]:
        """Hand over the oldest panes until ``most`` rows are left; requests that still come for them make new ones."""
        taken, left = [], self.rows
        for tick in sorted(self.panes):
            if left <= most:
                break
            left -= len(self.panes[tick].index)
            taken.append((tick, self.panes.pop(tick)))
        return taken
