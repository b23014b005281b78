"""Phase one of a replay: a share of the log's records becomes panes in a file, in any order, in any process."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy.typing as npt
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.gather import Gather
from siphonwatch.streams.formats.base import Decoder
from siphonwatch.streams.formats.lenient import Unread
from siphonwatch.streams.intake import Intake
from siphonwatch.streams.replay.panes import PaneFile, Part
from siphonwatch.streams.sources import files
from siphonwatch.streams.sources.files import Chunk, Troubles

BATCH = 8192  # records decoded and folded at once: large enough for NumPy, small enough for the processor's cache
HELD_ROWS = 150_000  # rows of open panes in memory, 300 MB; then the older half goes to the file

Ids = dict[int, npt.NDArray[Any]]  # tick -> requests counted in it


@dataclass(frozen=True, slots=True)
class Share:
    """What one process folds of a log: of ``paths``, every ``of``-th chunk from the ``number``-th on."""

    paths: tuple[Path, ...]
    number: int = 0
    of: int = 1

    @property
    def name(self) -> str:
        """What its files are called by."""
        return f"share-{self.number}"


@dataclass(slots=True)
class Folded:
    """What became of a share."""

    parts: list[Part] = field(default_factory=list)
    ids: Ids = field(default_factory=dict)
    dead: Counter[str] = field(default_factory=Counter)
    skips: Counter[str] = field(default_factory=Counter)  # what else than a request to a model there was
    unread: Unread = field(default_factory=Counter)  # what was lost of records that were counted
    troubles: Troubles = field(default_factory=list)  # files that were not read to their end
    records: int = 0
    duplicates: int = 0

    def add(self, other: Folded) -> None:
        """Put another share's beside it."""
        self.parts += other.parts
        self.dead.update(other.dead)
        self.skips.update(other.skips)
        self.unread.update(other.unread)
        self.troubles += [trouble for trouble in other.troubles if trouble not in self.troubles]
        self.records += other.records
        self.duplicates += other.duplicates


def fold(
    share: Share, decoder: Decoder, settings: Settings, folder: Path, counted: Mapping[int, npt.NDArray[Any]] | None = None,
    letters: bool = False, on_progress: Callable[[int, int], None] = lambda _records, _bytes: None, key: bytes = b"",
) -> Folded:  # fmt: skip
    """Fold a share into panes in a file of ``folder``, and its dead letters into another where they are wanted.

    ``key`` is what addresses and the like are hashed with. ``counted`` are requests, by tick, that other shares count. ``on_progress``
    hears of the records and bytes that were just read.
    """
    gathered, intake, result = Gather(settings, counted), Intake(decoder, settings.ahead_ms, key=key), Folded()
    collecting = gc.isenabled()
    gc.disable()  # records live as long as their batch: the collector would walk over them again and again for nothing
    with ExitStack() as stack:
        panes = stack.enter_context(closing(PaneFile(folder, f"{share.name}.panes")))
        refused = stack.enter_context((folder / f"{share.name}.letters").open("wb")) if letters else None
        for chunk in _chunks(share, result.troubles, on_progress):
            for start in range(0, len(chunk.records), BATCH):
                records, first = chunk.records[start : start + BATCH], chunk.first + start
                taken = intake.take(records, range(first, first + len(records)), str(chunk.path), None, gathered.add)
                result.records += taken.records
                result.duplicates += taken.added.duplicates
                result.skips.update(taken.skips)
                result.unread.update(taken.unread)
                for letter in taken.letters:
                    result.dead[letter.reason] += letter.count
                    if refused is not None:
                        refused.write(msgspec.json.encode(letter) + b"\n")
                on_progress(len(records), 0)
                if gathered.rows > HELD_ROWS:
                    _write(panes, gathered, HELD_ROWS // 2)
        _write(panes, gathered, 0)
    if collecting:
        gc.enable()
    result.parts = panes.parts
    result.ids = {tick: known.all for tick, known in gathered.ids.items()}
    return result


def _write(panes: PaneFile, gathered: Gather, most: int) -> None:
    for tick, pane in gathered.take(most):
        panes.write(tick, pane)


def _chunks(share: Share, troubles: Troubles, on_progress: Callable[[int, int], None]) -> Iterator[Chunk]:
    """The chunks of a share. Every process that has a part of a file reads through it, which costs little beside decoding."""
    number = 0
    for path in share.paths:
        read = 0
        for chunk in files.read(path, troubles):
            if number % share.of == share.number % share.of:
                yield chunk
                on_progress(0, chunk.read - read)
            read, number = chunk.read, number + 1
