"""Small things of every kind that stores, sources and sinks pass on."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.verdicts.account import Reason, Verdict
from siphonwatch.detector.verdicts.campaign import CampaignVerdict
from siphonwatch.detector.verdicts.finding import Finding
from siphonwatch.detector.verdicts.limits import LimitVerdict, reason
from siphonwatch.streams.common.deadletters import DeadLetter

Array = npt.NDArray[Any]
START = 1_790_000_000.0
PATIENCE = 60.0  # seconds: how long a slow machine may take for what an idle one does in one


def rows(count: int) -> Array:
    """(count,) rows of an account's state that differ."""
    made = state.empty(count)
    made["generation"] = np.arange(1, count + 1)
    return made


def ids(*values: int) -> Array:
    """Hashes of request ids."""
    return np.array(values, dtype=np.uint64)


def verdict(account: str) -> Verdict:
    """An account that is blocked."""
    return Verdict(account, "block", "clear", 0.9, 2.2, START, 5, START, 10, 4, 100, 40, None, [])


def findings() -> list[Finding]:
    """One of each kind, with reasons in words that need care: quotes, a line's end, other scripts."""
    why = Reason("varied_asks", 7.2, 1.0, 4.0, 2.1, 'asked "what is …?"\n— 146 times, 灯台', "AML.T0024.002")
    group = CampaignVerdict(
        "campaign-2", "block", "throttle", 0.98, 3.9, START, 8, START - 900, 2, ["acct_1", "acct_2"], {"payment": 5.0},
        "the same payment", 122, 8000, [why],
    )  # fmt: skip
    limited = LimitVerdict("acct_3", None, START, 8, 61, [reason(0, 140, 60, 60)])
    return [Verdict("acct_1", "throttle", "clear", 0.81, 1.45, START, 7, START, 61, 61, 4000, 4000, "campaign-2", [why]), group, limited]


def letters(count: int) -> list[DeadLetter]:
    """Refused records."""
    return [DeadLetter("not_json", "the record is not one JSON object in UTF-8", "requests", 0, number, 12) for number in range(count)]


def comes_true(condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true while a slow machine may take its time."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        if condition():
            return True
        time.sleep(0.02)
    return False
