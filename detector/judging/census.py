"""What a shard counts of its accounts at the end of an epoch. Integers throughout, so that the sum does not depend on who counted whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.scoring.spectrum import Spectrum, added


@dataclass(frozen=True, slots=True)
class Census:
    """Accounts counted."""

    population: Population  # features of those that were active and have asked enough to count as part of it
    current: Spectrum  # evidence of the same, as it stands
    shipped: Spectrum  # strongest evidence so far of all that were ever judged: see :data:`siphonwatch.detector.judging.accounts.RECORD`
    plain: Spectrum
    own: Spectrum


def total(parts: Sequence[Census]) -> Census:
    """The census of all shards."""
    population = Population()
    for part in parts:
        population.counts += part.population.counts
    return Census(
        population, added([part.current for part in parts]), added([part.shipped for part in parts]),
        added([part.plain for part in parts]), added([part.own for part in parts]),
    )  # fmt: skip
