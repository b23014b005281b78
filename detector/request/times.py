"""Event times as logs write them: epoch numbers in any unit, RFC 3339, ISO 8601, RFC 1123, the common log format, BigQuery's ``UTC``.

A number's unit is told by its size: the years 2000 to 2100 in seconds, milliseconds, microseconds and nanoseconds do not overlap. A time
without a zone is UTC. A bare date is no time: which of the day's 86,400 seconds it means decides what is judged together.
"""

from __future__ import annotations

import math
import re
from calendar import month_abbr
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import numpy as np
import numpy.typing as npt

EARLIEST, LATEST = 946_684_800_000, 4_102_444_800_000  # 2000 and 2100 in ms
UNITS = (1e3, 1.0, 1e-3, 1e-6)  # milliseconds in one second, millisecond, microsecond, nanosecond
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"\s*([0-9]{9,19}(\.[0-9]*)?|[0-9](\.[0-9]+)?[eE]\+?(9|1[0-9]))\s*")
_ISO = re.compile(
    r"(\d{4}[-/]?\d\d[-/]?\d\d)[Tt ](\d\d:?\d\d(?::?\d\d)?)(?:[.,](\d+))? ?(Z|z|UTC|GMT|[+-]\d\d(?::?\d\d)?(?: ?UTC)?)?", re.ASCII
)
_CLF = re.compile(r"\[?(\d\d)/([A-Z][a-z][a-z])/(\d{4}):(\d\d:\d\d:\d\d)(?:\.\d+)? ([+-]\d{4})\]?", re.ASCII)
_MONTHS = dict(zip(month_abbr, range(13), strict=True))


def epoch_ms(timestamp: float | str) -> int:
    """Event time in milliseconds since the epoch; ``ValueError`` where it is no time at all."""
    if isinstance(timestamp, str):
        return round(_scaled(float(timestamp))) if _NUMBER.fullmatch(timestamp) else _written(timestamp)
    return round(_scaled(timestamp))


def all_epoch_ms(timestamps: Sequence[float | str]) -> npt.NDArray[Any]:
    """:func:`epoch_ms` of many at once, all numbers or all ISO strings; ``ValueError`` or ``TypeError`` where they are not."""
    if timestamps and isinstance(timestamps[0], str):
        if not all(isinstance(stamp, str) and len(stamp) > 15 and stamp[10] in "Tt " for stamp in timestamps):
            raise ValueError("not every timestamp is a day and a time")
        import pandas as pd  # half a second: only for who reads logs

        nanoseconds: npt.NDArray[Any] = pd.to_datetime(list(timestamps), utc=True, format="ISO8601").as_unit("ns").asi8
        return nanoseconds // 1_000_000
    stamps = np.array(timestamps, dtype=np.float64)
    if not bool(np.isfinite(stamps).all()):
        raise ValueError("a timestamp is not finite")
    rounded: npt.NDArray[Any] = np.rint(in_seconds(stamps) * 1000.0)
    return rounded


def in_seconds(numbers: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Numbers of any unit in seconds; those that are no time in any stay as they are."""
    if not bool((numbers > LATEST / 1e3).any()):
        return numbers
    for unit in UNITS[1:]:
        milliseconds = numbers * unit
        numbers = np.where((milliseconds >= EARLIEST) & (milliseconds <= LATEST), milliseconds / 1e3, numbers)
    return numbers


def _scaled(number: float) -> float:
    """Milliseconds of a number whose unit its size tells; seconds where it is none of them, for the caller to refuse."""
    if not math.isfinite(number):
        raise ValueError("a time must be finite")
    return next((number * unit for unit in UNITS if EARLIEST <= number * unit <= LATEST), number * 1e3)


def _written(text: str) -> int:
    text = text.strip()
    if found := _ISO.fullmatch(text):
        day, clock, fraction, zone = found.groups()
        day = day.replace("/", "-")
        stamp = datetime.fromisoformat(f"{day}T{clock}" + (f".{(fraction + '00000')[:6]}" if fraction else ""))
        return _milliseconds(stamp) - _offset(zone)
    if found := _CLF.fullmatch(text):
        day, month, year, clock, zone = found.groups()
        stamp = datetime.fromisoformat(f"{year}-{_MONTHS.get(month, 0):02d}-{day}T{clock}")
        return _milliseconds(stamp) - _offset(zone)
    if text[:3].isalpha():
        stamp = parsedate_to_datetime(text.replace("GMT+", "+").replace("GMT-", "-"))  # RFC 1123 and its elders; browsers write GMT+0200
        return _milliseconds(stamp.astimezone(UTC).replace(tzinfo=None) if stamp.tzinfo else stamp)
    raise ValueError("not a time in any writing known")


def _milliseconds(stamp: datetime) -> int:
    return (stamp.replace(tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)


def _offset(zone: str | None) -> int:
    if not zone or zone[0] not in "+-":
        return 0
    digits = zone[1:].replace(":", "").removesuffix("UTC").strip().ljust(4, "0")
    minutes = int(digits[:2]) * 60 + int(digits[2:])
    if minutes >= 24 * 60:
        raise ValueError("a zone is less than a day away")
    return (1 if zone[0] == "+" else -1) * minutes * 60_000
