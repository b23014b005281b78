"""What the pages share: the book, and what was read of it lately."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.desk.book import Book, Origin
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.views.strongest import Strongest, strongest
from siphonwatch.streams.stores.base import KEPT_FINDINGS

FRESH = 1.0  # seconds that what was read serves
LOOKED = 5.0  # seconds that the accounts of strongest evidence serve
STEP = 256  # findings read at once, while they are new


class Room:
    """One desk for all who sit at it; safe from many threads."""

    def __init__(self, book: Book, prior: Prior, shadow: Prior | None, config: Config, origin: Callable[[], Origin]) -> None:
        self.book, self.prior, self.shadow, self.config, self.origin = book, prior, shadow, config, origin
        self._lock = threading.RLock()
        self._read = self._looked = self._listened = -1e9
        self._context: bytes | None = b"nothing was read yet"
        self._desk: Desk | None = None
        self._strongest: Strongest | None = None
        self._findings: list[bytes] = []  # newest first
        self._about: dict[str, list[bytes]] = {}

    @property
    def desk(self) -> Desk:
        """The judging as it stood a moment ago."""
        with self._lock:
            if self._desk is None or time.monotonic() - self._read > FRESH:
                context = self.book.context()
                if self._desk is None or context != self._context:
                    key = self.config.privacy_account_key.get_secret_value()
                    self._desk = Desk(self.book, self.prior, self.config.detection(), key, self.config.privacy_hash_key.get_secret_value())
                    self._context = context
                self._read = time.monotonic()
            return self._desk

    @property
    def strongest(self) -> Strongest:
        """The accounts of strongest evidence, as of a few seconds ago."""
        with self._lock:
            if self._strongest is None or time.monotonic() - self._looked > LOOKED:
                self._strongest, self._looked = strongest(self.desk), time.monotonic()
            return self._strongest

    @property
    def findings(self) -> list[bytes]:
        """All findings that are kept, newest first."""
        self._listen()
        return self._findings

    def about(self, subject: str) -> list[bytes]:
        """Those about one account or campaign, newest first."""
        self._listen()
        return self._about.get(subject, [])

    def forget(self) -> None:
        """Read everything anew: an account was erased, or something was ruled."""
        with self._lock:
            self._read = self._looked = self._listened = -1e9
            self._findings, self._about = [], {}

    def _listen(self) -> None:
        with self._lock:
            if time.monotonic() - self._listened < FRESH:
                return
            known, count = self._findings[:1], STEP
            newest = self.book.findings(count)
            while known and known[0] not in newest and len(newest) == count and count < KEPT_FINDINGS:
                count = min(count * 8, KEPT_FINDINGS)
                newest = self.book.findings(count)
            if not known and len(newest) == count:
                newest = self.book.findings(KEPT_FINDINGS)
            fresh = newest[: newest.index(known[0])] if known and known[0] in newest else newest
            if known and known[0] not in newest:
                self._findings, self._about = [], {}
            self._findings = [*fresh, *self._findings][:KEPT_FINDINGS]
            for one in reversed(fresh):
                self._about.setdefault(decode(one).subject, []).insert(0, one)
            self._listened = time.monotonic()
