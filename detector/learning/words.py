"""Words on groups: what rulings on members say of the whole group that they are in.

Most of what a harvest has is in groups whose members are beyond telling one by one, so a ruling on one of them is evidence on all. It is
an analyst's, who errs now and then, and an innocent group may hold a stray harvester: what a member's own evidence explains says little of
the others. Every ruling ranks its group higher or lower, but none carries it over the flag, or back, by itself: to cross, it takes what
stands when the most telling ruling is left out. Two people, or one who looked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

from siphonwatch.detector.scoring.crowd import SHORT, Crowd
from siphonwatch.detector.settings import Settings


@dataclass(frozen=True, slots=True)
class Words:
    """What the rulings on a group's members say together, in log-odds."""

    all: float = 0.0
    borne_out: float = 0.0  # without the most telling of them
    net: int = 0  # rulings for harvest less those for benign
    crowd: Crowd | None = None  # whether they are on a crowd

    def of_crowd(self, size: int, settings: Settings) -> Words:
        """What they say of a group of ``size`` that nothing binds.

        That one of it is benign speaks for the others; that one harvests does in part, and of the larger a crowd it is, the less.
        """
        more = log(max(size / settings.crowd_few, 1.0))
        said, borne_out = (
            each if each < 0.0 else max(round(settings.crowd_words * each - more, 6), 0.0) for each in (self.all, self.borne_out)
        )
        return Words(said, borne_out, self.net, Crowd.of(settings))

    def of_member(self, behind: float) -> Words:
        """What they say of a member that is so far behind the others of its group, in log-odds."""
        if self.all <= 0.0:
            return self
        said, borne_out = (round(max(each - behind, 0.0), 6) for each in (self.all, self.borne_out))
        return Words(said, borne_out, self.net, self.crowd)

    def raised(self, strength: float) -> float:
        """What a group of so much over its height has with these words."""
        if self.crowd is not None and self.all > 0.0:
            strength = self.crowd.spoken_for(strength)
        raised = strength + self.all
        if strength < 0.0 and strength + self.borne_out < 0.0:
            return min(raised, -SHORT)
        if strength >= 0.0 and strength + self.borne_out >= 0.0:
            return max(raised, 0.0)
        return raised


def telling(harvest: bool, chance: float, errs: float) -> float:
    """Log-odds that a ruling adds to those of the group of the account that it is on.

    ``chance`` is how likely that account was a harvester by its own evidence, be its group innocent; ``errs`` is the share of rulings that
    are wrong.
    """
    if harvest:
        return log((1.0 - errs) / (errs + (1.0 - 2.0 * errs) * chance))
    return log(errs / (1.0 - errs - (1.0 - 2.0 * errs) * chance))


def together(tellings: Sequence[float], most: float) -> Words:
    """The words of several rulings, each :func:`telling` so much, and for harvest no more than ``most``.

    Rulings on one group are not so many witnesses: what the first says of the others, the tenth says again. Those for benign add up, as
    whatever stands over its height can be cleared.
    """
    if not tellings:
        return Words()
    total = sum(tellings)
    rest = total - (max(tellings) if total > 0.0 else min(tellings))
    net = sum(1 if each > 0.0 else -1 for each in tellings)
    said, borne_out = (round(min(each, most), 6) for each in (total, rest if rest * total > 0.0 else 0.0))
    return Words(said, borne_out, net)
