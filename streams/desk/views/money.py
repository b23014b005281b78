"""What was taken, before and after the flag, and what the answers would have cost."""

from __future__ import annotations

from dataclasses import dataclass

from siphonwatch.detector.judging.accounts import Facts


@dataclass(frozen=True, slots=True)
class Taken:
    """Of one span of time."""

    when: str
    requests: int
    tokens: int  # of answers
    cost: float  # by the price of the settings


def taken(known: Facts, price: float) -> list[Taken]:
    """Before the flag, since, and in all; ``price`` is that of a million tokens of answers."""
    in_all = Taken("in all", known.requests, known.tokens_out, known.tokens_out * price / 1e6)
    if known.requests_at_flag is None or known.tokens_out_at_flag is None:
        return [in_all]
    before = Taken("before the flag", known.requests_at_flag, known.tokens_out_at_flag, known.tokens_out_at_flag * price / 1e6)
    after = known.tokens_out - known.tokens_out_at_flag
    return [before, Taken("since", known.requests - known.requests_at_flag, after, after * price / 1e6), in_all]
