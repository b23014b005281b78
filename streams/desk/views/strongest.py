"""The accounts of strongest evidence, read once a judging: what searches, counts and what-if look through.

Bounded, so that a page costs the same whether the book holds a thousand accounts or a million; the pages say how many were looked at.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.judging import trace
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.model import Model, Prior
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.streams.common.times import day
from siphonwatch.streams.desk.desk import Desk

Array = npt.NDArray[np.float64]
MOST = 2000  # accounts


@dataclass(frozen=True, slots=True)
class Strongest:
    """N accounts, the strongest evidence first."""

    names: list[str]
    rows: npt.NDArray[np.void]
    records: npt.NDArray[np.void]

    @property
    def evidence(self) -> Array:
        """(N,) strongest so far, log-odds."""
        found: Array = self.records["evidence"]
        return found


def strongest(desk: Desk) -> Strongest:
    """Those of ``desk``'s book."""
    return Strongest(*desk.many(desk.book.top(MOST)))


@dataclass(frozen=True, slots=True)
class Change:
    """One account that would stand elsewhere."""

    account: str
    evidence: float
    now: str
    then: str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """What other heights would have said of the accounts as they are."""

    changes: list[Change]
    flagged_now: int
    flagged_then: int
    day_now: float  # accounts flagged for each day of the log
    day_then: float
    days: float
    load: list[tuple[str, int, int]]  # day of the log -> accounts whose own evidence first reached the flag on it, now and then
    looked_at: int
    reaches: bool  # whether the heights stay above the evidence of all that was not looked at


def what_if(desk: Desk, among: Strongest, height: float, block_margin: float, watch_margin: float) -> WhatIf:
    """Accounts by their strongest evidence so far against the heights of the levels: what the flag's own rule looks at."""
    context, settings = desk.context, desk.scorer.settings
    evidence, allowed = among.evidence, among.records["allowed"] > 0

    def levels(flag: float, block: float, watch: float) -> npt.NDArray[np.int64]:
        steps = np.array([flag - watch, flag, flag + block])
        return np.where(allowed, 0, np.searchsorted(steps, evidence, side="right"))

    now, then = levels(context.height, settings.block_margin, settings.watch_margin), levels(height, block_margin, watch_margin)
    days = max((context.closed - context.begun + 1) * settings.tick_ms / 86_400_000, 1 / 24)
    moved = np.flatnonzero(now != then).tolist()
    flagged_now, flagged_then = int((now >= Level.THROTTLE).sum()), int((then >= Level.THROTTLE).sum())
    return WhatIf(
        [Change(among.names[at], float(evidence[at]), Level(int(now[at])).word, Level(int(then[at])).word) for at in moved],
        flagged_now, flagged_then, flagged_now / days, flagged_then / days, days,
        load(among, context.height, height), len(among.names),
        len(among.names) < MOST or height - watch_margin >= float(evidence[-1]),
    )  # fmt: skip


def load(among: Strongest, now: float, then: float) -> list[tuple[str, int, int]]:
    """(day, accounts that first reached the height ``now``, those that first reached ``then``), by the line of each account's evidence."""
    counted: dict[str, list[int]] = {}
    for record in among.records:
        line = trace.line(record) if record["own"] >= min(now, then) else []
        for which, height in enumerate((now, then)):
            first = next((at for at, value in line if value >= height), None)
            if first is not None:
                counted.setdefault(day(first - 1)[:10], [0, 0])[which] += 1
    return [(name, mine, other) for name, (mine, other) in sorted(counted.items())]


def beside(desk: Desk, among: Strongest, shadow: Prior) -> list[tuple[str, float, float]]:
    """(account, evidence by the present model, by the shadow's) as the accounts are now, those that differ most first."""
    if not among.names:
        return []
    features = matrix(desk.scorer.view(among.rows))
    mine = desk.scorer.model.log_odds(features, desk.summary)
    other = Model(shadow, desk.context.lesson, desk.scorer.settings.resemblance_width).log_odds(features, desk.summary)
    order = np.argsort(-np.abs(other - mine), kind="stable")
    return [(among.names[at], float(mine[at]), float(other[at])) for at in order.tolist()]
