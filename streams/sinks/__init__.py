"""Where findings and dead letters go: logs, Kafka, a file, a webhook, and what other packages add."""

from __future__ import annotations

from urllib.parse import urlsplit

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.errors import UsageError, shown
from siphonwatch.streams.sinks.base import Sink, Sinks


def open_sink(url: str) -> Sink:
    """The sink at ``url``; ``UsageError`` lists the known schemes."""
    opened = plugins.load("sinks", urlsplit(url).scheme)
    if opened is None:
        raise UsageError(f"sinks: {shown(url)} is not known; known schemes are {', '.join(plugins.known('sinks'))}")
    sink: Sink = opened(url)
    return sink


__all__ = ["Sink", "Sinks", "open_sink"]
