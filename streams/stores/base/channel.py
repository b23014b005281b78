"""What the judge and the keepers of shards say to each other."""

from __future__ import annotations

from typing import Protocol


class Channel(Protocol):
    """Questions to all who keep shards, and their answers."""

    def post(self, message: bytes) -> None:
        """Say something to all who keep shards."""
        ...

    def posted(self, after: str | None, seconds: float) -> tuple[str, list[bytes]]:
        """What was said after the place ``after``, and the place to go on from; waits up to ``seconds`` for something.

        ``None`` is the place after all that was said. Messages are no record: a store that loses something may lose them.
        """
        ...

    def answer(self, ask: str, answer: bytes) -> None:
        """Answer to who asks under that name."""
        ...

    def answers(self, ask: str, seconds: float) -> list[bytes]:
        """Take the answers that have come; waits up to ``seconds`` for the first."""
        ...
