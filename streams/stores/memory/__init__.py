"""The store of one process: for tests, and for a trial without Redis. The same promises, kept by a lock."""

from siphonwatch.streams.stores.memory.store import MemoryStore, open_store

__all__ = ["MemoryStore", "open_store"]
