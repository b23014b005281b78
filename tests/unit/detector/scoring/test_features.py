"""Features point the right way, and their sentences read as they should."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import RequestBatch, batch, hash_strings
from siphonwatch.detector.request.request import Message, Parameters, Request, Usage
from siphonwatch.detector.scoring.features import DIRECTION, FEATURES, HIGH, LOW, NAMES, NEEDS_TEXT, POSITION, matrix
from siphonwatch.detector.sketch.fold import fold
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
    rows = fold(part, codes, len(names))
    return dict(zip(NAMES, matrix(View(rows))[0].tolist(), strict=True))


def series(count: int, every: float, **changes: object) -> list[Request]:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda"]
    made = []
    for at in range(count):
        text = f"{words[at % 11]} {words[at // 11 % 11]} number{at} thing"
        made.append(account(request_id=str(at), timestamp=START + at * every, **{"prompt": text, **changes}))
    return made


def conversation(turns: int, every: float, real: bool, billed: int = 100) -> list[Request]:
    """Each request goes on from the one before it; ``real`` says whether the turn before was sent, and ``billed`` what its answer took."""
    made = []
    for at in range(turns):
        before = f"subject {at - 1} of our long talk" if real else f"never sent {at} at all"
        turn = [Message("user", before), Message("assistant", f"well {at}"), Message("user", f"subject {at} of our long talk")]
        made.append(account(request_id=str(at), timestamp=START + at * every, prompt=None, messages=turn, usage=Usage(20 + billed, 100)))
    return made


def test_a_harvest_differs_from_repeated_demand_in_the_directed_sense() -> None:
    harvest = features(series(200, 900))
    repeated = features([account(request_id=str(i), timestamp=START + 900 * i, prompt=f"weather in town{i % 9} today") for i in range(200)])
    for name in ("new_text", "new_share", "new_volume", "never_repeats", "steady_new_volume", "steady_worth"):
        at = POSITION[name]
        assert DIRECTION[at] * (harvest[name] - repeated[name]) > 0, name


def test_even_hours_count_more_than_a_burst() -> None:
    even, burst = features(series(200, 900)), features(series(200, 1))
    assert burst["full_hours"] < even["full_hours"] - 3
    assert burst["round_the_clock"] < even["round_the_clock"]


def test_only_turns_that_were_sent_are_gone_on_from() -> None:
    real, invented = features(conversation(100, 600, real=True)), features(conversation(100, 600, real=False))
    assert real["resumed_volume"] > 3
    assert invented["resumed_volume"] < 0.5


def test_an_answer_before_is_real_as_far_as_it_is_billed_again() -> None:
    whole, half, none = (features(conversation(100, 600, real=True, billed=tokens))["resumed_volume"] for tokens in (100, 12, 0))
    assert whole > 3
    assert none == 0 < half < 0.75 * whole


def test_what_was_hung_up_on_carries_nothing() -> None:
    """It may cost nothing, and a client writes into it what it likes."""
    talk = conversation(100, 600, real=True, billed=0)
    before, _, now = talk[0].messages or ()
    long = [before, Message("assistant", "as I said " * 400), now]
    hung_up = [changed(each, {"request_id": f"h{each.request_id}", "messages": long, "status": 499, "usage": None}) for each in talk]
    assert features(talk)["resumed_volume"] == features(talk + hung_up)["resumed_volume"] == 0


def test_where_no_bill_is_told_an_answer_before_is_as_long_as_it_is_shown() -> None:
    dark = [changed(each, {"usage": None}) for each in conversation(100, 600, real=True)]
    assert features(dark)["resumed_volume"] == 0
    shown = []
    for each in dark:
        before, _, now = each.messages or ()
        shown.append(changed(each, {"messages": [before, Message("assistant", f"{now.content}: " * 40), now]}))
    assert features(shown)["resumed_volume"] > 3


def test_a_long_answer_is_as_many_as_it_holds() -> None:
    """So several questions in one request are no fewer."""
    one, five = series(200, 900, usage=Usage(20, 600)), series(40, 4500, usage=Usage(100, 3000))
    assert features(five)["volume"] == pytest.approx(np.log2(1 + 200 * 600 / 512))
    assert features(one)["volume"] == features(five)["volume"]
    assert features(series(200, 900))["volume"] == np.log2(201)


def test_an_answer_that_was_given_is_gone_on_from_too() -> None:
    def talk(told: str) -> list[Request]:
        turns = [[Message("user", "…"), Message("assistant", f"answer {at - 1}"), Message("user", f"and {at}?")] for at in range(80)]
        return [
            account(
                request_id=str(at), timestamp=START + 600 * at, prompt=None, messages=turn, response=told.format(at), usage=Usage(120, 100)
            )
            for at, turn in enumerate(turns)
        ]

    assert features(talk("answer {}"))["resumed_volume"] > 3 > 0.5 > features(talk("other {}"))["resumed_volume"]


AROUND = "This is a long and constant text that stands around each question and says nothing at all about it. " * 3


@pytest.mark.parametrize(
    "hidden",
    [
        lambda text: [Message("user", f"{AROUND}{text} {AROUND}")],
        lambda text: [Message("system", text), Message("user", "go on")],
        lambda text: [Message("user", text), Message("assistant", "Understood."), Message("user", "Please answer.")],
        lambda text: [Message("user", "next"), Message("assistant", "get()"), Message("tool", text)],
        lambda text: [Message("user", "Hi"), Message("assistant", "Hello!"), Message("user", text)],
    ],
    ids=["constant text", "system prompt", "constant last turn", "tool", "invented turns"],
)
def test_new_text_is_found_wherever_it_stands(hidden: Callable[[str], list[Message]]) -> None:
    plain = series(150, 900)
    moved = [changed(each, {"prompt": None, "messages": hidden(str(each.prompt))}) for each in plain]
    seen, found = features(plain), features(moved)
    for name in ("new_share", "new_volume", "steady_new_volume"):
        assert found[name] > 0.85 * seen[name], name


def test_one_text_billed_at_many_lengths_is_not_one_prompt() -> None:
    same = series(120, 900, prompt="Next")
    longer = [changed(each, {"usage": Usage(20 + at, 100)}) for at, each in enumerate(same)]
    assert features(same)["new_volume"] < 4 < 6 < features(longer)["new_volume"]


def test_what_is_declared_is_scaled_from_nothing_upwards() -> None:
    """So it can raise the odds and never lower them."""
    for feature in FEATURES:
        assert feature.forging
        if feature.cost == "declared":
            assert feature.scale == "absolute"
            assert feature.low == 0
            assert feature.direction == 1


def test_parameters_that_buy_more_are_seen() -> None:
    assert features(series(20, 600, parameters=Parameters(n=4)))["bought"] > 3
    assert features(series(20, 600, parameters=Parameters(temperature=0.0)))["bought"] == 0


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


def test_turning_to_a_model_that_was_just_released_is_seen_and_trying_it_first_is_not() -> None:
    old, new = series(30, 600, model="old"), series(30, 600, model="new")
    later = [changed(each, {"timestamp": float(each.timestamp) + 40_000, "request_id": f"n{at}"}) for at, each in enumerate(new)]
    hashed = int(hash_strings(["new"])[0] >> np.uint64(32))
    for requests, wanted in ((old + later, True), (later, False), (old, False)):
        part = columns(requests)
        rows = fold(part, np.zeros(len(part), dtype=np.int64), 1)
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
    engine.finish()
    hashed = int(hash_strings(["new"])[0] >> np.uint64(32))
    assert engine.context.released == [hashed]
