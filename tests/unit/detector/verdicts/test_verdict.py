"""The height of the flag, levels, and reasons."""

from __future__ import annotations

import numpy as np
import pytest
from siphonwatch.detector.scoring.features import NAMES
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.scoring.spectrum import spectrum
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.verdicts.account import flag_height, level_of, probability, reasons


def innocents(count: int, seed: int = 3) -> np.ndarray:
    return np.random.Generator(np.random.PCG64(seed)).normal(-3.2, 1.3, count)


def test_the_height_comes_from_the_streams_own_tail() -> None:
    low, high = flag_height(DEFAULT, spectrum(innocents(5000) - 1.0)), flag_height(DEFAULT, spectrum(innocents(5000) + 0.3))
    assert DEFAULT.flag_odds - DEFAULT.flag_range <= low < high <= DEFAULT.flag_odds + DEFAULT.flag_range


@pytest.mark.parametrize("share", [0.005, 0.02, 0.05])
def test_harvesters_among_the_accounts_hardly_move_the_height(share: float) -> None:
    clean = innocents(5000)
    harvesters = np.random.Generator(np.random.PCG64(4)).normal(3.0, 0.6, int(5000 * share))
    height = flag_height(DEFAULT, spectrum(np.concatenate([clean, harvesters])))
    assert abs(height - flag_height(DEFAULT, spectrum(clean))) < 0.35
    assert (clean >= height).mean() < 0.002
    assert (harvesters >= height).mean() > 0.9


def test_few_accounts_say_nothing_about_the_tail() -> None:
    assert flag_height(DEFAULT, spectrum(innocents(50))) == DEFAULT.flag_odds


def test_levels_rise_with_evidence() -> None:
    evidence = np.array([-5.0, 0.1, 1.5, 3.5])
    assert level_of(evidence, 1.5, DEFAULT).tolist() == [0, 1, 2, 3]
    assert 0 < probability(-99.0) < probability(0.0) == 0.5 < probability(50.0) <= 1


def test_a_verdict_has_three_to_five_reasons_strongest_first() -> None:
    population = Population()
    population.observe(np.zeros((10, len(NAMES))))
    over = np.zeros(len(NAMES))
    over[[3, 7, 9, 11, 13, 15]] = [2.0, 1.5, 1.0, 0.5, 0.3, 0.1]
    found = reasons(np.zeros(len(NAMES)), over, population.summary())
    assert [one.feature for one in found] == [NAMES[at] for at in (3, 7, 9, 11, 13)]
    assert len(reasons(np.zeros(len(NAMES)), np.zeros(len(NAMES)), population.summary())) == 3
