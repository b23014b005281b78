"""Each hand left out, live and with groups, while every harvester does something that costs nothing.

python -m tests.quality.disguised "by number from a list" …     prints the rows of some of them
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor

from siphonwatch.detector.request.request import Request
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.simulate import Label

from tests.quality.disguises import DISGUISES, NOT_FREE, disguised
from tests.quality.hands import HANDS, JUDGED, shipped, stream
from tests.quality.live import HEADER, Outcome, held_out, line, outcome, play

AS_IT_IS = "as it is"
SINGLE = tuple(name for name, steps in DISGUISES.items() if len(steps) == 1 and name not in NOT_FREE)
AT_ONCE = tuple(name for name, steps in DISGUISES.items() if len(steps) > 1 and name not in NOT_FREE)


@functools.cache  # for each process
def hand(name: str) -> tuple[Prior, list[Request], dict[str, Label]]:
    """A stream and the prior that has not seen its hand."""
    whose = next(each for each in HANDS if JUDGED[each] == name)
    return held_out(whose, shipped.hands()), *stream(name)


def _played(job: tuple[str, str]) -> Outcome:
    name, disguise = job
    prior, requests, labels = hand(name)
    changed = disguised(requests, labels, DISGUISES.get(disguise, ()))
    return outcome(play(changed, prior, labels), changed, labels)


def _left(found: dict[str, Outcome], names: Sequence[str]) -> str:
    """What the worst of ``names`` leaves of the recall at 0.1 %, and its name."""
    worst = min(names, key=lambda name: found[name].recall[0.001])
    return f"{found[worst].recall[0.001] / found[AS_IT_IS].recall[0.001]:.2f} ({worst})"


def main(pool: ProcessPoolExecutor, say: Callable[[str], None] = print) -> None:
    """A table for each hand."""
    kinds = (AS_IT_IS, *SINGLE, *AT_ONCE, *NOT_FREE)
    for name in JUDGED.values():
        found = dict(zip(kinds, pool.map(_played, [(name, kind) for kind in kinds]), strict=True))
        say(HEADER.format(f"`{name}`, its hand left out"))
        for kind, each in found.items():
            say(line(kind, each))
        worst = f"{_left(found, SINGLE)}; of several at once {_left(found, AT_ONCE)}; of what costs a little {_left(found, NOT_FREE)}"
        say(f"\nOf the recall at 0.1 % the worst leaves {worst}.\n")


def some(kinds: Sequence[str], pool: ProcessPoolExecutor) -> None:
    """Print the rows of the named evasions on each hand."""
    jobs = [(name, kind) for name in JUDGED.values() for kind in kinds]
    print(HEADER.format("stream, its hand left out; evasion"))
    for (name, kind), each in zip(jobs, pool.map(_played, jobs), strict=True):
        print(line(f"`{name}`, {kind}", each))


if __name__ == "__main__":
    unknown = sorted(set(sys.argv[1:]) - DISGUISES.keys())
    if unknown or not sys.argv[1:]:
        sys.exit(f"name some of these evasions: {', '.join(DISGUISES)}")
    with ProcessPoolExecutor() as made:
        some(sys.argv[1:], made)
