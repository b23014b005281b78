"""Features: what a state says about how its account uses the API, each directed toward harvesting.

A feature is a pure function of a :class:`siphonwatch.detector.sketch.quantities.View`. It comes with its unit, the direction in
which it speaks for harvesting, why it separates, the sentence an analyst reads, and the MITRE ATLAS technique it is evidence of.

``cost`` says what it would cost a harvester to make the value look innocent, and ``forging`` says it in words. *Measured* is
what the provider counted. *Paid* can be forged, but for throughput, money or the worth of the answers. *Declared* is free
to say: it may raise the odds, and is scaled from nothing upwards so that it never lowers them. End users, system prompts, tools,
earlier turns, temperature, user agents and ids excuse nobody and are not read here at all.
``scale`` says what the model compares a value with: ``population`` sets it against the population's own quantiles, ``absolute`` divides
it by its span.

Most are products with volume or with pace, on purpose: the model is a sum, and "much of it, new, and even" is what a harvest is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch.quantities import View

Array = npt.NDArray[Any]

EXTRACTION = "AML.T0024.002"  # Exfiltration via AI Inference API: Extract AI Model
INFERENCE = "AML.T0040"  # AI Model Inference API Access
REPLICATE = "AML.T0005.001"  # Create Proxy AI Model: Train Proxy via Replication
COST = "AML.T0034"  # Cost Harvesting
YOUTH_DAYS = 12.0  # in which youth halves: a harvest's accounts are days old, a customer's months
ANSWER = 512.0  # tokens: where an account's answers are longer, they count as several of so many
EARLY = 2.0  # requests of doubt: what a share of a few requests is worth

Cost = Literal["measured", "paid", "declared"]


@dataclass(frozen=True, slots=True)
class Feature:
    """One named measurement of an account."""

    name: str
    compute: Callable[[View], Array]
    unit: str
    low: float  # the span of values, for histograms and for scaling
    high: float
    direction: Literal[1, -1]  # +1: more of it speaks for harvesting
    scale: Literal["absolute", "population"]
    cost: Cost
    forging: str  # what it would cost to look innocent
    why: str
    sentence: str  # with {value}, {median} and {p99} of the population
    atlas: str = EXTRACTION
    percent: bool = False  # show as a percentage
    power: bool = False  # the value is a log2 of what people read
    halving: float = 0.0  # the value halves each so many days: people read the days
    needs: Literal["", "text"] = ""  # what the log must hold of an account for this to be known
    rests_on: tuple[str, ...] = ()  # fields without which it says nothing, though it has a value
    stands_in: bool = False  # weighs only where the log holds no prompts: with them, a better one says the same

    @property
    def fields(self) -> tuple[str, ...]:
        """What the log must hold."""
        return (self.needs, *self.rests_on) if self.needs else self.rests_on


def _log(values: Array) -> Array:
    result: Array = np.log2(1.0 + values)
    return result


def _volume(view: View) -> Array:
    """Answers in bits: a request may hold several questions, and is taken for as many as its tokens are worth."""
    return _log(np.maximum(view.count("answered"), view.tokens / ANSWER))


def _round_the_clock(view: View) -> Array:
    """Share of the 24 hours of the day outside the longest stretch that is always quiet."""
    quiet = view.day == 0
    twice = np.concatenate([quiet, quiet], axis=1)
    run, longest = np.zeros(len(view)), np.zeros(len(view))
    for hour in range(twice.shape[1]):
        run = np.where(twice[:, hour], run + 1, 0)
        longest = np.maximum(longest, run)
    return 1.0 - np.minimum(longest, 24) / 24.0


def _new_answers(view: View) -> Array:
    return _log(view.tokens * view.once)


def _worth(view: View) -> Array:
    """The lesser of what was taken and what was new, in bits: a harvest needs both."""
    return np.minimum(_new_answers(view), _log(view.new_shingles) + 2.0)


def _unrepeated(view: View) -> Array:
    """log2 of how many requests came for each repeat; three in a hundred are forgiven, which is what the map's estimate errs by."""
    repeats = np.maximum(view.asks - np.minimum(view.prompts, view.asks) - 0.03 * view.asks, 0.0)
    return np.log2((view.asks + 2.0) / (repeats + 1.0))


def _youth(view: View) -> Array:
    """1 for an account signed up today, falling by half each ``YOUTH_DAYS``; 0 where the sign-up is unknown."""
    return np.where(np.isnan(view.age), 0.0, np.exp2(-np.nan_to_num(view.age) / YOUTH_DAYS))


def _fresh_volume(view: View) -> Array:
    return np.asarray(view.once * _volume(view))


def _cue(*names: str) -> Callable[[View], Array]:
    """Share of the asks with a cue, times the volume of new text."""

    def measure(view: View) -> Array:
        strongest = np.max([view.of_asks(f"cue_{name}", doubt=EARLY) for name in names], axis=0)
        return np.asarray(strongest * _fresh_volume(view))

    return measure


def _bought(view: View) -> Array:
    """Share of asks that took several samples, log-probabilities or biased logits, times the volume."""
    strongest = np.max([view.of_asks(name, doubt=EARLY) for name in ("samples", "logprobs", "logit_bias")], axis=0)
    return np.asarray(strongest * _volume(view))


def _refused(view: View) -> Array:
    """Share of the tries that the limit refused: what took next to nothing is no try."""
    limited = view.count("limited")
    return np.asarray(limited / (limited + view.asks + EARLY))


SLOWER = "fewer answers"
REPEATING = "paying for answers that one has already"
UNEVEN = "throughput: only idle hours look like a person's"
BRIEF = "shorter answers, which teach less"

FEATURES: tuple[Feature, ...] = (
    Feature(
        "volume", _volume, "answers", 0, 15, 1, "population", "paid", SLOWER,
        "A harvest needs thousands of answers.",
        "took the worth of {value} answers (median {median}, 99th percentile {p99})", power=True, stands_in=True,
    ),
    Feature(
        "answer_tokens", lambda v: _log(v.tokens), "tokens", 0, 28, 1, "population", "paid", SLOWER,
        "What is stolen is the answers; the provider counts them.",
        "took {value} tokens of answers (median {median}, 99th percentile {p99})",
        atlas=COST, power=True, rests_on=("tokens",), stands_in=True,
    ),
    Feature(
        "new_text", lambda v: _log(v.new_shingles), "phrases", 0, 22, 1, "population", "paid", REPEATING,
        "A training set must cover ground, so its text is new however long it goes on, wherever in the request it stands.",
        "sent {value} phrases that it sent once only (median {median}, 99th percentile {p99})", power=True, needs="text",
    ),
    Feature(
        "new_share", lambda v: v.once, "of phrases", 0, 1, 1, "population", "paid", REPEATING,
        "Sampling without replacement: people's demand repeats and has fashions, a list is worked off.",
        "sent {value} of its phrases once only, its boilerplate apart (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "new_text_each", lambda v: _log(v.novelty), "phrases a request", 0, 12, 1, "population", "paid", REPEATING,
        "Each item of a list brings its own text; a product's slot brings a word or two.",
        "sent {value} new phrases in each request (median {median}, 99th percentile {p99})", power=True, needs="text",
    ),
    Feature(
        "new_volume", _fresh_volume, "bits", 0, 15, 1, "population", "paid", REPEATING,
        "The novelty curve: most accounts are new at first, and few still are after hundreds of requests.",
        "still sent new text after many requests, {value} (median {median}, 99th percentile {p99})", needs="text",
    ),
    Feature(
        "never_repeats", _unrepeated, "requests a repeat", -1, 15, 1, "population", "paid", REPEATING,
        "Products and people ask the same again; who works a list off has each answer already.",
        "sent {value} requests for each that it repeated (median {median}, 99th percentile {p99})", power=True, needs="text",
    ),
    Feature(
        "steady_new_volume", lambda v: v.pace * _fresh_volume(v), "bits", 0, 15, 1, "population", "paid", UNEVEN,
        "New text in even amounts hour after hour: demand has peaks, a worker pool has none.",
        "sent new text evenly for a long time, {value} (median {median}, 99th percentile {p99})", needs="text",
    ),
    Feature(
        "steady_new_text", lambda v: v.pace * _log(v.new_shingles), "bits", 0, 22, 1, "population", "paid", UNEVEN,
        "The same by how much text it was.",
        "sent much new text evenly, {value} (median {median}, 99th percentile {p99})", needs="text",
    ),
    Feature(
        "steady_new_answers", lambda v: v.pace * _new_answers(v), "bits", 0, 28, 1, "population", "paid", UNEVEN,
        "The same by how many answers it brought.",
        "took answers to new text evenly, {value} (median {median}, 99th percentile {p99})", needs="text", rests_on=("tokens",),
    ),
    Feature(
        "steady_worth", lambda v: v.pace * _worth(v), "bits", 0, 24, 1, "population", "paid", UNEVEN,
        "A harvest needs much text, long answers and time; few innocents bring all three.",
        "brought new text and long answers evenly, {value} (median {median}, 99th percentile {p99})", needs="text", rests_on=("tokens",),
    ),
    Feature(
        "steady_hours", lambda v: v.pace * _log((v.hours > 0).sum(axis=1)), "bits", 0, 9, 1, "population", "paid", UNEVEN,
        "Slow and low harvesting spreads over many hours what could be asked in one.",
        "was evenly active over its hours, {value} (median {median}, 99th percentile {p99})", stands_in=True,
    ),
    Feature(
        "full_hours", lambda v: _log(v.full_hours), "hours", 0, 9, 1, "population", "paid", UNEVEN,
        "Hours that carry a like share of the load.",
        "was active for {value} hours' worth of even load (median {median}, 99th percentile {p99})", power=True,
    ),
    Feature(
        "round_the_clock", _round_the_clock, "of the day", 0, 1, 1, "population", "paid", UNEVEN,
        "People sleep; a script over a task list does not.",
        "was active over {value} of the day's hours, its longest quiet stretch apart (median {median}, 99th percentile {p99})",
        percent=True, stands_in=True,
    ),
    Feature(
        "answer_length", lambda v: v.answer_length, "tokens", 0, 15, 1, "population", "paid", BRIEF,
        "Long answers hold what a student is trained on: reasoning, code, explanations.",
        "got answers of {value} tokens (median {median}, 99th percentile {p99})", power=True, rests_on=("tokens",),
    ),
    Feature(
        "new_text_answered", lambda v: v.answer_length * _fresh_volume(v), "bits", 0, 200, 1, "population", "paid", BRIEF,
        "Volume, novelty and length together.",
        "got long answers to much new text, {value} (median {median}, 99th percentile {p99})", needs="text", rests_on=("tokens",),
    ),
    Feature(
        "resumed_volume", lambda v: v.resumed * _volume(v), "bits", 0, 15, -1, "population", "measured",
        "whole conversations: each turn sent, answered and paid before it counts",
        "Long real conversations are what a harvest of this size would have to be.",
        "kept going on from its own earlier turns, {value} (median {median}, 99th percentile {p99})", needs="text",
    ),
    Feature(
        "young_account", lambda v: _youth(v) * _fresh_volume(v), "bits", 0, 6, 1, "absolute", "measured",
        "keeping accounts for months, or buying old ones",
        "Accounts made for a harvest are used at once, and for much.",
        "sent much new text while young, {value} (median {median}, 99th percentile {p99})",
        atlas=INFERENCE, needs="text", rests_on=("account_created_at",),
    ),
    Feature(
        "generation_cues", _cue("generation"), "bits", 0, 1.5, 1, "absolute", "declared", "another wording",
        "Self-instruct: the teacher writes the student's tasks (Wang et al. 2023).",
        "asked for new tasks or examples in much new text, {value} (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, needs="text",
    ),
    Feature(
        "training_cues", _cue("reasoning", "grading", "generation"), "bits", 0, 1.5, 1, "absolute", "declared", "another wording",
        "Chains of thought, grades and tasks are what students are trained on (Anthropic 2026, Google 2026).",
        "asked for reasoning, grades or tasks in much new text, {value} (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, needs="text",
    ),
    Feature(
        "reasoning_cues", _cue("reasoning"), "bits", 0, 1.5, 1, "absolute", "declared", "another wording",
        "Chains of thought are what reasoning models are distilled from.",
        "asked for the reasoning in much new text, {value} (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, needs="text",
    ),
    Feature(
        "bought", _bought, "bits", 0, 6, 1, "absolute", "paid", "doing without samples and log-probabilities",
        "A student learns more from several answers or their probabilities than from one (Hinton et al. 2015, Carlini et al. 2024).",
        "bought samples, log-probabilities or logit biases, {value} (median {median}, 99th percentile {p99})", rests_on=("parameters",),
    ),
    Feature(
        "model_pivot", lambda v: np.where(v.pivoted, _volume(v), 0.0), "bits", 0, 6, 1, "absolute", "paid", "last month's teacher",
        "When a model is released a harvester turns to it within a day, task list and all (Anthropic 2026).",
        "moved to a model that was just released, {value} (median {median}, 99th percentile {p99})", atlas=REPLICATE,
    ),
    Feature(
        "refused_by_limit", _refused, "of requests", 0, 1, 1, "absolute", "measured", "throughput",
        "Going on after 429 is testing where the limit is.",
        "was refused by its rate limit in {value} of requests (median {median}, 99th percentile {p99})", atlas=COST, percent=True,
    ),
)  # fmt: skip

STANDS_IN = np.array([feature.stands_in for feature in FEATURES])
NEEDS_TEXT = np.array([feature.needs == "text" for feature in FEATURES])
NAMES = tuple(feature.name for feature in FEATURES)
_OFF = tuple(feature.name for feature in FEATURES if feature.needs)
POSITION = {name: position for position, name in enumerate(NAMES)}
LOW = np.array([feature.low for feature in FEATURES], dtype=np.float64)
HIGH = np.array([feature.high for feature in FEATURES], dtype=np.float64)
DIRECTION = np.array([feature.direction for feature in FEATURES], dtype=np.float64)
RELATIVE = np.array([feature.scale == "population" for feature in FEATURES])


def matrix(view: View) -> Array:
    """(N, len(FEATURES)) values in their own units, cut to each feature's span; NaN where the log does not hold what it needs."""
    columns = [np.asarray(feature.compute(view), dtype=np.float64) for feature in FEATURES]
    result = np.clip(np.stack(columns, axis=1), LOW, HIGH)
    result[np.ix_(view.textless, NEEDS_TEXT)] = np.nan
    return result


def off(view: View) -> list[list[str]]:
    """For each account, the names of the features that the log does not hold enough for."""
    return [list(_OFF) if textless else [] for textless in view.textless.tolist()]
