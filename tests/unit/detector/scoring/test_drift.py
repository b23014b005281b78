"""Drift is felt for a while, and only when there is one."""

from __future__ import annotations

import numpy as np
from siphonwatch.detector.scoring.drift import drifting

calm = (np.random.Generator(np.random.PCG64(2)).normal(-3.0, 0.3, 200)).tolist()


def test_a_steady_population_does_not_drift() -> None:
    assert not any(drifting(calm[:end]) for end in range(1, 200, 7))


def test_a_jump_is_felt_and_then_forgotten() -> None:
    jumped = calm[:100] + [value + 2.0 for value in calm[100:]]
    felt = [drifting(jumped[:end]) for end in range(100, 200)]
    assert any(felt[:20])
    assert not felt[-1]
