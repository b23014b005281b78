"""Leaving when told to, at any moment."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

ASKED = (signal.SIGTERM, signal.SIGINT)


def leave_on_signals() -> None:
    """From the first line on, SIGTERM and SIGINT end the program with 0: nothing is in hand yet, imports may take their time."""

    def handle(_: int, __: FrameType | None) -> None:
        sys.exit(0)

    _set(handle)


def stop_on_signals(stop: Callable[[], None]) -> None:
    """SIGTERM and SIGINT finish the batch at hand; a second one ends at once."""

    def handle(number: int, _: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop()

    _set(handle)


def raise_on_interrupt() -> None:
    """Python's own ways: what is interrupted has not done what it was asked, and says so by its exit code."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _set(handle: Callable[[int, FrameType | None], None]) -> None:
    if threading.current_thread() is threading.main_thread():
        for each in ASKED:
            signal.signal(each, handle)
