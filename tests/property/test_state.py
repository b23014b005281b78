"""The algebra that everything rests on: folding in any split and order gives equal bytes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.request import Request
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.fold import fold as fold_batch

from tests.property.strategies import columns, owners, request

many = st.lists(request(), min_size=1, max_size=40)


def fold(requests: list[Request]) -> np.ndarray:
    return fold_batch(columns(requests), owners(requests), 3)


def same(left: np.ndarray, right: np.ndarray) -> None:
    assert left.tobytes() == right.tobytes()


@settings(max_examples=120, deadline=None)
@given(many, st.data())
def test_any_split_merged_in_any_order_equals_one_batch(requests: list[Request], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(requests))
    parts: list[list[Request]] = [[] for _ in range(data.draw(st.integers(1, 5)))]
    for each in shuffled:
        parts[data.draw(st.integers(0, len(parts) - 1))].append(each)
    rows = [fold(part) for part in data.draw(st.permutations(parts)) if part]
    merged = rows[0]
    for row in rows[1:]:
        merged = state.merge(merged, row)
    same(merged, fold(requests))


@settings(max_examples=60, deadline=None)
@given(many)
def test_event_by_event_equals_one_batch(requests: list[Request]) -> None:
    merged = state.empty(3)
    for each in requests:
        merged = state.merge(merged, fold([each]))
    same(merged, fold(requests))


@settings(max_examples=60, deadline=None)
@given(many, many, many)
def test_merge_is_associative_and_commutative_with_the_empty_row_as_neutral(a: list[Request], b: list[Request], c: list[Request]) -> None:
    x, y, z = fold(a), fold(b), fold(c)
    same(state.merge(state.merge(x, y), z), state.merge(x, state.merge(y, z)))
    same(state.merge(x, y), state.merge(y, x))
    same(state.merge(x, state.empty(3)), x)


@settings(max_examples=60, deadline=None)
@given(many, many, st.integers(0, 4), st.integers(-40, 4000))
def test_advancing_time_commutes_with_merge(a: list[Request], b: list[Request], generations: int, minutes: int) -> None:
    x, y = fold(a), fold(b)
    generation = np.maximum(x["generation"], y["generation"]).astype(np.int64) + generations
    minute = np.maximum(x["minute"], y["minute"]).astype(np.int64) + minutes

    def later(rows: np.ndarray) -> np.ndarray:
        return state.advance(rows, generation, minute)

    same(later(state.merge(x, y)), state.merge(later(x), later(y)))


@settings(max_examples=40, deadline=None)
@given(many)
def test_the_merge_of_some_accounts_is_the_fold_of_all_their_requests(requests: list[Request]) -> None:
    for whose in ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 2)):
        together = fold_batch(columns(requests), np.array(whose)[owners(requests)], max(whose) + 1)
        same(state.merge_runs(fold(requests), np.array(whose)), together)


@settings(max_examples=40, deadline=None)
@given(many)
def test_bytes_round_trip(requests: list[Request]) -> None:
    rows = fold(requests)
    packed = state.to_bytes(rows)
    assert {len(value) for value in packed} == {2 + state.ROW.itemsize}
    same(state.from_bytes(packed), rows)


def test_a_row_is_two_kibibytes_at_most() -> None:
    assert len(state.to_bytes(state.empty(1))[0]) <= 2048


def test_an_unknown_version_is_refused_with_what_to_do() -> None:
    packed = state.to_bytes(state.empty(1))[0]
    with pytest.raises(state.StateError, match=r"version 99, this siphonwatch reads version 7: start with an empty --prefix"):
        state.from_bytes([packed[:1] + bytes([99]) + packed[2:]])
    with pytest.raises(state.StateError, match="not a siphonwatch account state"):
        state.from_bytes([b"hello"])
    with pytest.raises(state.StateError, match="cut short"):
        state.from_bytes([packed[:-1]])


def test_counters_saturate_instead_of_wrapping() -> None:
    from siphonwatch.detector.request.request import Usage

    from tests.property.strategies import START

    requests = [Request(request_id=str(i), timestamp=START, account_id="a", model="m", usage=Usage(1, 2**31 - 1)) for i in range(5)]
    rows = fold(requests)
    total = rows["slots"]["counters"][0, :, state.COUNTER["tokens_out"]].max()
    assert total == 2**32 - 1
    same(state.merge(fold(requests[:2]), fold(requests[2:])), rows)
