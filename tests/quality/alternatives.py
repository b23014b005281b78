"""Other models on the same features, trained on the same simulated worlds: why the shipped one is what it is.

Single accounts, seen to the end, without campaigns: what is compared is how far each carries over from simulated traffic to real prompts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from siphonwatch.detector.learning import fit as training
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.features import NAMES, POSITION, RELATIVE, matrix
from siphonwatch.detector.scoring.model import scale
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import Label
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.quantities import View
from sklearn.ensemble import HistGradientBoostingClassifier

from tests.quality.figures import average_precision, recall_at

Look = tuple[np.ndarray, list[str], np.ndarray]  # features, kinds, is a harvester
LEAST = 50  # accounts of a traffic class before it has quantiles of its own


def seen_to_the_end(requests: Sequence[Request], labels: dict[str, Label]) -> Look:
    """Features of every judged account of a stream at its end."""
    index: dict[str, int] = {}
    rows = state.empty(len(labels))
    for start in range(0, len(requests), 20_000):
        part = requests[start : start + 20_000]
        columns = batch(part, [epoch_ms(request.timestamp) for request in part])
        codes, names = pd.factorize(columns.accounts)
        position = np.array([index.setdefault(name, len(index)) for name in names])
        rows[position] = state.merge(rows[position], state.fold(columns, codes, len(names)))
    known = Population()
    known.observe_content(View(rows[: len(index)]))
    view = View(rows[: len(index)], known.usual)
    judged = view.count("requests") >= DEFAULT.judged_floor
    mine = [labels[account] for account, kept in zip(index, judged, strict=True) if kept]
    return matrix(view)[judged], [one.kind for one in mine], np.array([one.label == "harvest" for one in mine])


def by_everybody(features: np.ndarray) -> np.ndarray:
    """Relative features against the whole population's quantiles: what ships."""
    population = Population()
    population.observe(features)
    return scale(features, population.summary())


def by_class(features: np.ndarray) -> np.ndarray:
    """Relative features against the quantiles of the account's own traffic class."""
    of = {name: features[:, POSITION[name]] for name in ("system_prompt", "tool_use", "follow_up", "end_users")}
    product = (of["system_prompt"] > 0.5) | (of["tool_use"] > 0.5)
    traffic = np.where(product, 0, np.where((of["follow_up"] > 0.25) | (of["end_users"] > 0.5), 1, 2))
    scaled = by_everybody(features)
    for number in range(3):
        mine = np.flatnonzero(traffic == number)
        if len(mine) > LEAST:
            scaled[np.ix_(mine, np.flatnonzero(RELATIVE))] = by_everybody(features[mine])[:, RELATIVE]
    return scaled


def _trees(depth: int, directed: bool) -> Callable[[np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]:
    def fitted(inputs: np.ndarray, harvest: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
        model = HistGradientBoostingClassifier(
            max_iter=300, learning_rate=0.06, max_depth=depth, min_samples_leaf=40, l2_regularization=1.0, random_state=0,
            monotonic_cst=[1] * len(NAMES) if directed else None,
        )  # fmt: skip
        return model.fit(inputs, harvest).decision_function

    return fitted


def _regression(inputs: np.ndarray, harvest: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    weights, bias = training.fit(inputs, harvest)
    return lambda scaled: scaled @ weights + bias


MODELS = {
    "additive, everybody's quantiles (shipped)": (_regression, by_everybody),
    "additive, quantiles of the traffic class": (_regression, by_class),
    "boosted trees of depth 3, directed": (_trees(3, True), by_everybody),
    "boosted trees of depth 3, free": (_trees(3, False), by_everybody),
}


def table(train: list[list[Look]], unseen: list[Look], real: Look | None) -> str:
    """How each ranks simulated worlds that it has not seen, and the arena."""
    lines = [
        "| model | simulator: average precision | recall at 0.1 % | arena: average precision | recall at 0.1 % |",
        "| --- | --- | --- | --- | --- |",
    ]
    harvest = np.concatenate([look[2] for world in train for look in world])
    for name, (fit, scaled) in MODELS.items():
        score = fit(np.concatenate([scaled(look[0]) for world in train for look in world]), harvest)
        cells = []
        for looks in (unseen, [real] if real else []):
            found = [(score(scaled(features)), truth) for features, _, truth in looks]
            for measure in (average_precision, lambda scores, truth: recall_at(scores, truth, 0.001)):
                cells.append(f"{np.mean([measure(scores, truth) for scores, truth in found]):.2f}" if found else "not measured")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"
