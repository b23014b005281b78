"""What the sidecar knows: how every account that is not clear stands, kept fresh from the store by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.stores.base import Standing, Store

log = structlog.get_logger()

RELOAD = 60.0  # seconds after which everything is read again, changed or not: keys expire by themselves


class Knowledge:
    """Read by decisions, which never wait for it."""

    def __init__(self, store: Store, every: float, now: Callable[[], float] = time.monotonic) -> None:
        self._store, self._every, self._now = store, every, now
        self.also: Callable[[Store], None] = lambda _: None  # what else is evened out with the store each time
        self._standings: dict[str, Standing] = {}
        self._version: int | None = None
        self._heard, self._loaded = -float("inf"), -float("inf")
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="knowledge", daemon=True)

    def standing(self, account: str) -> Standing | None:
        """How an account stands; ``None`` for clear."""
        return self._standings.get(account)

    @property
    def accounts(self) -> int:
        """How many accounts are not clear."""
        return len(self._standings)

    @property
    def age(self) -> float:
        """Seconds since the store last answered."""
        return self._now() - self._heard

    def refresh(self) -> None:
        """Ask the store once; ``Unavailable`` where it does not answer, with what was known kept."""
        version = self._store.standings_version()
        if version != self._version or self._now() - self._loaded > RELOAD:
            self._standings, self._version, self._loaded = self._store.standings(), version, self._now()
        self.also(self._store)
        self._heard = self._now()

    def start(self) -> None:
        """Keep refreshing until :meth:`stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop refreshing."""
        self._stopping.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        answered = True
        while not self._stopping.is_set():
            try:
                self.refresh()
                if not answered:
                    log.info("the store answers again", accounts=self.accounts)
                answered = True
            except Unavailable as error:
                if answered:
                    log.warning("knowledge is getting stale", why=str(error))
                answered = False
            self._stopping.wait(self._every)
