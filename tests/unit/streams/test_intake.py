"""What the one way in does with requests of which no columns can be made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import msgspec
import numpy as np
from siphonwatch.detector.request.columns import RequestBatch
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.sketch.panes import Added
from siphonwatch.streams.formats.base import Decoded
from siphonwatch.streams.intake import Intake

BROKEN = (3, 4, 17, 39)


class Careless:
    """A decoder of somebody else's, which lets through what it should have refused: words where numbers belong."""

    def decode(self, records: Sequence[bytes]) -> Decoded:
        """Each record is one request."""
        decoded = Decoded()
        for at, record in enumerate(records):
            made = Request("r", 1_780_000_000.0 + at, record.decode(), "m")
            if at in BROKEN:
                made = msgspec.structs.replace(made, status=cast(Any, "much"))
            decoded.requests.append(made)
            decoded.times.append(1_780_000_000_000 + 1000 * at)
            decoded.positions.append(at)
        return decoded


def test_a_request_of_which_no_columns_can_be_made_costs_only_itself() -> None:
    folded: list[RequestBatch] = []

    def fold(columns: RequestBatch) -> Added:
        folded.append(columns)
        return Added({}, {}, np.zeros(0, dtype=np.int64), 0, 0, 0)

    records = [f"acct_{at}".encode() for at in range(40)]
    taken = Intake(Careless()).take(records, range(100, 140), "here", None, fold)
    assert [letter.offset for letter in taken.letters] == [100 + at for at in BROKEN]
    assert {letter.reason for letter in taken.letters} == {"decoder_failed"}
    assert taken.requests == len(records) - len(BROKEN)
    assert folded[0].accounts.tolist() == [f"acct_{at}" for at in range(40) if at not in BROKEN]
