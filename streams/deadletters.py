"""Dead letters: where a broken record stood and why it was refused, never what it said."""

from __future__ import annotations

import msgspec


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused record: a Kafka record by topic, partition and offset, a file's by its path and number."""

    reason: str
    detail: str
    source: str  # topic, or path
    partition: int | None
    offset: int  # Kafka offset, or number of the record within its file
    bytes: int  # how long the record was
