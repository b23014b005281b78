"""Small worlds with one group in them: a crowd of innocents or a hydra, among people and products."""

from __future__ import annotations

import random
from collections.abc import Callable

from siphonwatch.detector.simulate import Label, hand, kinds
from siphonwatch.detector.simulate.crowds import crowd
from siphonwatch.detector.simulate.groups import any_harvest, hydra, innocent
from siphonwatch.detector.simulate.hand import Hand
from siphonwatch.detector.simulate.members import Member
from siphonwatch.detector.simulate.world import Traffic, _Cast, _viral

ORDINARY = 450
IN_GROUP = "in the group"


def around(seed: int, make: Callable[[Hand, random.Random], list[tuple[Member, str]]], harvest: bool) -> Traffic:
    """Ordinary accounts around a group: ``make`` gives its members and their kinds."""
    rng = random.Random(seed)
    drawn = hand.draw(rng, 1_790_000_000.0, 2.0, 0.6)
    cast, viral = _Cast(drawn), _viral(drawn)
    for one, kind in make(drawn, rng):
        cast.add(one, Label("harvest" if harvest else "benign", kind, "hydra" if harvest else None, (IN_GROUP,)))
    names, shares = list(kinds.INNOCENTS), [kind.share for kind in kinds.INNOCENTS.values()]
    while len(cast.labels) < ORDINARY:
        kind = rng.choices(names, shares)[0]
        one, traits = innocent(drawn, rng, kind, viral)
        cast.add(one, Label("benign", kind, None, traits))
    return cast.traffic()


def of_crowd(name: str, seed: int, size: int = 30) -> Traffic:
    """A crowd of innocents."""
    return around(seed, lambda drawn, rng: [(one, kind) for one, kind, _ in crowd(drawn, rng, name, size, _viral(drawn))], False)


def of_hydra(seed: int, wanted: frozenset[str], size: int = 30) -> Traffic:
    """The first hydra that is drawn with all of the ``wanted`` traits, from ``seed`` on."""

    def make(drawn: Hand, rng: random.Random) -> list[tuple[Member, str]]:
        while True:
            members, traits = hydra(drawn, rng, any_harvest(rng, []), size)
            if wanted <= set(traits):
                return [(one, "hydra") for one in members]

    return around(seed, make, True)
