"""A pane: the folded rows of the requests of one event-time tick. A delta, to be merged into the accounts when the tick is judged."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch import row as state

Array = npt.NDArray[Any]

UNSEALED = -1


@dataclass(slots=True)
class Pane:
    """Rows by account, in order of first appearance."""

    index: dict[str, int] = field(default_factory=dict)
    rows: Array = field(default_factory=lambda: state.empty(0))

    def add(self, accounts: list[str], rows: Array) -> Array:
        """Merge ``rows`` of distinct ``accounts`` in; the positions they have here."""
        index = self.index
        known = len(index)
        position = np.fromiter((index.setdefault(a, len(index)) for a in accounts), np.int64, len(accounts))
        if len(index) > len(self.rows):  # grow by doubling
            self.rows = np.concatenate([self.rows, state.empty(max(len(index), 2 * len(self.rows)) - len(self.rows))])
        old = position < known
        self.rows[position[old]] = state.merge(self.rows[position[old]], rows[old])
        self.rows[position[~old]] = rows[~old]
        return position

    def leave_out(self, accounts: set[str]) -> None:
        """Drop the rows of some accounts."""
        if accounts:
            kept = [account for account in self.index if account not in accounts]
            self.rows = self.filled[[self.index[account] for account in kept]]
            self.index = {account: position for position, account in enumerate(kept)}

    def sort(self) -> None:
        """Put rows in the order of their accounts' names."""
        unsorted = self.accounts
        order = sorted(range(len(unsorted)), key=unsorted.__getitem__)
        self.rows = self.filled[order]
        self.index = {unsorted[before]: position for position, before in enumerate(order)}

    @property
    def accounts(self) -> list[str]:
        """Whose rows there are, in their order."""
        return list(self.index)

    @property
    def filled(self) -> Array:
        """Rows in the order of ``accounts``."""
        return self.rows[: len(self.index)]

    @property
    def requests(self) -> int:
        """How many requests are folded into it."""
        return int(self.filled["slots"]["counters"][:, :, state.COUNTER["requests"]].sum())
