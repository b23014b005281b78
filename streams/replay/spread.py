"""A log in shares, folded in this process, in several of this machine, or on a Ray cluster: the same panes come of it.

A request that stands in two shares' records (an export that overlaps another) is counted by the first share alone: what the shares
counted is compared, and a later one is folded again without what an earlier one has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from siphonwatch.detector.settings import Settings
from siphonwatch.streams.formats.base import Decoder
from siphonwatch.streams.replay.fold import Folded, Ids, Share, fold

OnProgress = Callable[[int, int], None]  # of (records, bytes) that were just read


class Folding(Protocol):
    """Where shares are folded."""

    def run(self, shares: Sequence[tuple[Share, Ids]], folder: Path, letters: bool, on_progress: OnProgress) -> list[Folded]:
        """Fold each share without what is counted elsewhere; panes and dead letters go to ``folder``."""
        ...


def shares(paths: Sequence[Path], workers: int) -> list[Share]:
    """The log in ``workers`` shares of about the same size: whole files where there are enough of them, else chunks in turn."""
    if workers == 1 or len(paths) < workers * 2:
        return [Share(tuple(paths), number, workers) for number in range(workers)]
    piles: list[list[Path]] = [[] for _ in range(workers)]
    sizes = [0] * workers
    for path in sorted(paths, key=lambda each: (-each.stat().st_size, str(each))):
        least = sizes.index(min(sizes))
        piles[least].append(path)
        sizes[least] += path.stat().st_size
    return [Share(tuple(sorted(pile)), number) for number, pile in enumerate(piles)]


def spread(
    folding: Folding, parts: Sequence[Share], folder: Path, letters: bool = False, on_progress: OnProgress = lambda _records, _bytes: None
) -> Folded:
    """Fold all shares, each request once, and put what came of them together."""
    folded = folding.run([(share, {}) for share in parts], folder, letters, on_progress)
    twice = {number: ids for number, ids in enumerate(_counted_before(folded)) if ids}
    again = folding.run([(parts[number], ids) for number, ids in twice.items()], folder, letters, lambda _records, _bytes: None)
    for number, better in zip(twice, again, strict=True):
        folded[number] = better
    whole = Folded()
    for each in folded:
        whole.add(each)
    return whole


def _counted_before(folded: Sequence[Folded]) -> list[Ids]:
    """For each share the requests that an earlier one counted too."""
    seen: Ids = {}
    twice: list[Ids] = []
    for each in folded:
        both = {tick: np.intersect1d(ids, seen[tick]) for tick, ids in each.ids.items() if tick in seen}
        twice.append({tick: ids for tick, ids in both.items() if len(ids)})
        for tick, ids in each.ids.items():
            seen[tick] = np.union1d(seen[tick], ids) if tick in seen else ids
    return twice


class Here:
    """In this process, one share after the other."""

    def __init__(self, decoder: Decoder, settings: Settings, key: bytes = b"") -> None:
        self._decoder, self._settings, self._key = decoder, settings, key

    def run(self, shares: Sequence[tuple[Share, Ids]], folder: Path, letters: bool, on_progress: OnProgress) -> list[Folded]:
        """See the protocol."""
        return [fold(share, self._decoder, self._settings, folder, counted, letters, on_progress, self._key) for share, counted in shares]
