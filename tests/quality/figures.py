"""Detection figures of one replay: ranking, recall at a false-positive rate, and what was flagged, when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from siphonwatch.detector.judging.accounts import NEVER
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import DEFAULT, Settings
from siphonwatch.detector.simulate import Label


@dataclass(frozen=True)
class Figures:
    """What is reported of one stream."""

    accounts: int
    harvesting: int
    average_precision: float
    recall_001: float  # at 0.1 % false positives
    recall_005: float  # at 0.5 %
    flagged_recall: float
    flagged_precision: float
    false_positives: int
    campaigns: int
    campaigns_half: int  # at least half of the accounts flagged
    requests_median: float  # of a flagged harvester before its flag
    requests_p90: float
    leaked: float  # share of harvested output tokens answered before a flag
    by_kind: dict[str, tuple[int, int]]  # kind -> (flagged, of)


def run(requests: Sequence[Request], prior: Prior, settings: Settings = DEFAULT, size: int = 8192) -> Engine:
    """Replay requests, as a live stream, to their end."""
    engine = Engine(prior, settings)
    for start in range(0, len(requests), size):
        part = requests[start : start + size]
        engine.process(batch(part, [epoch_ms(request.timestamp) for request in part]))
    engine.finish()
    return engine


def average_precision(scores: np.ndarray, truth: np.ndarray) -> float:
    """Mean precision at each harvester, ranked by score."""
    order = np.argsort(-scores, kind="stable")
    precision = np.cumsum(truth[order]) / np.arange(1, len(truth) + 1)
    return float((precision * truth[order]).sum() / max(truth.sum(), 1))


def recall_at(scores: np.ndarray, truth: np.ndarray, rate: float) -> float:
    """Share of harvesters above the score that ``rate`` of the innocents reach."""
    innocent = np.sort(scores[~truth])[::-1]
    height = innocent[min(int(rate * len(innocent)), len(innocent) - 1)]
    return float((scores[truth] > height).mean()) if truth.any() else float("nan")


def measure(engine: Engine, labels: Mapping[str, Label], requests: Sequence[Request]) -> Figures:
    """Figures of ``engine`` after ``requests``."""
    names = list(labels)
    truth = np.array([labels[name].label == "harvest" for name in names])
    index = engine.accounts.index
    _, records = engine.accounts.known()
    evidence = np.array([float(records["evidence"][index[name]]) if name in index else -99.0 for name in names])
    flagged_at = {name: int(records["flagged_at"][index[name]]) for name in names if name in index}
    flagged_at = {name: at for name, at in flagged_at.items() if at != NEVER}
    hit = np.array([name in flagged_at for name in names])
    campaigns: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    kinds: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for name, found in zip(names, hit.tolist(), strict=True):
        label = labels[name]
        kinds[label.kind][0] += found
        kinds[label.kind][1] += 1
        if label.campaign:
            campaigns[label.campaign][0] += found
            campaigns[label.campaign][1] += 1
    before: dict[str, int] = defaultdict(int)
    leaked = total = 0
    for request in requests:
        if labels[request.account_id].label != "harvest":
            continue
        tokens = (request.usage.completion_tokens or 0) if request.usage else 0
        early = epoch_ms(request.timestamp) <= flagged_at.get(request.account_id, 1 << 62)
        before[request.account_id] += early
        leaked += tokens if early else 0
        total += tokens
    caught = [before[name] for name in flagged_at if labels[name].label == "harvest"]
    return Figures(
        accounts=len(names),
        harvesting=int(truth.sum()),
        average_precision=average_precision(evidence, truth),
        recall_001=recall_at(evidence, truth, 0.001),
        recall_005=recall_at(evidence, truth, 0.005),
        flagged_recall=float(hit[truth].mean()) if truth.any() else float("nan"),
        flagged_precision=float(truth[hit].mean()) if hit.any() else float("nan"),
        false_positives=int((hit & ~truth).sum()),
        campaigns=len(campaigns),
        campaigns_half=sum(found * 2 >= of for found, of in campaigns.values()),
        requests_median=float(np.median(caught)) if caught else float("nan"),
        requests_p90=float(np.percentile(caught, 90)) if caught else float("nan"),
        leaked=leaked / max(total, 1),
        by_kind={kind: (found, of) for kind, (found, of) in sorted(kinds.items())},
    )
