"""What the peers are given to do: our decoder, our features, our row, one event at a time."""

from __future__ import annotations

import time

import numpy as np
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.streams.formats import decoder

_OWNER = np.zeros(1, dtype=np.int64)
_decoder = decoder("auto")


def folded(record: bytes) -> np.ndarray:
    """The row (1,) of one event."""
    decoded = _decoder.decode([record])
    return fold(batch(decoded.requests, decoded.times), _OWNER, 1)


class Watch:
    """Prints how many events a second went by between the first and the last."""

    def __init__(self, count: int) -> None:
        self._count, self._seen, self._started = count, 0, 0.0

    def event(self) -> None:
        """One more is done."""
        self._seen += 1
        if self._seen == 1:
            self._started = time.perf_counter()
        elif self._seen == self._count:
            print(f"rate {(self._count - 1) / (time.perf_counter() - self._started):.1f}", flush=True)
