"""GCRA, the generic cell rate algorithm (ITU-T I.371; Brandur Leach's description of it as a rate limiter): one number a key.

The number is the theoretical arrival time (TAT): when the next request would be due if all came evenly. A request conforms if it
comes no earlier than the burst allows. No windows, so no edges to burst over.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Conformance:
    """What GCRA says of one request."""

    allowed: bool
    tat: float  # to keep for the key; unchanged where the request is refused
    remaining: int  # requests that would be allowed right now, after this one
    retry_after: float  # seconds until the next one is allowed, 0 where one is


def conform(tat: float, now: float, rate: float, burst: int = 1) -> Conformance:
    """Whether a request at ``now`` (seconds) conforms to ``rate`` requests a second with bursts of ``burst``.

    ``tat`` is 0 for a key that was never seen. ``ValueError`` where the rate or the burst is not positive.
    """
    if rate <= 0 or burst < 1:
        raise ValueError("rate and burst must be positive")
    interval = 1.0 / rate
    due = max(tat, now)
    earliest = due - (burst - 1) * interval
    if now < earliest - 1e-9:
        return Conformance(False, tat, 0, earliest - now)
    due += interval
    left = burst * interval - (due - now)
    return Conformance(True, due, max(int(left / interval + 1e-9), 0), max(interval - left, 0.0))
