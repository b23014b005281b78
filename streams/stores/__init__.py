"""Stores, chosen by URL."""

from __future__ import annotations

from urllib.parse import urlsplit

from siphonwatch.streams.common.errors import UsageError, shown
from siphonwatch.streams.stores.base import Store
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.redis import RedisStore


def open_store(url: str, topic: str, prefix: str = "siphonwatch", ttl: int = 14 * 86_400) -> Store:
    """The store at ``url``: ``redis://``, ``rediss://``, ``unix://``, ``redis+cluster://`` or ``memory://``."""
    scheme = urlsplit(url).scheme
    if scheme in ("redis", "rediss", "unix", "redis+cluster"):
        return RedisStore(url, topic, prefix, ttl)
    if scheme == "memory":
        return MemoryStore()
    raise UsageError(
        f"--store {shown(url)} is not known: write redis://HOST:PORT/0, rediss://…, unix://PATH, redis+cluster://HOST:PORT or memory://"
    )


__all__ = ["MemoryStore", "RedisStore", "Store", "open_store"]
