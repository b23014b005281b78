"""How accounts stand to their own rate limits, and how limits are worked around.

Read from the rings of a tick's panes, so that it is a function of the log: minutes at the limit, bursts that straddle a
window's edge (two windows' worth within one minute, which a fixed window lets through), and, over the accounts of a
campaign, minutes in which they together took more than one account may and refusals that a sibling took over. Being busy is no
offence: a verdict needs a habit, and the thresholds stand in :mod:`siphonwatch.detector.settings`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.sketch.row import MINUTES, TOKENS, minute_of_cell

Array = npt.NDArray[Any]

COST = "AML.T0034"  # Cost Harvesting
ACCOUNTS = "AML.T0021"  # Establish Accounts


@dataclass(frozen=True, slots=True)
class Sign:
    """One way of standing to a limit that a verdict may name."""

    name: str
    sentence: str  # with {count} minutes, edges or refusals, {limit} and {peak} a minute
    atlas: str


SIGNS: tuple[Sign, ...] = (
    Sign("hugging_requests", "worked within a tenth of its limit of {limit} requests in {count} minutes, {peak} at its peak", COST),
    Sign("hugging_tokens", "worked within a tenth of its limit of {limit} tokens in {count} minutes, {peak} at its peak", COST),
    Sign("window_edge", "put more than its limit of {limit} requests into one minute across {count} window edges, {peak} at most", COST),
    Sign("combined", "its accounts together took more than one account's {limit} requests in {count} minutes, {peak} at most", ACCOUNTS),
    Sign("hand_over", "another of its accounts took over after {count} of {peak} minutes with refusals by a limit of {limit}", ACCOUNTS),
)  # fmt: skip
HUGGING_REQUESTS, HUGGING_TOKENS, WINDOW_EDGE, COMBINED, HAND_OVER = range(len(SIGNS))
OWN = 3  # the first signs are an account's own; the others are a campaign's


class LimitReason(msgspec.Struct, frozen=True):
    """One sign's part in a verdict on limits."""

    sign: str
    count: int
    limit: int
    peak: int
    text: str
    atlas: str


class LimitVerdict(msgspec.Struct, frozen=True, tag_field="kind", tag="limits"):
    """An account or a campaign that makes a habit of standing at, or working around, its rate limits."""

    subject: str  # an account id, or a campaign's name
    campaign: str | None
    at: float  # event time of the judging, epoch seconds
    tick: int
    requests: int
    reasons: list[LimitReason]

    @property
    def id(self) -> str:
        """The same verdict, delivered twice, has the same id."""
        return f"limits:{self.tick}:{self.subject}"


def habits(counts: Array, peaks: Array, told: Array, settings: Settings) -> Array:
    """(N, signs) which signs are a habit by now and were not told of before.

    ``counts`` and ``peaks`` (N, signs) are summed and greatest over all ticks so far; bit i of ``told`` (N,) says that sign i was told.
    """
    width = counts.shape[1]
    least = np.array([settings.hugging_minutes, settings.hugging_minutes, settings.edges, settings.combined_minutes, settings.hand_overs])[
        :width
    ]
    found = (counts >= least) & ((told.astype(np.int64)[:, None] >> np.arange(width) & 1) == 0)
    if width > HAND_OVER:  # siblings are at work in many a minute anyway: nearly every refusal must have been taken over
        found[:, HAND_OVER] &= counts[:, HAND_OVER] >= settings.hand_over_share * peaks[:, HAND_OVER]
    result: Array = found
    return result


def reason(sign: int, count: int, limit: int, peak: int) -> LimitReason:
    """The sentence for one sign."""
    one = SIGNS[sign]
    text = one.sentence.format(count=f"{count:,}", limit=f"{limit:,}", peak=f"{peak:,}")
    return LimitReason(one.name, count, limit, peak, text, one.atlas)


def near(rows: Array, rpm: Array, tpm: Array) -> Array:
    """Positions of the rows that came anywhere near a limit: the others need no closer look.

    ``rpm`` and ``tpm`` (N,) are the accounts' limits, 0 where unknown: nothing is held against those.
    """
    busiest, spent = rows["minutes"].max(axis=1), rows["tokens"].max(axis=1).astype(np.int64) * TOKENS
    return np.flatnonzero(((rpm > 0) & (2 * busiest.astype(np.int64) > rpm)) | ((tpm > 0) & (10 * spent >= 9 * tpm)))


def own(rows: Array, rpm: Array, tpm: Array) -> tuple[Array, Array]:
    """(counts, peaks), each (N, OWN), of one tick's panes ``rows`` against the accounts' own limits (N,)."""
    counts, peaks = np.zeros((len(rows), OWN), np.int64), np.zeros((len(rows), OWN), np.int64)
    order = np.argsort(minute_of_cell(rows["minute"].astype(np.int64)), axis=1)  # oldest minute first
    requests, late, tokens = (np.take_along_axis(rows[name].astype(np.int64), order, axis=1) for name in ("minutes", "late", "tokens"))
    tokens *= TOKENS
    rpm, tpm = rpm.astype(np.int64)[:, None], tpm.astype(np.int64)[:, None]
    across = late[:, :-1] + requests[:, 1:] - late[:, 1:]
    fits = np.maximum(requests[:, :-1], requests[:, 1:]) <= rpm
    for sign, taken, at in (
        (HUGGING_REQUESTS, requests, (rpm > 0) & (10 * requests >= 9 * rpm)),
        (HUGGING_TOKENS, tokens, (tpm > 0) & (10 * tokens >= 9 * tpm)),
        (WINDOW_EDGE, across, (rpm > 0) & fits & (across > rpm)),
    ):
        counts[:, sign] = at.sum(axis=1)
        peaks[:, sign] = np.where(at, taken, 0).max(axis=1)
    return counts, peaks


def combined(rows: Array, limit: int) -> tuple[Array, Array]:
    """(counts, peaks), each (len(SIGNS),), of one tick's panes ``rows`` of a campaign's members, held against one account's limit.

    The limit is that of requests a minute, 0 where unknown. The peak of ``hand_over`` is the number of minutes with refusals.
    """
    counts, peaks = np.zeros(len(SIGNS), np.int64), np.zeros(len(SIGNS), np.int64)
    start = int(rows["minute"].max()) - MINUTES + 1
    requests, refused = np.zeros((len(rows), MINUTES + 1), np.int64), np.zeros((len(rows), MINUTES + 1), np.int64)
    minute = minute_of_cell(rows["minute"].astype(np.int64)) - start
    row, cell = np.nonzero(minute >= 0)
    requests[row, minute[row, cell]] = rows["minutes"][row, cell]
    refused[row, minute[row, cell]] = rows["refused"][row, cell]
    together = requests.sum(axis=0)
    if limit and len(rows) > 1:
        over = together > limit
        counts[COMBINED], peaks[COMBINED] = over.sum(), np.where(over, together, 0).max()
    turned_away = np.flatnonzero(refused.sum(axis=0)[:-1])
    for at in turned_away.tolist():
        before = requests[:, at - 1] if at else np.zeros(len(rows), np.int64)
        rose = (np.maximum(requests[:, at], requests[:, at + 1]) > before) & (refused[:, at] == 0)
        counts[HAND_OVER] += bool(rose.any())
    peaks[HAND_OVER] = len(turned_away)
    return counts, peaks
