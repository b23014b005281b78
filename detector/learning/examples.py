"""Examples: what labelled traffic teaches, as numbers. A stream's accounts at several looks, scaled as the model sees them.

Accounts are looked at after a tenth, a quarter, half and all of a stream's time, so that the model learns young evidence as well
as old. A campaign counts by the root of its size and an innocent kind by somewhat less than its size: a hydra of 120
accounts is not a third of what there is to learn, and a rare product is not nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from siphonwatch.detector.request.columns import batch, hash_strings
from siphonwatch.detector.request.request import Request, epoch_ms
from siphonwatch.detector.scoring.features import matrix
from siphonwatch.detector.scoring.model import scale
from siphonwatch.detector.scoring.population import Population
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import Label, simulate, varied
from siphonwatch.detector.sketch import row as state
from siphonwatch.detector.sketch.fold import fold
from siphonwatch.detector.sketch.quantities import View

Array = npt.NDArray[Any]

LOOKS = (0.1, 0.25, 0.5, 1.0)  # shares of a stream's time after which its accounts are looked at
CAMPAIGN_POWER = 0.5  # of its accounts: what a campaign counts
KIND_POWER = 0.75  # the same of an innocent kind


@dataclass(frozen=True)
class Look:
    """N judged accounts at one moment."""

    inputs: npt.NDArray[np.float64]  # (N, F) as the model sees them; 0 where the log does not hold what they need
    harvest: npt.NDArray[np.bool_]  # (N,)
    kinds: list[str]
    campaigns: list[str]  # empty for innocents
    tokens: npt.NDArray[np.float64]  # (N,) of answers taken so far
    accounts: list[str]
    population: Population

    @property
    def weight(self) -> npt.NDArray[np.float64]:
        """(N,) what each account counts; harvesters and innocents sum to 1 each."""
        names = np.array([campaign if bad else kind for campaign, kind, bad in zip(self.campaigns, self.kinds, self.harvest, strict=True)])
        _, code, size = np.unique(names, return_inverse=True, return_counts=True)
        power = np.where(self.harvest, CAMPAIGN_POWER, KIND_POWER)
        weight = size[code] ** (power - 1.0)
        for chosen in (self.harvest, ~self.harvest):
            weight[chosen] /= max(weight[chosen].sum(), 1e-12)
        return weight


def _released(models: Array, times: Array, begin: int, now: int) -> list[int]:
    """Models first met after the stream's beginning and not long ago."""
    distinct, first = np.unique(models, return_index=True)
    met = times[first]
    new = (met > begin + DEFAULT.release_quiet_ms) & (met >= now - DEFAULT.release_ms) & (met <= now)
    return [int(model) for model in distinct[new]]


def states(
    requests: Sequence[Request], accounts: int, moments: Sequence[float], text: bool = True
) -> Iterator[tuple[list[str], npt.NDArray[Any], list[int]]]:
    """(ids, rows, newly released models) of all accounts of time-ordered ``requests`` at each of ``moments``."""
    times = np.array([epoch_ms(request.timestamp) for request in requests], dtype=np.int64)
    models = hash_strings([request.model for request in requests]) >> np.uint64(32)
    index: dict[str, int] = {}
    rows, begin = state.empty(accounts), 0
    for share in moments:
        end = int(np.searchsorted(times, times[0] + share * (times[-1] - times[0]), "right"))
        for low in range(begin, end, 20_000):
            high = min(low + 20_000, end)
            part = batch(requests[low:high], times[low:high].tolist())
            if not text:
                part = part.without_text()
            codes, names = pd.factorize(part.accounts)
            position = np.array([index.setdefault(name, len(index)) for name in names], dtype=np.int64)
            rows[position] = state.merge(rows[position], fold(part, codes, len(names)))
        begin = end
        yield list(index), rows[: len(index)], _released(models[:end], times[:end], int(times[0]), int(times[end - 1]))


def looks(requests: Sequence[Request], labels: Mapping[str, Label], moments: Sequence[float] = LOOKS, text: bool = True) -> list[Look]:
    """The judged accounts of time-ordered ``requests`` at each of ``moments``. Without ``text`` the log is one that holds no prompts."""
    found = []
    for accounts, rows, released in states(requests, len(labels), moments, text):
        view = View(rows, released=released)
        judged = np.flatnonzero(view.count("requests") >= DEFAULT.judged_floor)
        features, population = matrix(view)[judged], Population()
        population.observe(features)
        mine = [labels[accounts[each]] for each in judged]
        found.append(
            Look(
                np.nan_to_num(scale(features, population.summary())),
                np.array([label.label == "harvest" for label in mine], dtype=bool),
                [label.kind for label in mine],
                [label.campaign or "" for label in mine],
                view.count("tokens_out")[judged],
                [accounts[each] for each in judged],
                population,
            )
        )
    return found


@dataclass(frozen=True)
class Examples:
    """What one or more streams of one hand teach."""

    inputs: npt.NDArray[np.float64]  # (N, F)
    harvest: npt.NDArray[np.bool_]  # (N,)
    weight: npt.NDArray[np.float64]  # (N,)
    textless: npt.NDArray[np.float64]  # (M, F) inputs of the same streams without prompts
    textless_harvest: npt.NDArray[np.bool_]
    textless_weight: npt.NDArray[np.float64]
    population: Population  # at the last look

    def thinned(self, innocents: int, seed: int = 0) -> Examples:
        """At most so many innocents, drawn by their weight; all of the harvesters."""
        drawn = {}
        for prefix in ("", "textless_"):
            harvest, weight = getattr(self, f"{prefix}harvest"), getattr(self, f"{prefix}weight").copy()
            every = np.flatnonzero(~harvest)
            if len(every) > innocents:
                rng = np.random.Generator(np.random.PCG64(seed))
                part = rng.choice(every, innocents, replace=False, p=weight[every] / weight[every].sum())
                weight[part] = weight[every].sum() / innocents
                every = part
            kept = np.sort(np.concatenate([np.flatnonzero(harvest), every]))
            inputs = self.inputs if not prefix else self.textless
            drawn[f"{prefix}inputs"], drawn[f"{prefix}harvest"], drawn[f"{prefix}weight"] = inputs[kept], harvest[kept], weight[kept]
        return Examples(
            drawn["inputs"], drawn["harvest"], drawn["weight"],
            drawn["textless_inputs"], drawn["textless_harvest"], drawn["textless_weight"], self.population,
        )  # fmt: skip


def examples(requests: Sequence[Request], labels: Mapping[str, Label]) -> Examples:
    """What one labelled stream teaches, with its prompts and without."""
    seen, blind = looks(requests, labels), looks(requests, labels, text=False)
    return Examples(
        np.concatenate([look.inputs for look in seen]), np.concatenate([look.harvest for look in seen]),
        np.concatenate([look.weight for look in seen]) / len(seen),
        np.concatenate([look.inputs for look in blind]), np.concatenate([look.harvest for look in blind]),
        np.concatenate([look.weight for look in blind]) / len(blind),
        seen[-1].population,
    )  # fmt: skip


def joined(parts: Sequence[Examples]) -> Examples:
    """The examples of one hand's streams together, each stream counting the same."""

    def together(name: str) -> Array:
        return np.concatenate([getattr(part, name) for part in parts])

    return Examples(
        together("inputs"), together("harvest"), together("weight") / len(parts),
        together("textless"), together("textless_harvest"), together("textless_weight") / len(parts),
        Population(np.sum([part.population.counts for part in parts], axis=0)),
    )  # fmt: skip


def of_worlds(seeds: Iterable[int], accounts: int = 1200) -> Examples:
    """What simulated worlds teach, together, as one hand."""
    traffic = (simulate(world) for world in varied(seeds, accounts))
    return joined([examples(each.requests, each.labels) for each in traffic])
