"""How a log is read: what a new user wants to know before anything else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from siphonwatch.streams.common.coverage import Coverage
from siphonwatch.streams.formats import Decoder, known
from siphonwatch.streams.formats.base import Dead
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.sources import files


@dataclass(slots=True)
class Checked:
    """What came of a look at a log."""

    coverage: Coverage
    records: int = 0
    requests: int = 0
    skipped: int = 0
    accounts: set[str] = field(default_factory=set)
    models: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (reason, detail) -> numbers of records


def check(paths: list[Path], decoder: Decoder, most: int) -> Checked:
    """Read up to ``most`` records of the files and say how that went; nothing is judged."""
    intake = Intake(decoder, enough=1)
    found = Checked(intake.coverage)
    for path in files.find(paths):
        for chunk in files.read(path):
            records = chunk.records[: most - found.records]
            decoded, _ = intake.read(records)
            for dead in decoded.dead:
                _refuse(found, dead, chunk.first)
            found.records += len(records)
            found.requests += len(decoded.requests)
            found.skipped += decoded.skipped
            found.accounts.update(request.account_id for request in decoded.requests)
            found.models.update(request.model for request in decoded.requests)
            found.statuses.update(request.status for request in decoded.requests)
            if found.records >= most:
                return found
    return found


def _refuse(found: Checked, dead: Dead, first: int) -> None:
    found.refused.setdefault((dead.reason, dead.detail), []).append(first + dead.position)


def cannot_know(name: str) -> tuple[str, ...]:
    """Fields that a format never holds; none where the format is not named."""
    return known()[name].cannot_know if name in known() else ()
