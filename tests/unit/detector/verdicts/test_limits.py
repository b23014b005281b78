"""Who stands at a limit, straddles its windows, or works around it with siblings; and who is merely busy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, Usage, epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.verdicts import limits
from siphonwatch.detector.verdicts.limits import LimitVerdict
from siphonwatch.streams.common import prior

START = 1_790_000_000 // 900 * 900
GOLDEN = Path(__file__).with_name("limits.golden.txt")
SOON = replace(DEFAULT, hugging_minutes=20, edges=8, combined_minutes=10, hand_overs=8)


def request(account: str, at: float, status: int = 200, tokens: int = 40, rpm: int = 10, tpm: int | None = None) -> Request:
    return Request(f"{account}{at}", START + at, account, "m", rate_limit_rpm=rpm, rate_limit_tpm=tpm, prompt=f"{account} {at}",
                   usage=Usage(10, tokens), status=status)  # fmt: skip


def judged(requests: list[Request]) -> list[LimitVerdict]:
    engine, found = Engine(prior.load(), SOON), []
    ordered = sorted(requests, key=lambda each: each.timestamp)
    for start in range(0, len(ordered), 100):
        part = ordered[start : start + 100]
        found += engine.process(batch(part, [epoch_ms(each.timestamp) for each in part]))[1]
    return [one for one in found + engine.finish() if isinstance(one, LimitVerdict)]


def signs(found: list[LimitVerdict]) -> list[tuple[str, str]]:
    return [(one.subject, reason.sign) for one in found for reason in one.reasons]


def test_an_hour_at_the_limit_is_hugging_and_told_once() -> None:
    steady = [request("hugs", 60 * minute + 6 * at) for minute in range(60) for at in range(10)]
    idle = [request("idles", 60 * minute + 20 * at) for minute in range(60) for at in range(3)]
    found = judged(steady + idle)
    assert signs(found) == [("hugs", "hugging_requests")]
    assert found[0].reasons[0].count >= 20
    assert found[0].reasons[0].peak == 10


def test_tokens_count_as_requests_do() -> None:
    large = [request("large", 60 * minute + 20 * at, tokens=3200, tpm=10_000) for minute in range(40) for at in range(3)]
    assert signs(judged(large)) == [("large", "hugging_tokens")]


def test_bursts_that_straddle_the_window_are_told_from_bursts_inside_it() -> None:
    straddling = [request("edge", 120 * pair + 52 + at) for pair in range(20) for at in range(16)]
    inside = [request("inside", 120 * pair + 10 + at) for pair in range(20) for at in range(8)]
    assert signs(judged(straddling + inside)) == [("edge", "window_edge")]
    assert judged([request("free", each.timestamp - START, rpm=0) for each in straddling]) == []


def rows(requests: list[Request]) -> np.ndarray:
    from siphonwatch.detector.sketch.fold import fold

    names = sorted({each.account_id for each in requests})
    owner = np.array([names.index(each.account_id) for each in requests])
    return fold(batch(requests, [epoch_ms(each.timestamp) for each in requests]), owner, len(names))


def test_members_are_held_together_against_one_accounts_limit() -> None:
    three = [request(f"m{member}", 60 * minute + 6 * at + member) for member in range(3) for minute in range(14) for at in range(6)]
    counts, peaks = limits.combined(rows(three), 10)
    assert counts[limits.COMBINED] == 14
    assert peaks[limits.COMBINED] == 18
    two = [each for each in three if each.account_id == "m0"]
    assert limits.combined(rows(two), 10)[0].sum() == 0


def test_a_refusal_that_a_sibling_takes_over_is_a_hand_over() -> None:
    refused = [request("a", 120 * pair + 5, status=429) for pair in range(6)]
    sibling = [request("b", 120 * pair + 20 + at) for pair in range(6) for at in range(3)]
    counts, peaks = limits.combined(rows(refused + sibling), 10)
    assert counts[limits.HAND_OVER] == peaks[limits.HAND_OVER] == 6
    counts, _ = limits.combined(rows([*refused, request("b", 0)]), 10)
    assert counts[limits.HAND_OVER] <= 1


def test_every_sentence_on_limits_is_the_golden_one() -> None:
    lines = [f"{one.name} [{one.atlas}]: {limits.reason(sign, 1234, 60, 2345).text}\n" for sign, one in enumerate(limits.SIGNS)]
    assert "".join(lines) == GOLDEN.read_text(encoding="utf-8")
