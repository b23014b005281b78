"""Harm that a test does to a store while workers write to it: in one step, so that none of them meets an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from siphonwatch.streams.stores.redis.server import LAYOUT

from tests.integration.harness import Pipeline


@dataclass
class Harm:
    """What can be done to the keys of one pipeline."""

    live: Pipeline
    kept: dict[bytes, tuple[bytes, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.client: Any = self.live.redis.client()
        self.base = f"{self.live.prefix}:{LAYOUT}:"

    def all_keys(self) -> list[bytes]:
        """All keys there are."""
        return sorted(self.client.scan_iter(f"{self.base}*", count=1000))

    def keys(self, part: str = "") -> list[bytes]:
        """Keys whose name holds ``part``; not what analysts ruled."""
        return [key for key in self.all_keys() if part.encode() in key and b"rul" not in key]

    def remember(self, part: str) -> None:
        """Keep what these keys hold now."""
        keys = self.keys(part)
        pipe = self.client.pipeline(transaction=True)
        for key in keys:
            pipe.dump(key).pttl(key)
        found = pipe.execute()
        self.kept = {key: (found[2 * at], max(found[2 * at + 1], 0)) for at, key in enumerate(keys) if found[2 * at]}

    def fall_back(self, part: str) -> None:
        """Put them back as they were remembered; what came since is gone."""
        keys = self.keys(part)
        pipe = self.client.pipeline(transaction=True)
        for key in keys:
            pipe.delete(key)
        for key, (value, ttl) in self.kept.items():
            pipe.restore(key, ttl, value, replace=True)
        pipe.execute()

    def lose(self, part: str, most: int = 1000) -> int:
        """Delete keys, the newest ``most``; how many there were."""
        keys = self.keys(part)[-most:]
        return int(self.client.delete(*keys)) if keys else 0
