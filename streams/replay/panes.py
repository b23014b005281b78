"""Panes in files: what the first phase of a replay leaves for the second, and what is kept to be judged again.

A file holds panes one after the other, each packed by Zstandard; where each stands is told by its :class:`Part`. No record and no
prompt is in them.
"""

from __future__ import annotations

from pathlib import Path
from typing import IO

import msgspec
import zstandard
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.pane import Pane

LEVEL = 1  # of the packing: rows are mostly zeros


class Part(msgspec.Struct, frozen=True):
    """One pane, or a piece of one, in a file."""

    tick: int
    file: str  # name within the folder
    start: int  # bytes
    length: int
    requests: int
    accounts: int


class _Written(msgspec.Struct, array_like=True):
    accounts: list[str]
    rows: memoryview


class PaneFile:
    """Panes being written into one file of ``folder``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._name, self._file, self._at = name, (folder / name).open("wb"), 0
        self._pack = zstandard.ZstdCompressor(LEVEL)
        self.parts: list[Part] = []

    def write(self, tick: int, pane: Pane) -> None:
        """Append the pane of ``tick``."""
        written = _Written(pane.accounts, memoryview(state.packed(pane.filled)))
        packed = self._pack.compress(msgspec.msgpack.encode(written))
        self._file.write(packed)
        self.parts.append(Part(tick, self._name, self._at, len(packed), pane.requests, len(pane.index)))
        self._at += len(packed)

    def close(self) -> None:
        """No more panes."""
        self._file.close()


class PaneFolder:
    """Panes of all files of a folder, to be read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}

    def read(self, part: Part) -> Pane:
        """The pane that ``part`` stands for."""
        if part.file not in self._files:
            self._files[part.file] = (self._folder / part.file).open("rb")
        source = self._files[part.file]
        source.seek(part.start)
        found = msgspec.msgpack.decode(zstandard.ZstdDecompressor().decompress(source.read(part.length)), type=_Written)
        return Pane({account: position for position, account in enumerate(found.accounts)}, state.unpacked(found.rows))

    def close(self) -> None:
        """Let the files go."""
        for each in self._files.values():
            each.close()
