"""What a writer must find in the store, and what was not as it was written."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Fence:
    """What a writer must find in the store, so that its next write counts."""

    epoch: int  # raised by each new owner
    mark: str  # of what this owner last found or wrote; no two writes have the same
    tried: str = ""  # of its newest write, whose answer may not have come


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that was not as it was written, and what became of it."""

    kind: str  # one of :data:`siphonwatch.streams.common.errors.FAULTS`
    what: str  # one of ``FAULTY``
    key: str  # where it stood; and where it was put, where it was set aside
