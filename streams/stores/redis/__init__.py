"""The Redis store: a row an account, and scripts that write all or nothing. Its keys stand in ``store.py``, its scripts in ``lua/``."""

from siphonwatch.streams.stores.redis.store import OLDER, RedisStore, open_store

__all__ = ["OLDER", "RedisStore", "open_store"]
