"""How a log is read: what a new user wants to know before anything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from siphonwatch.streams.common.coverage import Coverage
from siphonwatch.streams.formats import Decoder, known
from siphonwatch.streams.formats.base import Dead, Decoded
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.replay.order import Order
from siphonwatch.streams.sources import files
from siphonwatch.streams.sources.files import Troubles

BATCH = 8192  # records decoded at once
MODELS = 10_000  # names of models remembered: clients may make them up


@dataclass(slots=True)
class Refusals:
    """How many records were refused for one reason, and where the first stands."""

    path: str
    record: int
    count: int = 0


@dataclass(slots=True)
class Checked:
    """What came of a look at a log."""

    coverage: Coverage
    files: int = 0
    records: int = 0
    requests: int = 0
    doubles: int = 0  # requests with account, time and id of an earlier one
    more: bool = False  # whether there was more than was looked at
    accounts: Counter[str] = field(default_factory=Counter)
    models: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)
    unread: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    refused: dict[tuple[str, str], Refusals] = field(default_factory=dict)  # by (reason, detail)
    troubles: Troubles = field(default_factory=list)
    order: Order = field(default_factory=Order)

    @property
    def lost(self) -> bool:
        """Whether a file was not read to its end."""
        return any(each.lost for each in self.troubles)


def check(paths: Sequence[Path | str], decoder: Decoder, most: int) -> Checked:
    """Read up to ``most`` records of the files and say how that went; nothing is judged."""
    intake = Intake(decoder, enough=1)
    found, seen = Checked(intake.coverage), set[int]()
    for path in files.find(paths, found.troubles):
        if found.records >= most:
            found.more = True
            break
        found.files += 1
        for chunk in files.read(path, found.troubles):
            for start in range(0, len(chunk.records), BATCH):
                records = chunk.records[start : start + min(BATCH, most - found.records)]
                if not records:
                    break
                decoded, _ = intake.read(records)
                found.records += len(records)
                _count(found, decoded, str(path), chunk.first + start, seen)
            if found.records >= most:
                found.more = True
                break
    return found


def _count(found: Checked, decoded: Decoded, path: str, first: int, seen: set[int]) -> None:
    for dead in decoded.dead:
        _refuse(found, dead, path, first)
    found.requests += len(decoded.requests)
    found.skips.update(decoded.skips)
    found.unread.update(decoded.unread)
    found.formats.update(decoded.formats)
    found.accounts.update(request.account_id for request in decoded.requests)
    found.statuses.update(request.status for request in decoded.requests)
    if len(found.models) < MODELS:
        found.models.update(request.model for request in decoded.requests)
    found.order.add(np.array(decoded.times, dtype=np.int64), path)
    for request, time in zip(decoded.requests, decoded.times, strict=True):
        identity = hash((request.account_id, time, request.request_id))
        found.doubles += identity in seen
        seen.add(identity)


def _refuse(found: Checked, dead: Dead, path: str, first: int) -> None:
    key = (dead.reason, dead.detail)
    if key not in found.refused:
        found.refused[key] = Refusals(path, first + dead.position)
    found.refused[key].count += dead.count


def cannot_know(name: str) -> tuple[str, ...]:
    """Fields that a format never holds; none where the format is not named."""
    return known()[name].cannot_know if name in known() else ()
