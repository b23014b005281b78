"""Features point the right way, and their sentences read as they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import RequestBatch, batch, hash_strings
from siphonwatch.detector.request.request import Message, Parameters, Request, Usage
from siphonwatch.detector.scoring.features import DIRECTION, FEATURES, HIGH, LOW, NAMES, NEEDS_TEXT, POSITION, matrix
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View
from siphonwatch.detector.verdicts.account import reason
from siphonwatch.streams.common import prior

GOLDEN = Path(__file__).with_name("sentences.golden.txt")
START = 1_790_000_000


def account(**changes: object) -> Request:
    made = Request("r", START, "a", "m", prompt="what is a lighthouse for", usage=Usage(20, 100))
    return changed(made, changes)


def changed(request: Request, changes: dict[str, object]) -> Request:
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return Request(**{**fields, **changes})  # type: ignore[arg-type]


def columns(requests: list[Request]) -> RequestBatch:
    return batch(requests, [int(float(each.timestamp) * 1000) for each in requests])


def features(requests: list[Request]) -> dict[str, float]:
    part = columns(requests)
    codes, names = pd.factorize(part.accounts)
    rows = state.fold(part, codes, len(names))
    return dict(zip(NAMES, matrix(View(rows))[0].tolist(), strict=True))


def series(count: int, every: float, **changes: object) -> list[Request]:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"]
    made = []
    for at in range(count):
        text = f"{words[at % 11]} {words[at // 11 % 11]} number{at} thing"
        made.append(account(request_id=str(at), timestamp=START + at * every, **{"prompt": text, **changes}))
    return made


def test_a_harvest_differs_from_a_dialogue_in_the_directed_sense() -> None:
    harvest = features(series(200, 900))
    turns = [Message("user", "x"), Message("assistant", "y"), Message("user", "and then?")]
    dialogue = features(series(60, 900, prompt=None, messages=turns) + series(40, 700))
    for name in ("varied_asks", "steady_asks", "fresh_asks", "single_turn", "follow_up"):
        at = POSITION[name]
        assert DIRECTION[at] * (harvest[name] - dialogue[name]) > 0, name


def test_a_burst_counts_less_than_the_same_questions_over_days() -> None:
    burst, steady = features(series(200, 1)), features(series(200, 900))
    assert burst["steady_asks"] < steady["steady_asks"] - 3
    assert burst["busiest_hour"] > 0.9 > steady["busiest_hour"]


def test_repeats_system_prompts_end_users_tools_and_parameters_are_seen() -> None:
    assert features(series(50, 600, prompt="always the same"))["repeats"] > 0.9
    system = [Message("system", "you are a shop"), Message("user", "hello")]
    assert features(series(20, 600, prompt=None, messages=system))["system_prompt"] == 1
    assert features(series(20, 600, end_user_id="u"))["end_users"] == 1
    tool = [Message("user", "x"), Message("tool", "42")]
    assert features(series(20, 600, prompt=None, messages=tool))["tool_use"] == 1
    assert features(series(20, 600, parameters=Parameters(max_tokens=8192, n=4)))["roomy_limit"] > 0.8
    assert features(series(20, 600, parameters=Parameters(max_tokens=1, temperature=0)))["one_token"] > 0.8


def test_a_fixed_suffix_and_a_template_are_told_apart() -> None:
    suffixed = [
        account(request_id=str(i), timestamp=START + 600 * i, prompt=f"word{i} other{i} third{i} and. Reason step by step")
        for i in range(60)
    ]
    slotted = [
        account(request_id=str(i), timestamp=START + 600 * i, prompt=f"Write an article about word{i} other{i}. Include headings and")
        for i in range(60)
    ]
    assert features(suffixed)["fixed_suffix"] > 0.8
    assert features(suffixed)["reasoning_cues"] > 0.8
    assert features(slotted)["template"] > 0.7


@pytest.mark.parametrize("feature", FEATURES, ids=NAMES)
def test_every_feature_is_finite_and_in_its_span_for_odd_accounts(feature: object) -> None:
    odd = [
        [account()],
        series(3, 0.001),
        series(2, 40 * 86_400),
        series(5, 60, status=429),
        series(5, 60, prompt=""),
        series(4, 60, usage=None),
    ]
    at = POSITION[feature.name]  # type: ignore[attr-defined]
    for requests in odd:
        value = features(requests)[feature.name]  # type: ignore[attr-defined]
        if NEEDS_TEXT[at] and not any(each.prompt for each in requests):
            assert np.isnan(value), "what was not logged is not known"
            continue
        assert np.isfinite(value)
        assert LOW[at] <= value <= HIGH[at]


def test_every_sentence_is_the_golden_one() -> None:
    lines = []
    for feature in FEATURES:
        middle = (feature.low + feature.high) / 2
        made = reason(feature, feature.low + 0.75 * (feature.high - feature.low), middle, feature.high, 1.0)
        lines.append(f"{feature.name} [{made.atlas}]: {made.text}\n")
    assert "".join(lines) == GOLDEN.read_text(encoding="utf-8"), "sentences changed: read them, then write the golden file anew"


def test_every_feature_says_why_and_names_a_technique() -> None:
    for feature in FEATURES:
        assert feature.why.endswith((".", ")."))
        assert feature.atlas.startswith("AML.T")
        assert all(slot in feature.sentence for slot in ("{value}", "{median}", "{p99}"))


def test_a_sorted_list_a_pace_and_a_scaffold_are_seen() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    ordered = [account(request_id=str(i), timestamp=START + 1800 * i, prompt=f"{letters[i // 4]}word{i} is what") for i in range(100)]
    shuffled = [account(request_id=str(i), timestamp=START + 1800 * i, prompt=f"{letters[i * 7 % 26]}word{i} is what") for i in range(100)]
    assert features(ordered)["list_order"] > 0.7 > 0.4 > features(shuffled)["list_order"]
    bursts = [each for day in range(5) for each in series(40 if day % 2 else 2, 60 * (day + 1))]
    bursts = [changed(each, {"timestamp": START + 86_400 * (at // 20) + at % 20}) for at, each in enumerate(bursts)]
    assert features(series(100, 900))["even_pace"] > 0.9
    assert features(bursts)["even_pace"] < features(series(100, 900))["even_pace"]
    scaffold = [
        account(request_id=str(i), timestamp=START + 600 * i, prompt=f"Tell me about word{i} in one line please") for i in range(60)
    ]
    assert features(scaffold)["near_repeats"] > 0.9
    assert features(series(60, 600))["near_repeats"] < 0.6


def test_content_far_from_the_traffic_class_is_seen() -> None:
    from siphonwatch.detector.scoring.population import Population

    part = columns(series(200, 60))
    rows = state.fold(part, np.arange(200) // 20, 10)
    population = Population()
    usual = View(rows)
    for _ in range(3):
        population.observe_content(usual)
    population.content[:2] = population.content[2]  # only the bare class has accounts here
    means = population.usual
    other = columns([account(request_id=str(i), timestamp=START + i, prompt=f"volcano magma lava crater {i}") for i in range(20)])
    strange = View(state.fold(other, np.zeros(20, dtype=np.int64), 1), means)
    assert strange.discrepancy[0] > View(rows, means).discrepancy.max() + 0.2
    assert View(rows).discrepancy.max() == 0


def test_turning_to_a_model_that_was_just_released_is_seen_and_trying_it_first_is_not() -> None:
    old, new = series(30, 600, model="old"), series(30, 600, model="new")
    later = [changed(each, {"timestamp": float(each.timestamp) + 40_000, "request_id": f"n{at}"}) for at, each in enumerate(new)]
    hashed = int(hash_strings(["new"])[0] >> np.uint64(32))
    for requests, wanted in ((old + later, True), (later, False), (old, False)):
        part = columns(requests)
        rows = state.fold(part, np.zeros(len(part), dtype=np.int64), 1)
        assert bool(View(rows, released=[hashed]).pivoted[0]) is wanted
        assert not View(rows).pivoted[0]


def test_a_model_is_released_only_when_it_comes_after_the_logs_beginning() -> None:
    day = 86_400
    requests = series(60, 1800, model="old") + [
        changed(each, {"timestamp": START + day + 1800 * at, "request_id": f"n{at}"}) for at, each in enumerate(series(40, 1, model="new"))
    ]
    requests.sort(key=lambda each: each.timestamp)
    engine = Engine(prior.load())
    engine.process(columns(requests))
    hashed = int(hash_strings(["new"])[0] >> np.uint64(32))
    assert engine.context.released == [hashed]
