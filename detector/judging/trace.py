"""An account's own evidence over time: the strongest of each span of four hours, over the two weeks that a state remembers.

A ring of one byte a span, for a person to see how an account came to where it stands. Nothing is judged by it. It is a function of the
judgings alone, so a replay draws the same line as the live stream.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SPAN_MS = 4 * 3_600_000  # of event time
CELLS = 90  # fifteen days
UNIT = 0.1  # log-odds in one step of a cell: what a line of a few hundred points can show
UNKNOWN = -128  # not judged in that span
FIELDS = [("trace", "i1", (CELLS,)), ("traced", "<u4")]  # of a record; ``traced`` is the number of the newest span


def note(records: Array, position: Array, at: int, evidence: Array, judged: Array) -> None:
    """Note the ``evidence`` (N,) of the accounts at ``position`` (N,) as of event time ``at`` (ms), where they were ``judged`` (N,)."""
    span = at // SPAN_MS
    trace, newest = records["trace"][position], records["traced"][position].astype(np.int64)
    of_cell = span - (span - np.arange(CELLS)) % CELLS
    trace = np.where(of_cell > newest[:, None], np.int8(UNKNOWN), trace)
    value = np.where(judged, np.clip(np.rint(evidence / UNIT), UNKNOWN + 1, 127), UNKNOWN).astype(np.int8)
    trace[:, span % CELLS] = np.maximum(trace[:, span % CELLS], value)
    records["trace"][position] = trace
    records["traced"][position] = span


def line(record: Any) -> list[tuple[float, float]]:
    """(end of the span in epoch seconds, strongest evidence in log-odds) of each span in which the account was judged, oldest first."""
    newest = int(record["traced"])
    spans = range(max(newest - CELLS + 1, 0), newest + 1)
    cells = ((span, int(record["trace"][span % CELLS])) for span in spans)
    return [((span + 1) * SPAN_MS / 1000, round(value * UNIT, 1)) for span, value in cells if value != UNKNOWN]
