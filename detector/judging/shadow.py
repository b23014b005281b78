"""A second engine in the shadow of the first: the same ticks by another prior, to see where they differ before one switches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
from siphonwatch.detector.judging import trace
from siphonwatch.detector.judging.accounts import EVIDENCE, NEVER, NOTHING, Accounts
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.sketch.pane import Pane
from siphonwatch.detector.verdicts.account import Level

Array = npt.NDArray[Any]

FLAGGED = (Level.THROTTLE.word, Level.BLOCK.word)


@dataclass(frozen=True, slots=True)
class Difference:
    """Accounts by who flags them now."""

    both: list[str]
    only_present: list[str]
    only_shadow: list[str]


def copied(panes: list[Pane]) -> list[Pane]:
    """Panes of their own for a second engine: an engine merges into the first that it is given."""
    return [Pane(dict(pane.index), pane.rows.copy()) for pane in panes]


def flagged(engine: Engine) -> set[str]:
    """Accounts that are flagged as things stand."""
    return {account for account, verdict in engine.verdicts.items() if verdict.level in FLAGGED}


def difference(present: Engine, shadow: Engine) -> Difference:
    """Where two engines that have judged the same ticks differ."""
    mine, other = flagged(present), flagged(shadow)
    return Difference(sorted(mine & other), sorted(mine - other), sorted(other - mine))


def fresh(known: Accounts, accounts: list[str]) -> tuple[Array, Array]:
    """(rows, records) of accounts as an engine that has judged nobody yet would know them."""
    position = known.positions(accounts)
    records = known.records[position].copy()
    for name in EVIDENCE:
        records[name] = NOTHING
    for name in ("level", "campaign", "allowed"):
        records[name] = 0
    records["flagged_at"] = NEVER
    records["trace"] = trace.UNKNOWN
    return known.rows[position].copy(), records
