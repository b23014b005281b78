"""The hash of one name, without pandas: what a program that only asks about names needs of :mod:`siphonwatch.detector.request.columns`."""

from __future__ import annotations

from siphash24 import siphash24

_PANDAS_KEY = b"0123456789123456"
_WIDE = 2**64 - 1


def name_hash(name: str) -> int:
    """What ``hash_strings`` makes of it: SipHash-2-4 with pandas' public key, and pandas' mixing after it; 0 for ''."""
    if not name:
        return 0
    mixed: int = siphash24(name.encode(), key=_PANDAS_KEY).intdigest() & _WIDE
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WIDE
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WIDE
    return mixed ^ mixed >> 31


def model_mark(model: str) -> int:
    """The 32 bits by which the judging's context knows a model."""
    return name_hash(model) >> 32
