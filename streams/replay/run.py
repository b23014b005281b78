"""Replay: old logs through the very same judging. Phase one folds them into panes, phase two judges the ticks in their order.

So records and files may come in any order, a gap is a gap, and what was folded may be judged again under other settings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.judging.shadow import copied
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.strays import begun, reached
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.streams.formats.base import Decoder
from siphonwatch.streams.replay.fold import Folded
from siphonwatch.streams.replay.panes import PaneFolder, Part
from siphonwatch.streams.replay.spread import Folding, Here, OnProgress, shares, spread
from siphonwatch.streams.sources import files

OnJudged = Callable[[int, int, int], None]  # of (ticks judged, ticks in all, accounts flagged)


@dataclass(slots=True)
class Replayed:
    """What a replay found."""

    engine: Engine
    folded: Folded
    findings: list[Finding] = field(default_factory=list)
    strays: int = 0  # requests whose time is far from that of all others: they were not judged


def replay(paths: Sequence[Path], engine: Engine, decoder: Decoder, shadow: Engine | None = None, key: bytes = b"") -> Replayed:
    """Read logs through ``engine`` to their end, and through ``shadow`` beside it, in this process; addresses are hashed with ``key``."""
    with TemporaryDirectory(prefix="siphonwatch-") as folder:
        here = Here(decoder, engine.settings, key)
        folded = fold_log(paths, here, 1, Path(folder))
        return judge(folded, Path(folder), engine, shadow)


def fold_log(
    paths: Sequence[Path], folding: Folding, workers: int, folder: Path, letters: bool = False,
    on_progress: OnProgress = lambda _records, _bytes: None,
) -> Folded:  # fmt: skip
    """Phase one: the logs as panes in ``folder``."""
    return spread(folding, shares(files.find(paths), workers), folder, letters, on_progress)


def judge(
    folded: Folded, folder: Path, engine: Engine, shadow: Engine | None = None, on_judged: OnJudged = lambda _done, _all, _flagged: None
) -> Replayed:
    """Phase two: the panes of ``folder`` through ``engine``, tick by tick."""
    result = Replayed(engine, folded)
    due, result.strays = in_reach(folded.parts, engine.settings)
    panes = PaneFolder(folder)
    try:
        for number, (tick, parts) in enumerate(due, 1):
            found = [panes.read(part) for part in parts]
            if shadow is not None:
                shadow.close(tick, copied(found))
            result.findings += engine.close(tick, found)
            on_judged(number, len(due), sum(verdict.level in ("throttle", "block") for verdict in engine.verdicts.values()))
    finally:
        panes.close()
    return result


def in_reach(parts: Sequence[Part], settings: Settings) -> tuple[list[tuple[int, list[Part]]], int]:
    """(the parts of each tick to be judged, in order; how many requests stand too far from all others to be)."""
    by_tick: defaultdict[int, list[Part]] = defaultdict(list)
    for part in parts:
        by_tick[part.tick].append(part)
    requests = {tick: sum(part.requests for part in found) for tick, found in by_tick.items()}
    total = sum(requests.values())
    first, last = begun(requests, total, settings), reached(requests, total, settings)
    due = [(tick, by_tick[tick]) for tick in sorted(by_tick) if first <= tick <= last]
    return due, total - sum(requests[tick] for tick, _ in due)
