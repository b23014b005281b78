"""What analysts decide moves the model, and leaves no trace when it is taken back."""

from __future__ import annotations

import numpy as np
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.learning.rulings import Ruling
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.streams.common import prior

from tests.quality.figures import run

WORLD = World(accounts=250, days=1.0, prevalence=0.08, seed=21, harvests=("reasoning", "naive"))


def engine_and_worst() -> tuple[Engine, str]:
    engine = run(simulate(WORLD).requests, prior.load())
    _, records = engine.accounts.known()
    return engine, engine.accounts.ids[int(np.argmax(records["current"]))]


def odds(engine: Engine, account: str) -> float:
    at = engine.accounts.index[account]
    return float(engine.model.log_odds(matrix(View(engine.accounts.rows[at : at + 1])), engine.summary)[0])


def decision(engine: Engine, account: str, number: int, harvest: bool | None, until: float | None = None) -> Ruling:
    at = engine.accounts.index[account]
    inputs = engine.model.inputs(matrix(View(engine.accounts.rows[at : at + 1]))[0].tolist(), engine.summary)
    return Ruling(str(number), account, [account], harvest, "analyst", float(number), "", inputs, until)


def test_decisions_move_the_model_and_undoing_them_restores_it() -> None:
    engine, account = engine_and_worst()
    before, weights = odds(engine, account), engine.model.weights
    benign = [decision(engine, account, number, False) for number in range(5)]
    engine.teach(benign, 0)
    moved = odds(engine, account)
    assert moved < before - 0.2
    engine.teach(benign, 0)
    assert odds(engine, account) == moved, "the same list is not learned twice"
    engine.teach(benign[:2], 0)
    assert moved < odds(engine, account) < before
    engine.teach([], 0)
    assert engine.model.weights == weights
    assert odds(engine, account) == before


def test_confirmed_harvests_raise_the_odds_of_their_like() -> None:
    engine, account = engine_and_worst()
    before = odds(engine, account)
    engine.teach([decision(engine, account, number, True) for number in range(5)], 0)
    assert odds(engine, account) > before


def test_an_allowed_account_is_clear_until_its_entry_expires() -> None:
    traffic = simulate(WORLD)
    engine, account = engine_and_worst()
    until = WORLD.start + 2 * 86_400
    entry = decision(engine, account, 1, None, until)
    fresh = Engine(prior.load())
    fresh.teach([entry], int(WORLD.start * 1000))
    allowed = run_on(fresh, traffic.requests)
    assert account not in allowed.verdicts
    assert account in engine.verdicts
    allowed.teach([entry], int((until + 1) * 1000))
    assert allowed.accounts.records["allowed"][allowed.accounts.index[account]] == 0


def run_on(engine: Engine, requests: list) -> Engine:  # type: ignore[type-arg]
    from siphonwatch.detector.request.columns import batch
    from siphonwatch.detector.request.request import epoch_ms

    for start in range(0, len(requests), 4096):
        part = requests[start : start + 4096]
        engine.process(batch(part, [epoch_ms(each.timestamp) for each in part]))
    engine.finish()
    return engine
