"""Parts that a user may add without a fork: formats, sources, stores and sinks, found by their entry points.

Ours are named here, so that nothing is searched for them; a package adds its own under the groups ``siphonwatch.formats``,
``siphonwatch.sources``, ``siphonwatch.stores`` and ``siphonwatch.sinks``. What each must be is said, with an example, in
``docs/extending.md``.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any

OURS: dict[str, dict[str, str]] = {
    "sources": {
        "kafka": "siphonwatch.streams.sources.kafka:open_source",
        "file": "siphonwatch.streams.sources.memory:open_source",
    },
    "stores": {
        **dict.fromkeys(("redis", "rediss", "unix", "redis+cluster"), "siphonwatch.streams.stores.redis:open_store"),
        "memory": "siphonwatch.streams.stores.memory:open_store",
    },
    "sinks": {
        "log": "siphonwatch.streams.sinks.log:open_sink",
        "file": "siphonwatch.streams.sinks.file:open_sink",
        **dict.fromkeys(("syslog", "syslog+tcp", "syslog+tls"), "siphonwatch.streams.sinks.syslog:open_sink"),
        **dict.fromkeys(("splunk+https", "splunk+http"), "siphonwatch.streams.sinks.siem:open_splunk"),
        **dict.fromkeys(("elasticsearch+https", "elasticsearch+http"), "siphonwatch.streams.sinks.siem:open_elastic"),
        **dict.fromkeys(("slack+https", "slack+http"), "siphonwatch.streams.sinks.siem:open_slack"),
    },
}


def added(kind: str) -> dict[str, EntryPoint]:
    """What other packages add to a kind (formats, sources, stores, sinks), by name."""
    return {point.name: point for point in entry_points(group=f"siphonwatch.{kind}")}


def known(kind: str) -> list[str]:
    """Every name of a kind, ours first."""
    return [*OURS.get(kind, {}), *(name for name in added(kind) if name not in OURS.get(kind, {}))]


def load(kind: str, name: str) -> Any | None:
    """The part of that name, ``None`` where there is none. Ours cannot be replaced by another of the same name."""
    ours = OURS.get(kind, {}).get(name)
    if ours is not None:
        module, _, attribute = ours.partition(":")
        return getattr(import_module(module), attribute)
    point = added(kind).get(name)
    return point.load() if point is not None else None
