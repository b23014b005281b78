"""What an answer took, by which its request speaks: next to nothing, little, or enough to be worth asking for.

A request that takes nothing costs nothing, so it may excuse nobody: a question sent again for one token is no repeat, and a hundred
greetings are no small talk. Answers come in classes, and registers that others are set against are kept by class. The lowest classes do not
count where together they took a small share of an account's tokens; where short answers are what an account lives by, all count.
Whoever wants a request to count has to take so many more tokens.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch.registers import spread

if TYPE_CHECKING:
    from collections.abc import Callable

    from siphonwatch.detector.request.columns import RequestBatch

Array = npt.NDArray[Any]

MOST = {"brief": 16, "short": 128}  # class of answers -> its tokens at most; what is longer is full
CLASSES = len(MOST) + 1
SHARE = 0.2  # of an account's tokens: a class below which less was taken does not count
BRIEF_EACH = 64  # of the brief requests one in so many is counted among those by which accounts are likened and hours are busy
BY_CLASS = ("counted", "tokens_out", "log_out", "cut")  # counters that are kept for each of the lower classes beside the whole


def lower(name: str) -> list[str]:
    """The names of a counter's parts in the lower classes, the lowest first."""
    return [f"{name}_{each}" for each in MOST]


def classes(batch: RequestBatch) -> Array:
    """(N,) the class of each answer, 0 for the briefest; the highest where the log tells of no tokens."""
    found = np.searchsorted(list(MOST.values()), batch.tokens_out, "left")
    result: Array = np.where(batch.tokens_in + batch.tokens_out > 0, found, CLASSES - 1)
    return result


def counted(batch: RequestBatch, answer: Array) -> Array:
    """(N,) whether a request of ``answer`` (N,) classes is counted: of the brief ones some, by their very time, which no client chooses.

    So a burst of greetings makes no hour a busy one, and small talk of its own does not tell one account of a hydra from another.
    """
    some = (spread(batch.time) >> np.uint64(16)) % np.uint64(BRIEF_EACH) == 0
    result: Array = batch.answered & ((answer > 0) | some)
    return result


def least(count: Callable[[str], Array]) -> Array:
    """(N,) the lowest class that counts of each account, whose counters ``count`` tells.

    Where the log tells of no tokens, a full answer is taken to have those that it has at least: a client may choose that they are not told.
    """
    left = count("counted")
    full = left - sum(count(each) for each in lower("counted"))
    told = sum(count(each) for each in lower("tokens_out"))
    tokens = np.maximum(count("tokens_out"), told + full * (max(MOST.values()) + 1))
    below, result = np.zeros_like(tokens), np.zeros(len(tokens), np.int64)
    for number, (took, asked) in enumerate(zip(lower("tokens_out"), lower("counted"), strict=True), 1):
        below, left = below + count(took), left - count(asked)
        result[(below <= SHARE * tokens) & (tokens > 0) & (left > 0)] = number
    return result
