"""A log file that grows: ``tail:///var/log/gateway/requests.jsonl``. One partition; an offset is a place in the file, in bytes."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from siphonwatch.streams.sources.base import Extent, Polled, Records, SourceOptions


class TailSource:
    """See :class:`siphonwatch.streams.sources.base.Source`."""

    def __init__(self, path: Path, most: int) -> None:
        self.name, self._path, self._most, self._at, self._owned = path.name, path, most, 0, False

    def partitions(self) -> int:
        """A file has one."""
        return 1

    def poll(self, timeout: float) -> Polled:
        """The next whole lines; a half-written one waits for its end."""
        if not self._owned:
            self._owned = True
            return Polled(assigned={0})
        offsets, values = [], []
        with self._path.open("rb") as file:
            file.seek(self._at)
            while len(values) < self._most and (line := file.readline()).endswith(b"\n"):
                offsets.append(self._at)
                values.append(line.rstrip(b"\n"))
                self._at += len(line)
        if not values:
            time.sleep(timeout)
            return Polled()
        return Polled([Records(0, offsets, values, self._at)])

    def seek(self, partition: int, offset: int | None) -> None:
        """Read on from ``offset``."""
        self._at = offset or 0

    def extent(self, partition: int) -> Extent:
        """All of the file, which is another one where it has another inode."""
        return Extent(self.identity(), 0, self._path.stat().st_size)

    def identity(self) -> str:
        """The file's inode."""
        return str(self._path.stat().st_ino)

    def lag(self, partition: int) -> int | None:
        """Nobody has counted the lines that are left, unless there are none."""
        return 0 if self._path.stat().st_size == self._at else None

    def progress(self, offsets: dict[int, int]) -> None:
        """A file has no tools of its own to tell."""

    def close(self) -> None:
        """Nothing is held open."""


def open_source(url: str, options: SourceOptions) -> TailSource:
    """The source at ``tail:///PATH``."""
    return TailSource(Path(unquote(urlsplit(url).path)), options.batch)
