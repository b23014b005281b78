"""Sums over the columns of a matrix, each row by itself and always in the same order.

NumPy adds up a row alone in another order than the same row among others, and the last bit may differ; here it must not, as accounts are
scored together in whatever company their shards have.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def row_sums(matrix: Array) -> Array:
    """(N,) sums of the rows of ``matrix`` (N, F), column after column."""
    total = np.zeros(len(matrix))
    for column in range(matrix.shape[1]):
        total += matrix[:, column]
    return total


def squared_distances(left: Array, right: Array) -> Array:
    """(N, M) squared distances between the rows of ``left`` (N, F) and of ``right`` (M, F)."""
    total = np.zeros((len(left), len(right)))
    for column in range(left.shape[1]):
        total += (left[:, column, None] - right[None, :, column]) ** 2
    return total
