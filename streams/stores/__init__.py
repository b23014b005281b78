"""Stores, chosen by the scheme of a URL."""

from __future__ import annotations

from siphonwatch.streams.common import plugins
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import scheme_of, shown
from siphonwatch.streams.stores.base import Store, StoreOptions


def open_store(url: str, options: StoreOptions) -> Store:
    """The store at ``url``; ``UsageError`` lists the known schemes."""
    opened = plugins.load("stores", scheme_of(url))
    if opened is None:
        raise UsageError(
            f"--store {shown(url)} is not known: write redis://HOST:PORT/0, rediss://…, unix://PATH, redis+cluster://HOST:PORT or "
            f"memory://; known schemes are {', '.join(plugins.known('stores'))}"
        )
    store: Store = opened(url, options)
    return store


def configured_store(config: Config, topic: str) -> Store:
    """The store that the settings name, for the accounts of ``topic``."""
    return open_store(config.store.get_secret_value(), StoreOptions(topic, config.prefix, int(config.ttl_days * 86_400)))


__all__ = ["Store", "StoreOptions", "configured_store", "open_store"]
