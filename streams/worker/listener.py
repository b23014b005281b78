"""Hears what other workers' judges ask of this worker's keeper, in a thread of its own: the worker itself polls meanwhile."""

from __future__ import annotations

import threading

import msgspec
import structlog
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.stores.base import Store
from siphonwatch.streams.worker.keeper import Keeper

log = structlog.get_logger()

LISTENS = 1.0  # seconds that one look for questions waits
PAUSE = 0.5  # seconds after one that failed


class Listener(threading.Thread):
    """Runs from ``start`` until ``stop``."""

    def __init__(self, store: Store, keeper: Keeper) -> None:
        super().__init__(name="keeper", daemon=True)
        self._store, self._keeper = store, keeper
        self._leaving = threading.Event()

    def run(self) -> None:
        """See the class."""
        while not self._leaving.is_set():
            if self._keeper.place is None:  # nothing is kept yet
                self._leaving.wait(0.05)
                continue
            try:
                self._keeper.place, said = self._store.posted(self._keeper.place, LISTENS)
                for message in said:
                    self._hear(message)
            except Unavailable:
                self._leaving.wait(PAUSE)
            except Exception:
                log.exception("questions could not be read")
                self._leaving.wait(PAUSE)

    def _hear(self, message: bytes) -> None:
        try:
            answer = self._keeper.message(message)
        except msgspec.DecodeError:  # whatever was written there, no judge did
            log.error("a question does not decode")
            return
        if answer is not None:
            self._store.answer(*answer)  # where it is lost, the judge asks again

    def stop(self) -> None:
        """Finish the answer at hand."""
        self._leaving.set()
        if self.is_alive():
            self.join(10 * LISTENS)
