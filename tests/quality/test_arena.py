"""The figures on the labelled arena, where it lies beside this clone."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
from isal import igzip
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.simulate import Label
from siphonwatch.streams.common import prior

from tests.quality.figures import measure, run


def test_the_arenas_harvesters_are_found(arena: Path) -> None:
    labels = {account: Label(**label) for account, label in json.loads((arena / "labels.json").read_text()).items()}
    with igzip.open(arena / "requests.jsonl.gz") as file:
        requests = msgspec.json.Decoder(Request).decode_lines(file.read())
    figures = measure(run(requests, prior.load()), labels, requests)
    assert figures.average_precision > 0.97
    assert figures.recall_001 > 0.93
    assert figures.recall_005 > 0.97
    assert figures.campaigns_half >= 16
    assert figures.flagged_precision > 0.97
    assert figures.requests_median <= 40
    assert figures.requests_p90 <= 150
