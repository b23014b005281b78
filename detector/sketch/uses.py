"""What a shingle of an account's text was used for: a byte that merges by union.

A bit for the moment that asked with it, one of so many; one where it stood aside, in the client's turns before or in what tools are to be
like; and one where it stood in an answer. What is sent again as the conversation so far was not asked again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.fingerprint import ANSWERED, ASIDE, NOW
from siphonwatch.detector.sketch.registers import spread

Array = npt.NDArray[Any]

ASKED = 6  # moments that are told apart
STOOD_ASIDE, WAS_ANSWER = np.uint8(1 << ASKED), np.uint8(2 << ASKED)
_MANY = 20  # requests that are taken to have used what all moments asked with


def uses(time: Array, stood: Array) -> Array:
    """(N, k) uint8 uses of shingles that ``stood`` (N, k) so in requests at ``time`` (N,) ms, which no client chooses as it does ids."""
    moment = (spread(time) >> np.uint64(16)) % np.uint64(ASKED)
    asked = (np.uint8(1) << moment.astype(np.uint8))[:, None]
    result: Array = np.where(stood & NOW, asked, np.uint8(0))
    result |= np.where(stood & ASIDE, STOOD_ASIDE, np.uint8(0))
    result |= np.where(stood & ANSWERED, WAS_ANSWER, np.uint8(0))
    return result


def _requests() -> Array:
    """(256,) uses -> how many requests asked with it, by linear counting; one where it only stood aside, none in answers."""
    asked = [bin(bits & (int(STOOD_ASIDE) - 1)).count("1") for bits in range(256)]
    counts = [_MANY if bits == ASKED else round(ASKED * np.log(ASKED / (ASKED - bits))) for bits in asked]
    return np.array([max(count, bits & int(STOOD_ASIDE) > 0) for bits, count in enumerate(counts)], dtype=np.uint8)


REQUESTS = _requests()


def asked_with(used: Array) -> Array:
    """Whether any moment asked with a shingle."""
    result: Array = used % STOOD_ASIDE > 0
    return result
