"""What an answer took, by which its request speaks: next to nothing, little, or enough to be worth asking for.

A request that takes nothing costs nothing, so it may excuse nobody: a question sent again for one token is no repeat, and a hundred
greetings are no small talk. Answers come in classes, and registers that others are set against are kept by class. The lowest classes do not
count where together they took a small share of an account's tokens; where short answers are what an account lives by, all count.
Whoever wants a request to count has to take so many more tokens.

Where the log tells of no tokens, a client may have chosen so: it hung up, or streamed without usage. What that took is *untold*. It may be
a harvest's answer or nothing at all, so it speaks only where that is against the account: its text is asked for, and excuses nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.columns import HUNG_UP
from siphonwatch.detector.sketch.registers import spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from siphonwatch.detector.request.columns import RequestBatch

Array = npt.NDArray[Any]

MOST = {"brief": 16, "short": 128}  # class of answers -> its tokens at most; what is longer is full
CLASSES = len(MOST) + 1
SHARE = 0.2  # of an account's tokens: a class below which less was taken does not count
UNTOLD = 256  # tokens that an untold answer is taken for: about the middle of full ones
BRIEF_EACH = 64  # of the brief requests one in so many is counted among those by which accounts are likened and hours are busy
BY_CLASS = ("counted", "tokens_out", "log_out", "cut")  # counters that are kept for each of the lower classes beside the whole


def lower(name: str) -> list[str]:
    """The names of a counter's parts in the lower classes, the lowest first."""
    return [f"{name}_{each}" for each in MOST]


def hung_up(batch: RequestBatch) -> Array:
    """(N,) whether the client hung up, and nothing is told of an answer: it may have been billed for the question alone, or for nothing."""
    result: Array = (batch.status == HUNG_UP) & (batch.tokens_out == 0)
    return result


def untold(batch: RequestBatch) -> Array:
    """(N,) whether the log does not tell what was taken."""
    result: Array = batch.answered & (((batch.tokens_in == 0) & (batch.tokens_out == 0)) | hung_up(batch))
    return result


def classes(batch: RequestBatch) -> Array:
    """(N,) the class of each answer, 0 for the briefest; the highest where it is untold."""
    found = np.searchsorted(list(MOST.values()), batch.tokens_out, "left")
    result: Array = np.where(untold(batch), CLASSES - 1, found)
    return result


def _sampled(batch: RequestBatch) -> Array:
    """(N,) one request in ``BRIEF_EACH``, by its very time, which no client chooses."""
    result: Array = (spread(batch.time) >> np.uint64(16)) % np.uint64(BRIEF_EACH) == 0
    return result


def counted(batch: RequestBatch, answer: Array) -> Array:
    """(N,) whether a request of ``answer`` (N,) classes is counted: of the brief ones those that are sampled.

    So a burst of greetings makes no hour a busy one, and small talk of its own does not tell one account of a hydra from another.
    """
    result: Array = batch.answered & ((answer > 0) | _sampled(batch))
    return result


def timed(batch: RequestBatch, counts: Array) -> Array:
    """(N,) which of the counted requests, ``counts`` (N,), make an hour a busy one: of what was hung up on those that are sampled."""
    result: Array = counts & (~hung_up(batch) | _sampled(batch))
    return result


def least(count: Callable[[str], Array], each_untold: int) -> Array:
    """(N,) the lowest class that counts of each account, whose counters ``count`` tells, if untold answers took ``each_untold`` tokens."""
    left, tokens = count("counted"), count("tokens_out") + each_untold * count("untold")
    below, result = np.zeros_like(tokens), np.zeros(len(tokens), np.int64)
    for number, (took, asked) in enumerate(zip(lower("tokens_out"), lower("counted"), strict=True), 1):
        below, left = below + count(took), left - count(asked)
        result[(below <= SHARE * tokens) & (tokens > 0) & (left > 0)] = number
    return result
