"""Sources of records, chosen by the scheme of a URL."""

from __future__ import annotations

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import scheme_of, shown
from siphonwatch.streams.sources.base import Polled, Records, Source, SourceOptions


def open_source(url: str, options: SourceOptions) -> Source:
    """The source at ``url``; ``UsageError`` lists the known schemes."""
    opened = plugins.load("sources", scheme_of(url))
    if opened is None:
        raise UsageError(
            f"--source {shown(url)} is not known: write kafka://HOST:PORT/TOPIC or file:///PATH; "
            f"known schemes are {', '.join(plugins.known('sources'))}"
        )
    source: Source = opened(url, options)
    return source


__all__ = ["Polled", "Records", "Source", "SourceOptions", "open_source"]
