"""A log without prompts: the detector goes on with what is left, and says what is off."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.scoring.features import FEATURES, NEEDS_TEXT
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import World, simulate
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.common import prior

from tests.quality.figures import measure, run

LOW = replace(DEFAULT, flag_odds=-2.5)  # so that there are verdicts to read: without prompts few accounts reach the shipped height


def without_text(world: World) -> tuple[Engine, dict[str, object], list[object]]:
    traffic = simulate(world)
    for request in traffic.requests:
        request.messages = None
    return run(traffic.requests, prior.load(), LOW), dict(traffic.labels), list(traffic.requests)


def test_harvesters_are_still_ranked_before_innocents_and_verdicts_say_what_is_off() -> None:
    engine, labels, requests = without_text(
        World(accounts=700, days=2.0, prevalence=0.05, seed=5, harvests=("naive", "hydra"), variety=0.0)
    )
    found = measure(engine, labels, requests)  # type: ignore[arg-type]
    assert found.average_precision > 4 * found.harvesting / found.accounts, "four times what chance would give"
    assert engine.verdicts
    off = [feature.name for feature, needs in zip(FEATURES, NEEDS_TEXT, strict=True) if needs]
    for one in engine.verdicts.values():
        assert isinstance(one, Verdict)
        assert one.features_off == off
        assert not {reason.feature for reason in one.reasons} & set(off)


def test_an_account_with_prompts_beside_others_without_is_judged_as_ever() -> None:
    world = World(accounts=300, days=2.0, prevalence=0.1, seed=9, harvests=("naive",), variety=0.0)
    traffic = simulate(world)
    whole = run(traffic.requests, prior.load())
    mixed = simulate(world)
    silenced = {account for at, account in enumerate(sorted(mixed.labels)) if at % 3 == 0}
    for request in mixed.requests:
        if request.account_id in silenced:
            request.messages = None
    engine = run(mixed.requests, prior.load())
    kept = [account for account in engine.accounts.ids if account not in silenced]
    mine = np.array([engine.accounts.records["own"][engine.accounts.index[account]] for account in kept])
    before = np.array([whole.accounts.records["own"][whole.accounts.index[account]] for account in kept])
    assert np.median(np.abs(mine - before)) < 0.2
