"""Sources, chosen by URL."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from siphonwatch.streams.common.errors import UsageError, shown
from siphonwatch.streams.sources import files
from siphonwatch.streams.sources.base import Polled, Records, Source
from siphonwatch.streams.sources.kafka import KafkaSource
from siphonwatch.streams.sources.simulated import SimulatedSource


def open_source(url: str, group: str, batch: int = 8192, session: float = 10.0) -> Source:
    """The source at ``url``: ``kafka://HOST:PORT/TOPIC``, or ``file:///PATH`` for a log file read once as one partition."""
    parts = urlsplit(url)
    if parts.scheme == "kafka":
        return KafkaSource(url, group, batch, session)
    if parts.scheme == "file":
        path = Path(unquote(parts.netloc + parts.path))
        source = SimulatedSource(
            [record for each in files.find([path]) for chunk in files.read(each) for record in chunk.records], most=batch
        )
        source.name = path.name
        return source
    raise UsageError(f"--source {shown(url)} is not known: write kafka://HOST:PORT/TOPIC or file:///PATH")


__all__ = ["KafkaSource", "Polled", "Records", "SimulatedSource", "Source", "open_source"]
