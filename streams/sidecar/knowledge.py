"""What the sidecar knows: how every account that is not clear stands, kept fresh from the store by a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from siphonwatch.detector.request.names import model_mark
from siphonwatch.streams.common.errors import Unavailable
from siphonwatch.streams.stores.base import UNREAD, Standing, Store
from siphonwatch.streams.stores.snapshot import models_met

log = structlog.get_logger()

RELOAD = 60.0  # seconds after which everything is read again, changed or not: keys expire by themselves
FAULTS = ("unavailable", "unexpected", "unread", "unshared")  # what can go wrong, as it is counted


class Knowledge:
    """Read by decisions, which never wait for it.

    Nothing that the store answers ends the refreshing: what goes wrong is counted, said once, and tried again.
    ``also`` is what else is evened out with the store each time; where it fails the knowledge itself is no staler for it.
    """

    def __init__(self, store: Store, every: float, now: Callable[[], float] = time.monotonic) -> None:
        self._store, self._every, self._now = store, every, now
        self.also: Callable[[Store], None] = lambda _: None
        self.on_fault: Callable[[str, int], None] = lambda fault, count: None  # counts one of ``FAULTS``
        self.unread = 0  # accounts whose standing does not decode: they stand as they last stood
        self.wrong = ""  # what keeps it from being fresh, in words; empty where nothing does
        self._standings: dict[str, Standing] = {}
        self._models: frozenset[int] = frozenset()
        self._version: int | None = None
        self._heard, self._loaded, self._met = -float("inf"), -float("inf"), -float("inf")
        self._said: dict[str, str] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="knowledge", daemon=True)

    def standing(self, account: str) -> Standing | None:
        """How an account stands; ``None`` for clear."""
        return self._standings.get(account)

    def served(self, model: str) -> bool:
        """Whether the log has an answer of ``model``: names are the client's to invent."""
        return model_mark(model) in self._models

    @property
    def accounts(self) -> int:
        """How many accounts are not clear."""
        return len(self._standings)

    @property
    def age(self) -> float:
        """Seconds since the store last answered."""
        return self._now() - self._heard

    @property
    def alive(self) -> bool:
        """Whether somebody refreshes it, or will; what the health page says of this process."""
        return self._thread.ident is None or self._stopping.is_set() or self._thread.is_alive()

    def refresh(self) -> None:
        """Ask the store once; an exception where it does not answer as it should, with what was known kept."""
        version = self._store.standings_version()
        if version != self._version or self._now() - self._loaded > RELOAD:
            self._take(self._store.standings())
            self._version, self._loaded = version, self._now()
        self._heard = self._now()

    def _meet(self) -> None:
        if self._now() - self._met > RELOAD:
            self._models, self._met = models_met(self._store.context()), self._now()

    def _take(self, found: dict[str, Standing]) -> None:
        bad = [account for account, standing in found.items() if standing is UNREAD]
        for account in bad:  # one value that cannot be read costs itself: whoever was blocked stays blocked
            before = self._standings.get(account)
            found.pop(account) if before is None else found.update({account: before})
        self.on_fault("unread", len(bad))
        self.unread = len(bad)
        self._say("unread", f"{len(bad)} standings do not decode; {bad[0][:40]!r} is one" if bad else "")
        self._standings = found

    def attempt(self) -> None:
        """:meth:`refresh` and ``also``, whatever comes of them."""
        self.wrong = self._tried("refreshing", self.refresh)
        if not self.wrong:
            self._tried("reading models", self._meet)
            self._tried("sharing limits", lambda: self.also(self._store))

    def _tried(self, what: str, step: Callable[[], None]) -> str:
        """What went wrong with ``step``, in words: counted, and said when it begins, changes and ends."""
        try:
            step()
        except Exception as error:
            kind = "unavailable" if isinstance(error, Unavailable) else "unexpected"
            self.on_fault("unshared" if what == "sharing limits" else kind, 1)
            wrong = f"{type(error).__name__}: {error}"
        else:
            wrong = ""
        self._say(what, wrong)
        return wrong

    def _say(self, what: str, wrong: str) -> None:
        said = self._said.get(what, "")
        if wrong and wrong.partition(":")[0] != said:
            log.warning("the store does not serve the sidecar; it is asked again", what=what, why=wrong)
        elif said and not wrong:
            log.info("the store serves the sidecar again", what=what, accounts=self.accounts)
        self._said[what] = wrong.partition(":")[0]

    def start(self) -> None:
        """Keep refreshing until :meth:`stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Stop refreshing."""
        self._stopping.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.attempt()
            self._stopping.wait(self._every)
