"""What the judge and the keepers of shards say to each other, within one process."""

from __future__ import annotations

from siphonwatch.streams.stores.memory.data import Data


class Channel(Data):
    """See :class:`siphonwatch.streams.stores.base.channel.Channel`."""

    def post(self, message: bytes) -> None:
        """See the protocol."""
        with self._heard:
            self._says += 1
            self._said.append((self._says, message))
            self._heard.notify_all()

    def posted(self, after: str | None, seconds: float) -> tuple[str, list[bytes]]:
        """See the protocol."""
        with self._heard:
            if after is None:
                return str(self._says), []
            self._heard.wait_for(lambda: self._says > int(after), seconds)
            return str(self._says), [message for number, message in self._said if number > int(after)]

    def answer(self, ask: str, answer: bytes) -> None:
        """See the protocol."""
        with self._heard:
            self._answers.setdefault(ask, []).append(answer)
            self._heard.notify_all()

    def answers(self, ask: str, seconds: float) -> list[bytes]:
        """See the protocol."""
        with self._heard:
            self._heard.wait_for(lambda: ask in self._answers, seconds)
            return self._answers.pop(ask, [])
