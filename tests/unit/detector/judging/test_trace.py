"""The line of an account's own evidence: what was judged is on it, in its span; what is older than the ring is not."""

from __future__ import annotations

import numpy as np
from siphonwatch.detector.judging import trace
from siphonwatch.detector.judging.accounts import Accounts
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.streams.common import prior

HOUR = 3_600_000


def noted(*judgings: tuple[float, float]) -> list[tuple[float, float]]:
    """The line of one account after (hour, evidence) of each judging; NaN was no judging."""
    accounts = Accounts()
    position = accounts.positions(["a"])
    for hour, evidence in judgings:
        trace.note(accounts.records, position, int(hour * HOUR), np.array([np.nan_to_num(evidence)]), np.array([evidence == evidence]))
    return trace.line(accounts.records[0])


def test_each_span_keeps_its_strongest() -> None:
    assert noted((400, 0.5), (401, 1.23), (402, -0.4), (409, -3.0)) == [(404 * 3600.0, 1.2), (412 * 3600.0, -3.0)]


def test_silence_leaves_a_gap_and_no_old_value_comes_back() -> None:
    long = trace.CELLS * 4
    assert noted((400, 2.0), (404, 1.0), (400 + long, -1.0)) == [(408 * 3600.0, 1.0), ((404 + long) * 3600.0, -1.0)]
    assert noted((400, 2.0), (400 + 7 * long, float("nan"))) == []


def test_extremes_stay_within_a_byte() -> None:
    assert noted((400, 55.0), (404, -99.0)) == [(404 * 3600.0, 12.7), (408 * 3600.0, -12.7)]
    assert noted() == []


def test_a_flagged_accounts_line_reaches_its_flag() -> None:
    requests = simulate(
        World(accounts=160, days=1.5, prevalence=0.12, seed=11, start=1_780_000_000.0, harvests=("reasoning", "hydra"))
    ).requests
    engine = Engine(prior.load())
    engine.process(batch(requests, [epoch_ms(request.timestamp) for request in requests]))
    engine.finish()
    _, records = engine.accounts.known()
    flagged = np.flatnonzero(records["flagged_at"] >= 0)
    assert len(flagged)
    for record in records[flagged]:
        line = trace.line(record)
        assert max(value for _, value in line) == round(min(max(float(record["own"]), -12.7), 12.7), 1)
        assert line[0][0] < record["flagged_at"] / 1000 + 4 * 3600
        assert len(line) <= trace.CELLS
