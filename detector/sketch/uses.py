"""What a shingle of an account's text was used for: two bytes that merge by union.

For each class of answers (:mod:`siphonwatch.detector.sketch.taken`) a bit for the moment that asked with it, one of so many; one where a
request asked with it whose answer is untold; one where it stood aside, in the client's turns before or in what tools are to be like; and
one where it stood in an answer. What is sent again as the conversation so far was not asked again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.fingerprint import ANSWERED, ASIDE, NOW
from siphonwatch.detector.sketch.registers import spread

Array = npt.NDArray[Any]

MOMENTS = (3, 5, 5)  # that are told apart, in each class
_FIRST = np.cumsum((0, *MOMENTS))  # bit of each class, and of what follows them
ASKED_UNTOLD, STOOD_ASIDE, WAS_ANSWER = (np.uint16(1 << (_FIRST[-1] + place)) for place in range(3))
_MANY = 20  # requests that are taken to have used what all moments asked with


def uses(time: Array, answer: Array, untold: Array, stood: Array) -> Array:
    """(N, k) uint16 uses of shingles that ``stood`` (N, k) so in requests at ``time`` (N,) ms, of ``answer`` (N,) classes or ``untold``.

    The time is what no client chooses, as it does ids.
    """
    moment = (spread(time) >> np.uint64(16)) % np.array(MOMENTS, np.uint64)[answer]
    asked = np.uint16(1) << (moment.astype(np.int64) + _FIRST[answer]).astype(np.uint16)
    asked = np.where(untold, ASKED_UNTOLD, asked)[:, None]
    result: Array = np.where(stood & NOW, asked, np.uint16(0))
    result |= np.where(stood & ASIDE, STOOD_ASIDE, np.uint16(0))
    result |= np.where(stood & ANSWERED, WAS_ANSWER, np.uint16(0))
    return result


def _requests() -> Array:
    """(classes, 65536) least class that counts, uses -> how many requests asked with it, by linear counting."""
    every, counts = np.arange(1 << 16), []
    for first, cells in zip(_FIRST, MOMENTS, strict=False):
        bits = (every >> first) & ((1 << cells) - 1)
        table = [_MANY if set_ == cells else round(cells * np.log(cells / (cells - set_))) for set_ in range(cells + 1)]
        counts.append(np.array(table)[[bin(each).count("1") for each in range(1 << cells)]][bits])
    return np.array([sum(counts[least:]) for least in range(len(MOMENTS))], dtype=np.uint8)


_REQUESTS = _requests()
_ASKED = np.array([(1 << _FIRST[-1]) - (1 << first) for first in _FIRST[:-1]], dtype=np.uint16) | ASKED_UNTOLD


def asked_with(used: Array, heard: Array) -> Array:
    """(N, k) whether any request asked with each shingle, of the classes from ``heard`` (N,) on or untold."""
    result: Array = (used & _ASKED[heard][:, None]) > 0
    return result


def requests(used: Array, least: Array, heard: Array) -> Array:
    """(N, k) uint8 how many requests asked with each shingle; of what only stood in answers none.

    Those of the classes from ``least`` (N,) on are counted. What others asked with that are ``heard`` (N,), what was untold and what stood
    aside is once in all.
    """
    once = asked_with(used, heard) | (used & STOOD_ASIDE > 0)
    result: Array = np.maximum(_REQUESTS[least[:, None], used], once)
    return result
