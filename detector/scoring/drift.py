"""Drift: whether the population's evidence still comes from where it came from.

River's ADWIN (Bifet and Gavalda 2007) over the median evidence of each epoch. A new model, a holiday or a changed log format moves
everybody at once; while that goes on, verdicts ask for more evidence instead of flooding the analysts.
"""

from __future__ import annotations

from collections.abc import Sequence

HISTORY = 336  # epochs remembered: two weeks of hours
RECENT = 6  # epochs that a drift is felt for
SETTLING = 24  # epochs before there is anything to drift from


def drifting(history: Sequence[float]) -> bool:
    """Whether ``history`` (one value an epoch, oldest first) changed within its last epochs.

    The detector is run over the whole history each time: a few hundred steps, and nothing but the history to store.
    """
    if len(history) <= SETTLING:
        return False
    from river import drift  # most of a second: not before there is a history

    detector = drift.ADWIN(delta=0.002, clock=1, grace_period=SETTLING)
    last = -RECENT
    for at, value in enumerate(history):
        detector.update(value)
        if detector.drift_detected and at >= SETTLING:
            last = at
    return len(history) - last <= RECENT and last >= 0
