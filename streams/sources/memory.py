"""Records in memory as a source of one partition, let go at a chosen rate: what the demo reads, and a log file read once."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

from siphonwatch.streams.sources.base import Extent, Polled, Records, SourceOptions


class MemorySource:
    """See :class:`siphonwatch.streams.sources.base.Source`; one partition."""

    def __init__(self, values: list[bytes], rate: float | None = None, most: int = 4096, name: str = "simulated") -> None:
        self.name = name
        self._values, self._rate, self._most = values, rate, most
        self._at, self._begun, self._assigned = 0, 0.0, False

    def partitions(self) -> int:
        """See the protocol."""
        return 1

    def poll(self, timeout: float) -> Polled:
        """See the protocol."""
        if not self._assigned:
            self._assigned, self._begun = True, time.monotonic()
            return Polled(assigned={0})
        let_go = len(self._values)
        if self._rate is not None:
            let_go = min(let_go, int((time.monotonic() - self._begun) * self._rate))
        end = min(let_go, self._at + self._most)
        if end <= self._at:
            time.sleep(min(timeout, 0.05))
            return Polled()
        start, self._at = self._at, end
        return Polled([Records(0, list(range(start, end)), self._values[start:end], end)])

    def seek(self, partition: int, offset: int | None) -> None:
        """See the protocol."""
        self._at = offset or 0

    def extent(self, partition: int) -> Extent:
        """See the protocol."""
        return Extent("", 0, len(self._values))

    def identity(self) -> str:
        """See the protocol."""
        return ""

    def lag(self, partition: int) -> int | None:
        """See the protocol."""
        return len(self._values) - self._at

    def progress(self, offsets: dict[int, int]) -> None:
        """See the protocol."""

    def close(self) -> None:
        """See the protocol."""


def open_source(url: str, options: SourceOptions) -> MemorySource:
    """The records of the log file, or the folder of log files, at ``file:///PATH``."""
    from siphonwatch.streams.sources import files

    parts = urlsplit(url)
    path = Path(unquote(parts.netloc + parts.path))
    records = [record for each in files.find([path]) for chunk in files.read(each) for record in chunk.records]
    return MemorySource(records, most=options.batch, name=path.name)
