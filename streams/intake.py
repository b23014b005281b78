"""The one way in: records become columns, columns go into panes, and what cannot be read is named.

The worker, a replay and a check of a log read by this; they differ only in where records come from and in where panes go.
"""

from __future__ import annotations

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from siphonwatch.detector.request.columns import RequestBatch, batch
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.settings import DAY_MS
from siphonwatch.detector.sketch.panes import Added
from siphonwatch.streams.common.coverage import ENOUGH, Coverage
from siphonwatch.streams.common.deadletters import DeadLetter, letters
from siphonwatch.streams.formats.base import Decoded, Decoder, refusal
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
    ends: list[int]  # how many of the records each part that was folded on its own goes up to


class Intake:
    """Reads with one decoder, and remembers which fields the log holds at all (said after ``enough`` requests).

    ``key`` is what addresses and the like are hashed with; see :mod:`siphonwatch.streams.common.hashkey`.
    ``ahead_ms`` is how far a request may stand ahead of the time at which the log took its record, where the log says that.
    """

    def __init__(self, decoder: Decoder, ahead_ms: int = DAY_MS, enough: int = ENOUGH, key: bytes = b"") -> None:
        self._decoder, self._ahead = decoder, ahead_ms
        self.key = key
        self.coverage = Coverage(enough)
        self.unread: Unread = Counter()  # fields lost so far of requests that were counted

    def read(self, records: Sequence[bytes], logged: Sequence[int] | None = None) -> tuple[Decoded, RequestBatch]:
        """Decode ``records``; their text ends here."""
        decoded = self._decoder.decode(records)
        if logged is not None:
            decoded.refuse_ahead(logged, self._ahead)
        columns = self._columns(decoded)
        self.coverage.look(columns)
        self.unread.update(decoded.unread)
        return decoded, columns

    def _columns(self, decoded: Decoded) -> RequestBatch:
        """Columns of what was decoded. A request of which none can be made, whatever it holds, is refused alone."""
        try:
            return batch(decoded.requests, decoded.times, self.key)
        except Exception:  # a fault of ours must cost no more than the request that shows it
            decoded.refuse({at: refusal(error) for at, error in _broken(decoded.requests, decoded.times)})
            return batch(decoded.requests, decoded.times, self.key)

    def take(
        self, records: Sequence[bytes], places: Sequence[int], source: str, partition: int | None, fold: Callable[[RequestBatch], Added],
        logged: Sequence[int] | None = None, most_accounts: int = 0,
    ) -> Taken:  # fmt: skip
        """Read ``records``, which stand at ``places`` (offsets, or numbers within a file) of ``source``, and ``fold`` them into panes.

        With ``most_accounts``, in parts of about so many different accounts, each of whole records.
        """
        started = time.perf_counter()
        with _uncollected():
            decoded, columns = self.read(records, logged)
        decoded_at = time.perf_counter()
        ends, added = [], []
        for first, last, end in parts(columns, decoded.positions, len(records), most_accounts):
            part = columns if last - first == len(columns) else columns.take(np.arange(first, last))
            one = fold(part)
            added.append(replace(one, strays=one.strays + first) if first else one)
            ends.append(end)
        whole = added[0] if len(added) == 1 else _joined(added)
        folded_at = time.perf_counter()
        refused = letters(decoded, whole, records, places, source, partition)
        counted = len(decoded.requests) - whole.duplicates - len(whole.strays)
        return Taken(
            whole, refused, len(records), counted, decoded.skips, decoded.unread, decoded_at - started, folded_at - decoded_at, ends
        )


def _broken(requests: Sequence[Request], times: Sequence[int], first: int = 0) -> Iterator[tuple[int, Exception]]:
    """(number, what is raised) of each request of which no columns can be made, found by halving."""
    try:
        batch(requests, times)
    except Exception as error:
        if len(requests) == 1:
            yield first, error
            return
        half = len(requests) // 2
        yield from _broken(requests[:half], times[:half], first)
        yield from _broken(requests[half:], times[half:], first + half)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the garbage collector: records live as long as their batch, and it would walk over them again and again for nothing."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def parts(columns: RequestBatch, positions: Sequence[int], records: int, most_accounts: int) -> Iterator[tuple[int, int, int]]:
    """(first request, request after the last, record after the last) of each part; a part ends where a record does."""
    if not most_accounts or len(columns) <= most_accounts:
        yield 0, len(columns), records
        return
    import pandas as pd

    codes, _ = pd.factorize(columns.accounts)
    first, seen = 0, set[int]()
    for at, code in enumerate(codes.tolist()):
        if len(seen) >= most_accounts and positions[at] != positions[at - 1]:
            yield first, at, positions[at]
            first, seen = at, set()
        seen.add(code)
    yield first, len(columns), records


def _joined(added: Sequence[Added]) -> Added:
    """Counts of several parts; their rows are each part's own."""
    strays = np.concatenate([one.strays for one in added])
    return Added({}, {}, strays, sum(one.duplicates for one in added), sum(one.late for one in added), sum(one.ahead for one in added))
