"""What a growing set of requests costs a batch."""

from __future__ import annotations

import math

import numpy as np
from siphonwatch.detector.sketch.identities import Identities

BATCHES, SIZE = 2048, 16


def test_a_batch_costs_at_a_ticks_end_what_it_costs_at_its_start() -> None:
    known, rng = Identities(), np.random.default_rng(1)
    hashes = rng.permutation(np.arange(BATCHES * SIZE, dtype=np.uint64)).reshape(BATCHES, SIZE)
    written = 0
    for batch in hashes:
        before = {id(run) for run in known._runs}
        known.add(np.sort(batch))
        written += sum(len(run) for run in known._runs if id(run) not in before)
        assert len(known._runs) <= math.log2(BATCHES) + 2, "each batch is looked up in each run"
    assert written <= len(known) * (math.log2(BATCHES) + 2), "each hash is moved as often as there are runs"
    assert bool(known.has(hashes[0]).all())
