"""The judge's thread: judging waits for those who keep the accounts, and the worker must go on polling meanwhile.

A worker that does not poll is taken for dead by its broker; and where it waited for another one that truly is, neither would ever go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog
from siphonwatch.streams.common.errors import Fenced, Unavailable
from siphonwatch.streams.worker.judge import Judge

log = structlog.get_logger()

IDLE = 0.05  # seconds between two looks for ticks that are due
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds; pauses double between them while something is away
FENCED_PAUSE = 0.5  # seconds for the news of a rebalance to arrive, before what another owns now is claimed back


class Judging(threading.Thread):
    """Judges from ``start`` until ``stop``, or until something fails for good."""

    def __init__(self, make: Callable[[threading.Event], Judge], partitions: int) -> None:
        """``make`` makes a judge that gives up a step once the event is set."""
        super().__init__(name="judging", daemon=True)
        self.partitions = partitions
        self.judge: Judge | None = None
        self.failed: Exception | None = None  # what no waiting mends
        self.judged = 0  # ticks so far
        self._make, self._stopping = make, threading.Event()

    def run(self) -> None:
        """See the class."""
        pause = FIRST_PAUSE
        while not self._stopping.is_set():
            try:
                if self.judge is None:
                    self.judge = self._make(self._stopping)
                judged = self.judge.step(self.partitions)
                self.judged += judged
                pause = FIRST_PAUSE
                if not judged:
                    self._stopping.wait(IDLE)
            except Unavailable as error:
                log.warning("the judging waits", why=str(error), pause=round(pause, 2))
                self.doubt()
                self._stopping.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            except Fenced as error:
                log.info("the judging begins again", why=str(error))
                self.judge = None
                self._stopping.wait(FENCED_PAUSE)
            except Exception as error:
                self.failed = error
                return

    def doubt(self) -> None:
        """Look at the store before going on: it was away, and may not be as it was."""
        if self.judge is not None:
            self.judge.doubt()

    def stop(self, wait: bool = False) -> None:
        """Judge nothing more; ``wait`` until the step at hand is over."""
        self._stopping.set()
        if wait and self.is_alive():
            self.join(10.0)
