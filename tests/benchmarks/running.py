"""The program as a whole process, from the outside: how long, how much processor, how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

CORES = os.sched_getaffinity(0)
ONE = {min(CORES)}


@dataclass(frozen=True)
class Ran:
    """One command, run to its end."""

    seconds: float
    processor: float  # seconds of it, all processes
    peak: float  # MiB of the largest process


def ran(cores: set[int], *words: str | Path) -> Ran:
    """Run `siphonwatch` with ``words`` on ``cores``."""
    command = [sys.executable, "-m", "siphonwatch.streams", *map(str, words)]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=lambda: os.sched_setaffinity(0, cores))
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return Ran(time.perf_counter() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(runs: Sequence[Ran]) -> Ran:
    """The median of each figure."""
    return Ran(median(run.seconds for run in runs), median(run.processor for run in runs), max(run.peak for run in runs))
