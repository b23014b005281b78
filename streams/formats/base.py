"""What a decoder promises: every record becomes a request or a dead letter, and no exception gets out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from detector.request import Request

DEAD_REASONS = ("not_json", "missing_field", "wrong_type", "too_deep", "too_large", "bad_time", "clock_strayed")


@dataclass(frozen=True, slots=True)
class Dead:
    """A record that cannot be counted: which of the batch, why, and what the sender should look at. Never its text."""

    position: int
    reason: str  # one of DEAD_REASONS
    detail: str


@dataclass(frozen=True, slots=True)
class Decoded:
    """The records of one batch, decoded."""

    requests: list[Request]
    times: list[int]  # event time of each request, milliseconds
    positions: list[int]  # where each request stood in the batch
    dead: list[Dead]


class Decoder(Protocol):
    """One log format."""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Decode a batch. Does not block and does not raise, whatever the bytes."""
        ...
