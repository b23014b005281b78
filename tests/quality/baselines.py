"""Published detectors on the same stream, on the same content vectors: what there is to be better than.

- PRADA (Juuti et al. 2019): the smallest distances between an account's successive prompts are normal for ordinary use and not
  for synthetic queries; the score is how far Shapiro and Wilk's statistic falls below 1.
- Benign-calibrated distribution testing (arXiv 2606.05725): the maximum mean discrepancy between windows of an account's
  prompts and a reference of ordinary prompts; the score is the largest window's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from scipy import stats
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.fingerprint import NORM
from siphonwatch.detector.request.request import Request, epoch_ms

MOST = 400  # prompts of one account that are looked at
LEAST = 8
WINDOW = 50


def vectors(requests: Sequence[Request]) -> dict[str, np.ndarray]:
    """Account -> (n, DIMENSIONS) unit content vectors of its prompts, in order."""
    found: dict[str, list[np.ndarray]] = defaultdict(list)
    for start in range(0, len(requests), 8192):
        part = requests[start : start + 8192]
        columns = batch(part, [epoch_ms(request.timestamp) for request in part])
        for account, vector in zip(columns.accounts, columns.text.content, strict=True):
            if len(found[account]) < MOST:
                found[account].append(vector)
    return {account: np.array(rows, dtype=np.float64) / NORM for account, rows in found.items()}


def prada(prompts: np.ndarray) -> float:
    """1 - W of the distances from each prompt to its nearest predecessor."""
    if len(prompts) < LEAST:
        return 0.0
    squares = ((prompts[:, None, :] - prompts[None, :, :]) ** 2).sum(axis=2)
    squares[np.triu_indices(len(prompts))] = np.inf
    nearest = np.sqrt(squares[1:].min(axis=1))
    return 0.0 if np.ptp(nearest) < 1e-9 else float(1.0 - stats.shapiro(nearest).statistic)


def discrepancy(prompts: np.ndarray, reference: np.ndarray, bandwidth: float) -> float:
    """Largest unbiased MMD^2 (Gaussian kernel) between a window of the account's prompts and the reference."""

    def kernel(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None, :] - 2 * left @ right.T
        return np.exp(-squares / bandwidth)

    if len(prompts) < LEAST:
        return 0.0
    among = kernel(reference, reference)
    own = (among.sum() - len(reference)) / (len(reference) * (len(reference) - 1))
    best = 0.0
    for start in range(0, max(len(prompts) - WINDOW, 0) + 1, WINDOW):
        window = prompts[start : start + WINDOW]
        inside = kernel(window, window)
        mine = (inside.sum() - len(window)) / max(len(window) * (len(window) - 1), 1)
        best = max(best, float(mine + own - 2 * kernel(window, reference).mean()))
    return best


def scores(requests: Sequence[Request], names: Sequence[str]) -> dict[str, np.ndarray]:
    """Method -> score of each account in ``names``."""
    prompts = vectors(requests)
    rng = np.random.Generator(np.random.PCG64(7))
    many = [rows[rng.integers(len(rows))] for rows in prompts.values()]
    reference = np.array(many)[rng.permutation(len(many))[:500]]
    squares = ((reference[:, None] - reference[None]) ** 2).sum(axis=2)
    bandwidth = float(np.median(squares[squares > 0]))
    nothing = np.zeros((0, reference.shape[1]))
    return {
        "PRADA": np.array([prada(prompts.get(name, nothing)) for name in names]),
        "MMD on windows": np.array([discrepancy(prompts.get(name, nothing), reference, bandwidth) for name in names]),
        "requests": np.array([float(len(prompts.get(name, nothing))) for name in names]),
    }
