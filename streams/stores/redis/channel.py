"""What judge and keepers say to each other through Redis: asks that all hear, and answers that one takes.

Neither is a record. Asks are a stream of bounded length, answers a list that is taken at once; what is lost is asked again.
"""

from __future__ import annotations

import time
from typing import Any, cast

from siphonwatch.streams.stores.redis.connection import TIMEOUT, ask, piped
from siphonwatch.streams.stores.redis.server import CHUNK, Server

KEPT_ASKS = 256  # a judge waits for its answers: who is further behind was given up. At a turn an ask holds the context, so few are kept
ANSWERED_SECONDS = 600  # that an answer waits for who asked
AT_ONCE = TIMEOUT / 4  # seconds that the server is waited for in one go: it must not look as if it were away


class Channel:
    """What the store does for who speaks."""

    def __init__(self, server: Server) -> None:
        self._server, self._asks = server, server.of_topic("asks")

    def _answers(self, name: str) -> str:
        return self._server.of_topic(f"answers:{name}")

    def post(self, message: bytes) -> None:
        """See the protocol."""

        def add() -> None:
            pipe = self._server.client.pipeline(transaction=False)
            pipe.xadd(self._asks, {"message": message}, maxlen=KEPT_ASKS, approximate=True)
            pipe.expire(self._asks, self._server.ttl)
            piped(pipe)

        self._server.again([self._asks], add)

    def posted(self, after: str | None, seconds: float) -> tuple[str, list[bytes]]:
        """See the protocol."""
        client, key, none = self._server.client, self._asks, list[Any]()
        if after is None:
            newest = self._server.read(key, lambda: client.xrevrange(key, count=1), none)
            return (newest[0][0].decode() if newest else "0-0"), []
        ends = time.monotonic() + seconds
        while True:
            left = ends - time.monotonic()
            block = max(round(min(left, AT_ONCE) * 1000), 1) if left > 0 else None
            found = self._server.read(key, lambda block=block: client.xread({key: after}, CHUNK, block), none)  # type: ignore[misc]
            if found:
                said = found[0][1]
                return said[-1][0].decode(), [fields[b"message"] for _, fields in said if b"message" in fields]
            if block is None:
                return after, []

    def answer(self, ask: str, answer: bytes) -> None:
        """See the protocol."""
        key = self._answers(ask)

        def add() -> None:
            pipe = self._server.client.pipeline(transaction=False)
            pipe.rpush(key, answer)
            pipe.expire(key, ANSWERED_SECONDS)
            piped(pipe)

        self._server.again([key], add)

    def answers(self, ask: str, seconds: float) -> list[bytes]:
        """See the protocol."""
        client, key = self._server.client, self._answers(ask)
        taken, ends = list[bytes](), time.monotonic() + seconds
        while not (taken := self._take(key)) and (left := ends - time.monotonic()) > 0:
            wait = max(min(left, AT_ONCE), 0.01)
            first = self._server.read(key, lambda wait=wait: cast(Any, client.blpop([key], wait)), None)  # type: ignore[misc]
            if first:
                return [first[1], *self._take(key)]
        return taken

    def _take(self, key: str) -> list[bytes]:
        """All that there is now."""
        client = self._server.client
        length = self._server.read(key, lambda: cast(int, client.llen(key)), 0)
        return ask(lambda: cast(list[bytes], client.lpop(key, length))) or [] if length else []
