"""Dead letters: where a broken record stood and why it was refused, never what it said."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from siphonwatch.detector.sketch.panes import Added
from siphonwatch.streams.formats.base import Decoded


class DeadLetter(msgspec.Struct, frozen=True):
    """One refused record: a Kafka record by topic, partition and offset, a file's by its path and number."""

    reason: str
    detail: str
    source: str  # topic, or path
    partition: int | None
    offset: int  # Kafka offset, or number of the record within its file
    bytes: int  # how long the record was
    count: int = 1  # how many requests of the record were refused for this reason


def letters(
    decoded: Decoded, added: Added, records: Sequence[bytes], offsets: Sequence[int], source: str, partition: int | None
) -> list[DeadLetter]:
    """The records of one batch that the decoder refused, or whose time the panes refused, in their order."""
    refused = [(dead.position, dead.reason, dead.detail, dead.count) for dead in decoded.dead]
    refused += [
        (decoded.positions[at], "clock_strayed", "its time is far behind that of the records around it", 1) for at in added.strays.tolist()
    ]
    return [
        DeadLetter(reason, detail, source, partition, offsets[position], len(records[position]), count)
        for position, reason, detail, count in sorted(refused)
    ]
