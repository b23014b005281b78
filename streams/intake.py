"""The one way in: records become columns, columns go into panes, and what cannot be read is named.

The worker, a replay and a check of a log read by this; they differ only in where records come from and in where panes go.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siphonwatch.detector.request.columns import RequestBatch, batch
from siphonwatch.detector.settings import DAY_MS
from siphonwatch.detector.sketch.panes import Added
from siphonwatch.streams.common.coverage import ENOUGH, Coverage
from siphonwatch.streams.common.deadletters import DeadLetter, letters
from siphonwatch.streams.formats.base import Decoded, Decoder
from siphonwatch.streams.formats.lenient import Unread


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of some records."""

    added: Added
    letters: list[DeadLetter]
    records: int
    requests: int  # counted for the first time
    skips: Counter[str]  # what else than a request to a model there was
    unread: Unread  # what was lost of records that were counted, by (format, field, reason)
    decoding: float  # seconds
    folding: float


class Intake:
    """Reads with one decoder, and remembers which fields the log holds at all (said after ``enough`` requests).

    ``ahead_ms`` is how far a request may stand ahead of the time at which the log took its record, where the log says that.
    """

    def __init__(self, decoder: Decoder, ahead_ms: int = DAY_MS, enough: int = ENOUGH) -> None:
        self._decoder, self._ahead = decoder, ahead_ms
        self.coverage = Coverage(enough)
        self.unread: Unread = Counter()  # fields lost so far of requests that were counted

    def read(self, records: Sequence[bytes], logged: Sequence[int] | None = None) -> tuple[Decoded, RequestBatch]:
        """Decode ``records``; their text ends here."""
        decoded = self._decoder.decode(records)
        if logged is not None:
            decoded.refuse_ahead(logged, self._ahead)
        columns = batch(decoded.requests, decoded.times)
        self.coverage.look(columns)
        self.unread.update(decoded.unread)
        return decoded, columns

    def take(
        self, records: Sequence[bytes], places: Sequence[int], source: str, partition: int | None, fold: Callable[[RequestBatch], Added],
        logged: Sequence[int] | None = None,
    ) -> Taken:  # fmt: skip
        """Read ``records``, which stand at ``places`` (offsets, or numbers within a file) of ``source``, and ``fold`` them into panes."""
        started = time.perf_counter()
        decoded, columns = self.read(records, logged)
        decoded_at = time.perf_counter()
        added = fold(columns)
        folded_at = time.perf_counter()
        refused = letters(decoded, added, records, places, source, partition)
        counted = len(decoded.requests) - added.duplicates - len(added.strays)
        return Taken(added, refused, len(records), counted, decoded.skips, decoded.unread, decoded_at - started, folded_at - decoded_at)
