"""How a worker is, for whoever asks whether it is ready."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Health:
    """What ``/readyz`` tells."""

    ready: bool = False
    waiting_for: str = "the first assignment of partitions"
    partitions: list[int] = field(default_factory=list)
    judging: bool = False
    shards: int = 0  # of the accounts, that this worker keeps
    features_off: list[str] = field(default_factory=list)  # nothing read so far holds what they need
    not_logged: list[str] = field(default_factory=list)  # fields that no record had so far
    shares: dict[str, float] = field(default_factory=dict)  # of the requests that hold each field
    unread: dict[str, int] = field(default_factory=dict)  # "format field: reason" -> how often a field was lost
