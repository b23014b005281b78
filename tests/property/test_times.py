"""Times in every writing say the same; the batch says what each alone says; what is no day and time is refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from siphonwatch.detector.request.times import EARLIEST, LATEST, all_epoch_ms, epoch_ms

MOMENTS = st.integers(EARLIEST // 1000, LATEST // 1000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ZONES = st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters)))
WRITINGS = [
    "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S UTC", "%Y-%m-%d %H:%M:%S+00", "%Y-%m-%dT%H:%M:%S,000", "%Y%m%dT%H%M%SZ",
    "%Y/%m/%d %H:%M:%S", "%d/%b/%Y:%H:%M:%S +0000", "[%d/%b/%Y:%H:%M:%S +0000]", "%a, %d %b %Y %H:%M:%S GMT", "%Y-%m-%d %H:%M:%S +0000 UTC",
    "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)",
]  # fmt: skip


@given(MOMENTS, st.sampled_from(WRITINGS))
def test_writings_in_utc(moment: datetime, writing: str) -> None:
    assert epoch_ms(moment.strftime(writing)) == int(moment.timestamp()) * 1000


@given(MOMENTS, ZONES)
def test_zones(moment: datetime, zone: timezone) -> None:
    there = moment.astimezone(zone)
    expected = int(moment.timestamp()) * 1000
    for writing in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z", "%a, %d %b %Y %H:%M:%S %z"):
        assert epoch_ms(there.strftime(writing)) == expected
    assert epoch_ms(there.isoformat()) == expected


@given(st.integers(EARLIEST, LATEST), st.sampled_from([1e-3, 1.0, 1e3, 1e6]))
def test_a_numbers_size_tells_its_unit(milliseconds: int, unit: float) -> None:
    number = milliseconds * unit
    assert abs(epoch_ms(number) - milliseconds) <= 1
    assert abs(epoch_ms(f"{number:.0f}") - milliseconds) <= 500
    assert abs(int(all_epoch_ms([number, 1.79e9])[0]) - milliseconds) <= 1


@given(st.lists(st.one_of(st.floats(9.4e8, 4.2e18), st.integers(10**8, 5 * 10**18)), min_size=1, max_size=5))
def test_a_batch_of_numbers_is_read_as_each_alone(numbers: list[float]) -> None:
    assert np.allclose(all_epoch_ms(numbers), [float(epoch_ms(number)) for number in numbers], rtol=1e-9, atol=1)


@given(
    st.lists(
        st.tuples(MOMENTS, st.sampled_from(["%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S+02:00", "%Y-%m-%dT%H:%MZ"])),
        min_size=1,
        max_size=5,
    )
)
def test_a_batch_of_strings_is_read_as_each_alone(given_: list[tuple[datetime, str]]) -> None:
    stamps = [moment.strftime(writing) for moment, writing in given_]
    assert all_epoch_ms(stamps).tolist() == [epoch_ms(stamp) for stamp in stamps]


@pytest.mark.parametrize(
    "text",
    [
        "2026-09-21",
        "20260921",
        "2026-W39-1",
        "now",
        "",
        "soon",
        "12:00:00",
        "2026-09-21T25:00:00Z",
        "2026-13-01T00:00:00Z",
        "1790000000x",
        "１７９００００００００",
        "true",
        "2026-09-21T14:13:20+99:00",
    ],
)
def test_what_is_no_day_and_time_is_refused(text: str) -> None:
    with pytest.raises((ValueError, TypeError)):
        epoch_ms(text)
    with pytest.raises((ValueError, TypeError)):
        all_epoch_ms([text])
