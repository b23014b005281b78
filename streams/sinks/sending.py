"""Sending findings elsewhere from a thread of its own: never in the way, tried again, each once.

A receiver that is away costs nobody anything: findings wait in a bounded queue, are tried again with growing pauses, and are then dropped
and logged. What must not be lost goes to Kafka or to a file. A finding that comes a second time, with the same id, is not sent again.
"""

from __future__ import annotations

import queue
import threading
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable

import structlog
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.deadletters import DeadLetter

log = structlog.get_logger()

WAITING = 2000  # findings in the queue
BATCH = 200  # sent at once
TRIES, LONGEST = 6, 30.0  # of one batch, and seconds of a pause
REMEMBERED = 20_000  # ids


class Refused(Exception):
    """The receiver will never take this: it is not tried again."""


class SendingSink(ABC):
    """See :class:`siphonwatch.streams.sinks.base.Sink`; never unavailable."""

    def __init__(self, name: str, form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        self.name, self._form, self._pause = name, form, pause
        self._queue: queue.Queue[tuple[str, bytes] | None] = queue.Queue(WAITING)
        self._sent: OrderedDict[str, None] = OrderedDict()
        self._closing = threading.Event()
        self.lost = 0
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    @abstractmethod
    def deliver(self, batch: list[tuple[str, bytes]]) -> None:
        """Send (id, what to send) of some findings; ``OSError`` is tried again, ``Refused`` is not."""

    def disconnect(self) -> None:  # noqa: B027 (most have nothing to give back)
        """Give connections back."""

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        for finding in findings:
            name = decode(finding).id
            if name in self._sent:
                continue
            self._sent[name] = None
            if len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
            body = self._form(finding)
            if not body:
                continue
            try:
                self._queue.put_nowait((name, body))
            except queue.Full:
                self._drop(1, "the queue is full")

    def dead(self, letters: list[DeadLetter]) -> None:  # noqa: B027
        """Dead letters go to Kafka and to the logs."""

    def close(self) -> None:
        """Give what waits a few seconds, then leave."""
        try:
            self._queue.put(None, timeout=1)
        except queue.Full:
            pass
        else:
            self._thread.join(timeout=5)
        self._closing.set()
        self._thread.join(timeout=1)

    def _run(self) -> None:
        going = True
        while going and not self._closing.is_set():
            batch = [self._queue.get()]
            while len(batch) < BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            going = None not in batch
            self._try([one for one in batch if one is not None])
        self.disconnect()

    def _try(self, batch: list[tuple[str, bytes]]) -> None:
        if not batch:
            return
        pause = self._pause
        for attempt in range(TRIES):
            try:
                return self.deliver(batch)
            except Refused as error:
                return self._drop(len(batch), str(error))
            except OSError as error:
                self.disconnect()
                if attempt == TRIES - 1 or self._closing.wait(pause):
                    return self._drop(len(batch), type(error).__name__)
                pause = min(2 * pause, LONGEST)
        return None

    def _drop(self, count: int, why: str) -> None:
        self.lost += count
        log.warning("findings were not taken", sink=self.name, findings=count, why=why)
