"""The mergeable registers an account's state is made of: bit maps that count distinct things, and bottom-k samples.

Every register is an integer array with a merge that is associative, commutative and has zero as its neutral element, so
that equal events give equal bytes whatever their order and however they were split.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

_POPCOUNT = np.array([bin(byte).count("1") for byte in range(256)], dtype=np.uint8)


def bit(hashes: Array, bits: int, shift: int = 0) -> tuple[Array, Array]:
    """(byte, mask within the byte) that each hash sets in a map of ``bits`` bits."""
    position = (hashes >> np.uint64(shift)).astype(np.uint64) % np.uint64(bits)
    return (position >> np.uint64(3)).astype(np.int64), np.uint8(1) << (position & np.uint64(7)).astype(np.uint8)


def cardinality(maps: Array) -> Array:
    """How many distinct hashes set the bits of each row of ``maps`` (N, bytes): linear counting.

    Whang, Vander-Zanden and Taylor 1990. The relative error is under 5 % up to two hashes a bit; a full map answers
    with bits * ln(bits), its largest value.
    """
    bits = maps.shape[-1] * 8
    unset = bits - _POPCOUNT[maps].sum(axis=-1, dtype=np.int64)
    result: Array = bits * np.log(bits / np.maximum(unset, 1))
    return result


def _lowest(owner: Array, hashes: Array, keep: int) -> tuple[Array, Array, Array]:
    """The ``keep`` smallest distinct non-zero hashes of each owner: (owner, rank among the owner's, hash)."""
    present = hashes != 0
    keys = owner.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= hashes
    if not bool(present.all()):
        keys = keys[present]
    keys.sort(kind="stable")  # owners mostly come in their order already, which this sort makes use of; ``np.unique`` is slower still
    keys = keys[changes(keys)]
    row = (keys >> np.uint64(32)).astype(np.int64)
    rank = _rank(row)
    low = np.flatnonzero(rank < keep)
    return row[low], rank[low], keys[low].astype(np.uint32)


def _rank(row: Array) -> Array:
    """(N,) the place of each in its run of equal ``row``."""
    first = np.flatnonzero(changes(row))
    result: Array = np.arange(len(row)) - np.repeat(first, np.diff(first, append=len(row)))
    return result


def changes(values: Array) -> Array:
    """(N,) where a value is another than the one before it."""
    changes = np.ones(len(values), dtype=bool)
    np.not_equal(values[1:], values[:-1], out=changes[1:])
    return changes


def bottom(owner: Array, hashes: Array, rows: int, keep: int) -> Array:
    """(rows, keep) the ``keep`` smallest distinct non-zero hashes of each owner, ascending, zeros after them.

    A bottom-k sample (Cohen and Kaplan 2007): two accounts that share few of many values likely share a kept one,
    as every account keeps by the same order.
    """
    kept = np.zeros((rows, keep), dtype=np.uint32)
    row, rank, lowest = _lowest(owner, hashes, keep)
    kept[row, rank] = lowest
    return kept


def merge_bottom(left: Array, right: Array) -> Array:
    """Bottom-k samples (N, k) of the unions."""
    keep = left.shape[-1]
    absent = np.uint64(1) << np.uint64(32)
    both = np.concatenate([left, right], axis=-1).astype(np.uint64)
    both[both == 0] = absent
    both.sort(axis=-1)
    both[..., 1:][both[..., 1:] == both[..., :-1]] = absent
    both.sort(axis=-1)
    kept = both[..., :keep]
    result: Array = np.where(kept == absent, np.uint64(0), kept).astype(np.uint32)
    return result


def bottom_marked(owner: Array, hashes: Array, marks: Array, rows: int, keep: int) -> tuple[Array, Array]:
    """(rows, keep) as :func:`bottom`, and the union of the ``marks`` (uint8 or uint16 bits) that each kept hash was offered with.

    A hash that is among the smallest of a whole was among the smallest of each of its parts, so its marks are complete however
    the whole was split.
    """
    width, kind = np.uint64(8 * marks.itemsize), marks.dtype
    if rows > 1 << (32 - int(width)):  # a key has no room for so many
        half = rows // 2
        first, last = np.flatnonzero(owner < half), np.flatnonzero(owner >= half)
        parts = ((owner[first], hashes[first], marks[first], half), (owner[last] - half, hashes[last], marks[last], rows - half))
        halves = [bottom_marked(*part, keep) for part in parts]
        return np.concatenate([kept for kept, _ in halves]), np.concatenate([marked for _, marked in halves])
    kept, marked = np.zeros((rows, keep), np.uint32), np.zeros((rows, keep), kind)
    keys = owner.astype(np.uint64)
    keys <<= np.uint64(32)
    keys |= hashes
    keys <<= width
    keys |= marks
    keys = keys[hashes != 0]
    if not len(keys):
        return kept, marked
    keys.sort(kind="stable")
    whole = keys >> width
    first = np.flatnonzero(changes(whole))
    whole, union = whole[first], np.bitwise_or.reduceat(keys.astype(kind), first)
    row = (whole >> np.uint64(32)).astype(np.int64)
    rank = _rank(row)
    low = np.flatnonzero(rank < keep)
    kept[row[low], rank[low]], marked[row[low], rank[low]] = whole[low].astype(np.uint32), union[low]
    return kept, marked


def merge_bottom_marked(left: Array, left_marks: Array, right: Array, right_marks: Array) -> tuple[Array, Array]:
    """Bottom-k samples (N, k) of the unions, and the unions of their marks."""
    keep = left.shape[-1]
    width, kind = np.uint64(8 * left_marks.itemsize), left_marks.dtype
    absent, marks = np.uint64(1) << (width + np.uint64(32)), np.uint64(np.iinfo(kind).max)
    both = np.concatenate([left, right], axis=-1).astype(np.uint64) << width
    both |= np.concatenate([left_marks, right_marks], axis=-1)
    both[both == 0] = absent
    both.sort(axis=-1)
    twice = (both[..., 1:] >> width) == (both[..., :-1] >> width)
    twice &= both[..., 1:] != absent
    both[..., :-1] |= np.where(twice, both[..., 1:] & marks, np.uint64(0))
    both[..., 1:][twice] = absent
    both.sort(axis=-1)
    kept = both[..., :keep]
    kept = np.where(kept == absent, np.uint64(0), kept)
    return (kept >> width).astype(np.uint32), (kept & marks).astype(kind)


def add_saturating(left: Array, right: Array) -> Array:
    """Unsigned sums that stop at the type's largest value: still associative, and never wrapping."""
    total = left + right
    result: Array = np.where(total < left, np.array(np.iinfo(left.dtype).max, left.dtype), total)
    return result


def narrow(counts: Array, dtype: npt.DTypeLike) -> Array:
    """Non-negative counts cut off at ``dtype``'s largest value."""
    return np.minimum(counts, np.iinfo(np.dtype(dtype)).max).astype(dtype)


def spread(numbers: Array) -> Array:
    """Numbers that follow each other, as hashes that do not (Fibonacci hashing; Knuth 1973)."""
    mixed = numbers.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    result: Array = (mixed ^ (mixed >> np.uint64(32))) | np.uint64(1)
    return result
