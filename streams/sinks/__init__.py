"""Where findings and dead letters go: logs, Kafka, a file, a webhook, and what other packages add."""

from __future__ import annotations

from urllib.parse import quote

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import parsed, scheme_of, shown
from siphonwatch.streams.sinks.base import Sink, Sinks


def open_sink(url: str) -> Sink:
    """The sink at ``url``; ``UsageError`` lists the known schemes."""
    opened = plugins.load("sinks", scheme_of(url))
    if opened is None:
        raise UsageError(f"sinks: {shown(url)} is not known; known schemes are {', '.join(plugins.known('sinks'))}")
    sink: Sink = opened(url)
    return sink


def with_desk(url: str, desk: str) -> str:
    """The address of one of our sinks, with that of the desk that its links lead to, where it names none itself."""
    scheme = scheme_of(url)
    if not desk or "desk=" in url or scheme not in plugins.OURS["sinks"] or scheme == "log":
        return url
    return f"{url}{'&' if parsed(url, 'sinks').query else '?'}desk={quote(desk, safe='')}"


__all__ = ["Sink", "Sinks", "open_sink", "with_desk"]
