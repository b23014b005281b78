"""How a log is read: what a new user wants to know before anything else."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from siphonwatch.detector.request.columns import batch
from siphonwatch.streams.common.coverage import Seen
from siphonwatch.streams.formats import FORMATS, Decoder
from siphonwatch.streams.formats.base import Dead
from siphonwatch.streams.sources import files


@dataclass(slots=True)
class Checked:
    """What came of a look at a log."""

    records: int = 0
    requests: int = 0
    skipped: int = 0
    accounts: set[str] = field(default_factory=set)
    models: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: dict[tuple[str, str], list[int]] = field(default_factory=dict)  # (reason, detail) -> numbers of records
    seen: Seen = field(default_factory=lambda: Seen(enough=1))


def check(paths: list[Path], decoder: Decoder, most: int) -> Checked:
    """Read up to ``most`` records of the files and say how that went; nothing is judged."""
    found = Checked()
    for path in files.find(paths):
        for chunk in files.read(path):
            records = chunk.records[: most - found.records]
            decoded = decoder.decode(records)
            for dead in decoded.dead:
                _refuse(found, dead, chunk.first)
            found.records += len(records)
            found.requests += len(decoded.requests)
            found.skipped += decoded.skipped
            found.accounts.update(request.account_id for request in decoded.requests)
            found.models.update(request.model for request in decoded.requests)
            found.statuses.update(request.status for request in decoded.requests)
            found.seen.look(batch(decoded.requests, decoded.times))
            if found.records >= most:
                return found
    return found


def _refuse(found: Checked, dead: Dead, first: int) -> None:
    found.refused.setdefault((dead.reason, dead.detail), []).append(first + dead.position)


def cannot_know(name: str) -> tuple[str, ...]:
    """Fields that a format never holds; none where the format is not named."""
    return FORMATS[name].cannot_know if name in FORMATS else ()
