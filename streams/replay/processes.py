"""Shares folded in processes of this machine."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from siphonwatch.detector.settings import Settings
from siphonwatch.streams.formats.base import MakeDecoder
from siphonwatch.streams.replay.fold import Folded, Ids, Share, fold
from siphonwatch.streams.replay.spread import OnProgress

_progress: Any = None  # of a process: where it tells how far it is


def _begin(progress: Any) -> None:
    global _progress  # noqa: PLW0603  # a process of a pool has no other place
    _progress = progress


def _in_process(share: Share, make: MakeDecoder, settings: Settings, folder: Path, counted: Ids, letters: bool, key: bytes) -> Folded:
    return fold(share, make(), settings, folder, counted, letters, lambda *read: _progress.put(read), key)


class Processes:
    """In processes of this machine."""

    def __init__(self, make: MakeDecoder, settings: Settings, workers: int, key: bytes = b"") -> None:
        self._make, self._settings, self._workers, self._key = make, settings, workers, key

    def run(self, shares: Sequence[tuple[Share, Ids]], folder: Path, letters: bool, on_progress: OnProgress) -> list[Folded]:
        """See the protocol."""
        if not shares:
            return []
        context = get_context("spawn")  # libraries that have begun threads do not survive a fork
        told = context.Queue()
        with ProcessPoolExecutor(self._workers, context, _begin, (told,)) as pool:
            given = (self._make, self._settings, folder)
            waiting = [pool.submit(_in_process, share, *given, counted, letters, self._key) for share, counted in shares]
            left = set(waiting)
            while left:
                _, left = wait(left, 0.2, FIRST_COMPLETED)
                _tell(told, on_progress)
            return [each.result() for each in waiting]


def _tell(told: Any, on_progress: OnProgress) -> None:
    while True:
        try:
            on_progress(*told.get_nowait())
        except queue.Empty:
            return
