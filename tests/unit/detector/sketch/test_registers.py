"""Registers count well enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from siphonwatch.detector.sketch import registers

hashes = np.random.Generator(np.random.PCG64(1)).integers(1, 2**63, 4000, dtype=np.uint64)


@pytest.mark.parametrize("distinct", [1, 10, 100, 500, 1500])
def test_linear_counting_is_within_a_few_percent(distinct: int) -> None:
    maps = np.zeros((1, 128), np.uint8)
    byte, mask = registers.bit(np.repeat(hashes[:distinct], 3), 1024, shift=3)
    np.bitwise_or.at(maps, (np.zeros(len(byte), int), byte), mask)
    assert registers.cardinality(maps)[0] == pytest.approx(distinct, rel=0.08, abs=1)


def test_a_full_map_answers_its_largest_value() -> None:
    assert registers.cardinality(np.full((1, 16), 255, np.uint8))[0] == pytest.approx(128 * np.log(128))


def test_bottom_k_keeps_the_smallest_distinct_values() -> None:
    owner = np.array([0, 0, 0, 0, 1, 1])
    kept = registers.bottom(owner, np.array([9, 3, 3, 7, 0, 5], np.uint32), 3, 2)
    assert kept.tolist() == [[3, 7], [5, 0], [0, 0]]
    assert registers.merge_bottom(kept[:1], np.array([[5, 9]], np.uint32)).tolist() == [[3, 5]]
    assert registers.merge_bottom(kept[:1], np.array([[3, 0]], np.uint32)).tolist() == [[3, 7]]


def test_sums_saturate() -> None:
    assert registers.add_saturating(np.array([250], np.uint8), np.array([10], np.uint8)).tolist() == [255]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_marked_samples_of_parts_merge_to_the_sample_of_the_whole(kind: type[np.unsignedinteger[Any]]) -> None:
    rng = np.random.Generator(np.random.PCG64(3))
    owner, hashes = rng.integers(0, 3, 4000), rng.integers(1, 700, 4000).astype(np.uint32) * np.uint32(6_000_011)
    marks = kind(1) << rng.integers(0, 8 * kind().itemsize, 4000).astype(kind)
    whole, union = registers.bottom_marked(owner, hashes, marks, 3, 20)
    merged = registers.bottom_marked(owner[:0], hashes[:0], marks[:0], 3, 20)
    for part in np.array_split(np.arange(4000), 7):
        merged = registers.merge_bottom_marked(*merged, *registers.bottom_marked(owner[part], hashes[part], marks[part], 3, 20))
    assert np.array_equal(merged[0], whole)
    assert np.array_equal(merged[1], union)
    for mine in range(3):
        distinct = np.unique(hashes[owner == mine])[:20]
        assert np.array_equal(whole[mine], distinct)
        held = [np.bitwise_or.reduce(marks[(owner == mine) & (hashes == each)]) for each in distinct]
        assert union[mine].tolist() == held
    assert len(set(union.ravel().tolist())) > 3


def test_a_marked_sample_of_many_owners_is_that_of_each() -> None:
    many, rng = 200_000, np.random.Generator(np.random.PCG64(4))
    owner, hashes = rng.integers(0, many, 9000), rng.integers(1, 2**32, 9000).astype(np.uint32)
    marks = np.uint16(1) << rng.integers(0, 16, 9000).astype(np.uint16)
    kept, union = registers.bottom_marked(owner, hashes, marks, many, 2)
    few, code = np.unique(owner, return_inverse=True)
    alone = registers.bottom_marked(code, hashes, marks, len(few), 2)
    assert np.array_equal(kept[few], alone[0])
    assert np.array_equal(union[few], alone[1])
    assert int((kept > 0).sum()) == int((alone[0] > 0).sum())


def test_a_marked_sample_merges_with_itself_and_with_nothing_to_itself() -> None:
    none = np.zeros((1, 4), np.uint32), np.zeros((1, 4), np.uint8)
    kept = registers.bottom_marked(np.zeros(3, np.int64), np.array([9, 9, 7], np.uint32), np.array([1, 128, 2], np.uint8), 1, 4)
    assert (kept[0].tolist(), kept[1].tolist()) == ([[7, 9, 0, 0]], [[2, 129, 0, 0]])
    for other in (kept, none):
        for left, right in ((kept, other), (other, kept)):
            again = registers.merge_bottom_marked(*left, *right)
            assert np.array_equal(again[0], kept[0])
            assert np.array_equal(again[1], kept[1])
