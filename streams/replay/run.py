"""Replay: old logs through the very same engine, in event time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.sketch.panes import Added
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.common.deadletters import DeadLetter
from siphonwatch.streams.formats.base import Decoder
from siphonwatch.streams.formats.lenient import Unread
from siphonwatch.streams.intake import Intake, Taken
from siphonwatch.streams.sources import files
from siphonwatch.streams.sources.files import Troubles

BATCH = 8192  # records decoded and folded at once: large enough for NumPy, small enough for the processor's cache


@dataclass(slots=True)
class Progress:
    """How far a replay is."""

    records: int = 0
    read: int = 0  # bytes of the files
    flagged: int = 0


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    engine: Engine
    findings: list[Finding] = field(default_factory=list)
    dead: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)  # what else than a request to a model there was
    unread: Unread = field(default_factory=Counter)  # what was lost of records that were counted
    troubles: Troubles = field(default_factory=list)  # files that were not read to their end
    records: int = 0
    duplicates: int = 0

    def add(self, taken: Taken) -> None:
        """Count what became of some records."""
        self.records += taken.records
        self.duplicates += taken.added.duplicates
        for letter in taken.letters:
            self.dead[letter.reason] += letter.count
        self.skips.update(taken.skips)
        self.unread.update(taken.unread)


def replay(
    paths: list[Path], engine: Engine, decoder: Decoder,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_dead: Callable[[DeadLetter], None] = lambda _: None, shadow: Engine | None = None,
) -> Replayed:  # fmt: skip
    """Read the logs in their order through ``engine`` to their end, and through ``shadow`` beside it."""

    def fold(batch: RequestBatch) -> Added:
        if shadow is not None:
            shadow.process(batch)
        return engine.fold(batch)

    intake, result, progress, behind = Intake(decoder), Replayed(engine), Progress(), 0
    for path in files.find(paths):
        for chunk in files.read(path, result.troubles):
            for start in range(0, len(chunk.records), BATCH):
                records, first = chunk.records[start : start + BATCH], chunk.first + start
                taken = intake.take(records, range(first, first + len(records)), str(path), None, fold)
                result.add(taken)
                result.findings += engine.judge_due()
                for letter in taken.letters:
                    on_dead(letter)
            progress.records, progress.read = result.records, behind + chunk.read
            progress.flagged = sum(verdict.level in ("throttle", "block") for verdict in engine.verdicts.values())
            on_progress(progress)
        behind += path.stat().st_size
    result.findings += engine.finish()
    if shadow is not None:
        shadow.finish()
    return result
