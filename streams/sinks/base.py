"""What a sink promises, and several sinks as one."""

from __future__ import annotations

import threading
from typing import Protocol

from siphonwatch.streams.common.deadletters import DeadLetter


class Sink(Protocol):
    """Takes verdicts and dead letters."""

    def verdicts(self, findings: list[bytes]) -> None:
        """Send findings (JSON); after an error all of them come again, so the same may arrive twice, with the same id."""
        ...

    def dead(self, letters: list[DeadLetter]) -> None:
        """Send dead letters."""
        ...

    def close(self) -> None:
        """Flush and give connections back."""
        ...


class Sinks:
    """Several sinks as one. A worker's threads, of which one judges and one reads, take turns: no sink has to look out for that."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks, self._turn = sinks, threading.Lock()

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        with self._turn:
            for sink in self._sinks:
                sink.verdicts(findings)

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        with self._turn:
            for sink in self._sinks:
                sink.dead(letters)

    def close(self) -> None:
        """See the protocol."""
        with self._turn:
            for sink in self._sinks:
                sink.close()
