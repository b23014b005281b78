"""Features: what a state says about how its account uses the API, each directed toward harvesting.

A feature is a pure function of a :class:`siphonwatch.detector.sketch.quantities.View`. It comes with its unit, the direction
in which it speaks for harvesting, why it separates, the sentence an analyst reads, and the MITRE ATLAS technique it is evidence of.
``scale`` says what the model compares it with: ``absolute`` features mean the same in every population (shares, hours)
and are divided by their span; ``population`` features (lengths, breadth) are set against the population's own quantiles.
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
    why: str
    sentence: str  # with {value}, {median} and {p99} of the population
    atlas: str = EXTRACTION
    percent: bool = False  # show as a percentage
    power: bool = False  # the value is a log2 of what people read
    halving: float = 0.0  # the value halves each so many days: people read the days
    needs: Literal["", "text"] = ""  # what the log must hold of an account for this to be known
    rests_on: tuple[str, ...] = ()  # fields without which it says nothing, though it has a value

    @property
    def fields(self) -> tuple[str, ...]:
        """What the log must hold."""
        return (self.needs, *self.rests_on) if self.needs else self.rests_on


def _log(values: Array) -> Array:
    return np.log2(1.0 + values)


def _steady(view: View, cap: int) -> Array:
    """Fresh asks when no hour may count more than ``cap``: a burst is a test run, a harvest goes on."""
    return _log(np.minimum(view.hours, cap).sum(axis=1, dtype=np.int64) * view.fresh_share)


def _round_the_clock(view: View) -> Array:
    """Share of the 24 hours of the day outside the longest stretch that is always quiet."""
    quiet = view.day == 0
    twice = np.concatenate([quiet, quiet], axis=1)
    run, longest = np.zeros(len(view)), np.zeros(len(view))
    for hour in range(twice.shape[1]):
        run = np.where(twice[:, hour], run + 1, 0)
        longest = np.maximum(longest, run)
    return 1.0 - np.minimum(longest, 24) / 24.0


def _variety(view: View, name: str) -> Array:
    """Distinct openings or endings for each ask, against what the map can tell apart (about 400)."""
    asks = np.minimum(view.count("asks"), 400.0)
    return np.where(asks > 0, np.minimum(view.distinct(name) / np.maximum(asks, 1.0), 1.0), 0.0)


def _varied(view: View) -> Array:
    """Self-contained questions that each begin in their own way, at most twelve an hour.

    What a task list is and little else: a product's template begins in one way, a test run is over in an hour, people come
    back to their answers (the share of single questions counts squared), and a system prompt makes a product likely.
    """
    steady = np.minimum(view.hours, 12).sum(axis=1, dtype=np.int64) * view.fresh_share
    single = view.share("asks", doubt=2.0) ** 2
    bare = 1.0 - 0.75 * view.share("systems")
    return _log(steady * _variety(view, "openings") * single * bare)


def _busiest_hour(view: View) -> Array:
    hours = view.hours
    total = np.maximum(hours.sum(axis=1, dtype=np.int64), 1)
    share: Array = hours.max(axis=1) / total
    return share


def _ratio(view: View) -> Array:
    return np.where(view.count("asks") > 0, view.mean("log_ratio") / 16.0 - 16.0, 0.0)


def _youth(view: View) -> Array:
    """1 for an account signed up today, falling by half each ``YOUTH_DAYS``; 0 where the sign-up is unknown."""
    return np.where(np.isnan(view.age), 0.0, np.exp2(-np.nan_to_num(view.age) / YOUTH_DAYS))


def _repeat_share(view: View) -> Array:
    """Share of requests whose prompt came before; one request of doubt."""
    requests = view.count("requests")
    return np.clip(1.0 - view.fresh_share * requests / (requests + 1.0), 0.0, 1.0)


def _hugging(view: View) -> Array:
    """Peak requests in a minute, as a share of the account's own limit; 0 where the limit is unknown."""
    limit = view.state["rpm"].astype(np.float64)
    return np.where(limit > 0, np.minimum(view.state["minutes"].max(axis=1) / np.maximum(limit, 1.0), 1.5), 0.0)


def _share(name: str, doubt: float = 2.0) -> Callable[[View], Array]:
    return lambda view: view.share(name, doubt=doubt)


FEATURES: tuple[Feature, ...] = (
    Feature(
        "steady_asks", lambda v: _steady(v, 2), "asks", 0, 9, 1, "absolute",
        "A harvest needs thousands of answers and takes them hour after hour; a test run is over in minutes.",
        "sent {value} new single questions counting at most two an hour (median {median}, 99th percentile {p99})", power=True,
    ),
    Feature(
        "fresh_asks", lambda v: _log(v.count("asks") * v.fresh_share), "asks", 0, 13, 1, "absolute",
        "The volume of a harvest: single questions that the account has never asked before.",
        "sent {value} new single questions (median {median}, 99th percentile {p99})", power=True,
    ),
    Feature(
        "varied_asks", _varied, "asks", 0, 11, 1, "absolute",
        "A task list is this and little else is: self-contained questions, each its own, hour after hour.",
        "sent {value} self-contained questions that begin in different ways, hour after hour (median {median}, 99th percentile {p99})",
        power=True, needs="text",
    ),
    Feature(
        "active_hours", lambda v: _log((v.hours > 0).sum(axis=1)), "hours", 0, 8, 1, "absolute",
        "Slow and low harvesting spreads over many hours what could be asked in one.",
        "asked in {value} different hours (median {median}, 99th percentile {p99})", power=True,
    ),
    Feature(
        "round_the_clock", _round_the_clock, "of the day", 0, 1, 1, "absolute",
        "People sleep; a script over a task list does not.",
        "was active over {value} of the day's hours, its longest quiet stretch apart (median {median}, 99th percentile {p99})",
        percent=True,
    ),
    Feature(
        "single_turn", lambda v: v.share("asks", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "A training pair is one question and one answer; people go on talking, agents loop.",
        "sent {value} of requests as single questions (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "follow_up", lambda v: (v.count("follow_ups") + 1.0) / (v.count("requests") + 2.0), "of requests", 0, 1, -1, "absolute",
        "Whoever uses an answer comes back to it.",
        "came back to an answer in {value} of requests (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "repeats", _repeat_share, "of requests", 0, 1, -1, "absolute",
        "Products and tests send the same prompt again; a harvester has each answer already.",
        "repeated an earlier prompt in {value} of requests (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "system_prompt", lambda v: v.share("systems"), "of requests", 0, 1, -1, "absolute",
        "A product tells the model its job in a system prompt.",
        "set a system prompt in {value} of requests (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "end_users", lambda v: v.share("end_users"), "of requests", 0, 1, -1, "absolute",
        "A product with people behind it names them; a harvester has none.",
        "named an end user in {value} of requests (median {median}, 99th percentile {p99})", percent=True, rests_on=("end_user_id",),
    ),
    Feature(
        "tool_use", lambda v: v.share("tools"), "of requests", 0, 1, -1, "absolute",
        "Agents work with tools; most harvests want text.",
        "used tools in {value} of requests (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "answer_ratio", _ratio, "bits", -12, 8, 1, "population",
        "A harvest is after the answers: short questions, long answers.",
        "got answers {value} times as long as its questions (median {median}, 99th percentile {p99})",
        atlas=COST, power=True, rests_on=("tokens",),
    ),
    Feature(
        "answer_length", lambda v: v.mean("log_out") / 16.0, "tokens", 0, 15, 1, "population",
        "Long answers hold what a student is trained on: reasoning, code, explanations.",
        "got answers of {value} tokens (median {median}, 99th percentile {p99})", power=True, rests_on=("tokens",),
    ),
    Feature(
        "question_length", lambda v: v.mean("log_in") / 16.0, "tokens", 0, 17, -1, "population",
        "Products carry documents and context in their prompts; task lists are short.",
        "asked with {value} tokens (median {median}, 99th percentile {p99})", power=True, rests_on=("tokens",),
    ),
    Feature(
        "narrowness", lambda v: v.similarity, "mean cosine", -0.1, 1, -1, "population",
        "A training set must cover ground; a product or a writer stays with its subject. Compare Juuti et al. 2019 (PRADA), "
        "which looks at the spread of distances.",
        "asked questions alike to {value} (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "opening_variety", lambda v: _variety(v, "openings"), "of asks", 0, 1, 1, "absolute",
        "One opening for everything is a product's template; a list of tasks opens in many ways.",
        "began {value} of its questions in a different way (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "ending_variety", lambda v: _variety(v, "endings"), "of asks", 0, 1, 1, "absolute",
        "The same at the other end of the prompt.",
        "ended {value} of its questions in a different way (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "fixed_suffix", lambda v: np.maximum(_variety(v, "openings") - _variety(v, "endings"), 0.0), "of asks", 0, 1, 1, "absolute",
        "Many questions that all end in one instruction: how a dataset is sent through a prompt that elicits reasoning.",
        "added one ending to {value} of differently begun questions (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, needs="text",
    ),
    Feature(
        "template", lambda v: (1 - _variety(v, "openings")) * (1 - _variety(v, "endings")) * v.share("asks", doubt=8.0),
        "of asks", 0, 1, -1, "absolute",
        "A fixed beginning and a fixed end with a slot between is what a product or a writer's tool sends.",
        "put {value} of its questions into one fixed template (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "near_repeats", lambda v: v.near_repeats, "of prompts", 0, 1, -1, "absolute",
        "The same scaffold with another filling is a product at work, or a sweep of settings.",
        "began and ended {value} of its distinct prompts like an earlier one (median {median}, 99th percentile {p99})",
        percent=True, needs="text",
    ),
    Feature(
        "content_distance", lambda v: v.discrepancy, "squared distance", 0, 1, 1, "population",
        "A training set is about what its buyer lacks, not about what like accounts ask (benign-calibrated testing, arXiv 2606.05725).",
        "asked about other things than like accounts, by {value} (median {median}, 99th percentile {p99})", percent=True, needs="text",
    ),
    Feature(
        "list_order", lambda v: v.order, "correlation", 0, 1, 1, "absolute",
        "Prompts that walk through the alphabet, or from short to long, as time goes on come from a sorted list.",
        "walked through the alphabet or the lengths with time, correlation {value} (median {median}, 99th percentile {p99})",
        percent=True, needs="text",
    ),
    Feature(
        "even_pace", lambda v: v.evenness, "evenness", 0, 1, 1, "absolute",
        "A paced script sends as much in each hour that it runs; people come in fits and starts.",
        "spread its questions evenly over its active hours to {value} (median {median}, 99th percentile {p99})", percent=True,
    ),
    Feature(
        "busiest_hour", _busiest_hour, "of asks", 0, 1, -1, "absolute",
        "A benchmark run or an experiment is one burst.",
        "sent {value} of its questions in one hour (median {median}, 99th percentile {p99})", percent=True,
    ),
    Feature(
        "roomy_limit", _share("roomy"), "of requests", 0, 1, 1, "absolute",
        "Whoever wants the whole answer leaves it room.",
        "left 4096 tokens or more for the answer in {value} of requests (median {median}, 99th percentile {p99})",
        percent=True, rests_on=("parameters",),
    ),
    Feature(
        "one_token", _share("one_token"), "of requests", 0, 1, -1, "absolute",
        "Asking one token is classifying; only with swept biases is it logit stealing.",
        "asked for one or two tokens in {value} of requests (median {median}, 99th percentile {p99})",
        percent=True, rests_on=("parameters",),
    ),
    Feature(
        "logit_access", lambda v: v.share("logit_bias", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "Sweeping logit_bias with logprobs reads the last layer (Carlini et al. 2024, Stealing Part of a Production Language Model).",
        "biased the model's logits in {value} of requests (median {median}, 99th percentile {p99})", percent=True, rests_on=("parameters",),
    ),
    Feature(
        "sampling", lambda v: v.share("samples", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "Several answers to each question make preference pairs.",
        "took several samples of an answer in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, rests_on=("parameters",),
    ),
    Feature(
        "cold", _share("cold"), "of requests", 0, 1, -1, "absolute",
        "Temperature 0 is for reproducible tests and products; a training set wants the model's own variety.",
        "set temperature 0 in {value} of requests (median {median}, 99th percentile {p99})", percent=True, rests_on=("parameters",),
    ),
    Feature(
        "reasoning_cues", _share("cue_reasoning"), "of requests", 0, 1, 1, "absolute",
        "Chains of thought are what reasoning models are distilled from (Anthropic 2026, Google 2026).",
        "asked for the reasoning in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, needs="text",
    ),
    Feature(
        "grading_cues", _share("cue_grading"), "of requests", 0, 1, 1, "absolute",
        "The model as a grader makes a reward model for another.",
        "asked for grades or preferences in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, needs="text",
    ),
    Feature(
        "generation_cues", _share("cue_generation"), "of requests", 0, 1, 1, "absolute",
        "Self-instruct: the teacher writes the student's tasks (Wang et al. 2023).",
        "asked for new tasks or examples in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, needs="text",
    ),
    Feature(
        "persona_cues", _share("cue_persona"), "of requests", 0, 1, 1, "absolute",
        "Role-play and instruction sets put a persona before each task.",
        "gave the model a role in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True, needs="text",
    ),
    Feature(
        "filtered", lambda v: v.share("filtered", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "Asking on after refusals probes where the model refuses.",
        "was refused by the content filter in {value} of requests (median {median}, 99th percentile {p99})", percent=True,
    ),
    Feature(
        "log_probabilities", lambda v: v.share("logprobs", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "A student learns more from the teacher's probabilities than from its words (Hinton et al. 2015).",
        "took log-probabilities in {value} of requests (median {median}, 99th percentile {p99})", percent=True, rests_on=("parameters",),
    ),
    Feature(
        "parameter_sets", lambda v: np.clip(v.distinct("habits") - 1.0, 0.0, 16.0), "sets beside the first", 0, 16, -1, "absolute",
        "One script has one set of parameters; a researcher sweeps them, a team has several.",
        "used {value} sets of sampling parameters beside the first (median {median}, 99th percentile {p99})", rests_on=("parameters",),
    ),
    Feature(
        "models", lambda v: np.minimum(np.maximum(v.distinct("models") - 1.0, 0.0), 6.0), "models beside the first", 0, 6, -1, "absolute",
        "People try several models; a harvester is after one teacher, unless it sweeps.",
        "used {value} models beside the first (median {median}, 99th percentile {p99})", atlas=INFERENCE,
    ),
    Feature(
        "model_pivot", lambda v: np.where(v.pivoted, v.share("asks", doubt=2.0), 0.0), "of requests", 0, 1, 1, "absolute",
        "When a model is released a harvester turns to it within a day, task list and all (Anthropic 2026).",
        "moved to a model that was just released, with single questions in {value} of requests (median {median}, 99th percentile {p99})",
        atlas=REPLICATE, percent=True,
    ),
    Feature(
        "young_account", _youth, "youth", 0, 1, 1, "absolute",
        "Accounts made for a harvest are used at once.",
        "signed up {value} before its newest questions (median {median}, 99th percentile {p99})",
        atlas=INFERENCE, halving=YOUTH_DAYS, rests_on=("account_created_at",),
    ),
    Feature(
        "hugged_limit", _hugging, "of the limit", 0, 1.5, 1, "absolute",
        "Throughput is money to a harvester: it runs close under its own limit.",
        "used {value} of its requests a minute at its peak (median {median}, 99th percentile {p99})",
        atlas=COST, percent=True, rests_on=("rate_limit",),
    ),
    Feature(
        "refused_by_limit", lambda v: v.share("limited", doubt=2.0), "of requests", 0, 1, 1, "absolute",
        "Going on after 429 is testing where the limit is.",
        "was refused by its rate limit in {value} of requests (median {median}, 99th percentile {p99})", atlas=COST, percent=True,
    ),
)  # fmt: skip

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
