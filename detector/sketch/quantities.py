"""Reading a state: plain quantities of the last two generations together, as floats.

Features and links are written against a view and never touch registers; so a register can change its width or its
kind in one place.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request.fingerprint import ANSWERS_SAMPLED, NORM, SHINGLES_SAMPLED
from siphonwatch.detector.sketch.registers import cardinality, merge_bottom, merge_bottom_marked
from siphonwatch.detector.sketch.row import COUNTER, GENERATION, HOURS
from siphonwatch.detector.sketch.taken import UNTOLD, least, lower
from siphonwatch.detector.sketch.uses import WAS_ANSWER, asked_with, requests

Array = npt.NDArray[Any]


BOILERPLATE = 0.25  # share of the requests from which a shingle is boilerplate
SILENT = 2.0  # new shingles a request, four new words: who says less says nothing itself
ITEM = 4.0  # new shingles that a prompt of its own brings at least: nine of ten innocents bring more; with 8 some of them stood too high
ONCE = 0.7  # share of the phrases that is new at least where prompts seldom come twice: eight of ten such innocents have as much
APART = 0.5, 0.7  # share of the requests that are prompts of their own, from which on each asks for something new: few are between
CARRIED = 0.1, 0.3  # of the account's own answers' length: what each answer before was billed at least, to be none at all and a whole one
PROMPTS_TOLD = 2500.0  # distinct prompts that the map tells of for sure


class View:
    """N accounts' states as quantities of shape (N,), each worked out once and only when asked for."""

    def __init__(self, state: Array, released: Sequence[int] = ()) -> None:
        """Look at the rows ``state`` (N,); ``released`` holds hashes of models that were released lately."""
        self.state = state
        self.released = np.asarray(released, dtype=np.uint64)

    def __len__(self) -> int:
        return len(self.state)

    @cached_property
    def _counters(self) -> Array:
        slots = self.state["slots"]["counters"]
        result: Array = slots[:, 0].astype(np.float64) + slots[:, 1]
        return result

    def count(self, name: str) -> Array:
        """A counter of :data:`siphonwatch.detector.sketch.row.COUNTERS`, both generations together."""
        result: Array = self._counters[:, COUNTER[name]]
        return result

    def share(self, name: str, of: str = "requests", doubt: float = 0.0) -> Array:
        """``name`` for each ``of``, in [0, 1]; ``doubt`` imaginary requests without it pull small accounts to 0."""
        result: Array = np.minimum(self.count(name) / np.maximum(self.count(of) + doubt, 1.0), 1.0)
        return result

    @cached_property
    def _least(self) -> Array:
        """(N,) the lowest class of answers whose requests count, untold answers taken for full ones."""
        return least(self.count, UNTOLD)

    @cached_property
    def _heard(self) -> Array:
        """(N,) the same, untold answers taken for nothing: what is new in these requests is new."""
        return least(self.count, 0)

    def taken(self, name: str) -> Array:
        """A counter of :data:`siphonwatch.detector.sketch.taken.BY_CLASS`, of the requests that count."""
        result = self.count(name).copy()
        for number, part in enumerate(lower(name)):
            result -= np.where(self._least > number, self.count(part), 0.0)
        return result

    @cached_property
    def asks(self) -> Array:
        """Requests that were answered and took enough to count; all that were answered where short answers are what the account takes.

        Of the untold ones as many as there are prompts that no other request sent: so far they ask, and no further do they excuse.
        """
        untold = self.count("untold")
        told = np.where(self._least > 0, self.taken("counted"), self.count("answered")) - untold
        legible = (self.prompts > 0) & (self.prompts < PROMPTS_TOLD)
        return np.asarray(told + np.where(legible, np.clip(self.prompts - told, 0.0, untold), untold))

    def of_asks(self, name: str, doubt: float = 0.0) -> Array:
        """How many requests had ``name``, for each ask, in [0, 1]; ``doubt`` as in :meth:`share`."""
        result: Array = np.minimum(self.count(name) / np.maximum(self.asks + doubt, 1.0), 1.0)
        return result

    @cached_property
    def answer_length(self) -> Array:
        """Mean of log2(1 + tokens) over the answers that count and are told; untold ones have theirs where there are no others."""
        untold = self.count("untold")
        told = self.taken("counted") - untold
        mean: Array = self.taken("log_out") / np.maximum(told, 1.0) / 16.0
        return np.where((told > 0) | (untold == 0), mean, np.log2(1.0 + UNTOLD))

    @cached_property
    def told(self) -> Array:
        """Counted requests whose tokens the log tells."""
        result: Array = self.count("counted") - self.count("untold")
        return result

    @cached_property
    def question_length(self) -> Array:
        """Mean of log2(1 + tokens) of the questions that are counted and told; 0 where there are none."""
        result: Array = self.count("log_in") / np.maximum(self.told, 1.0) / 16.0
        return result

    @cached_property
    def tokens(self) -> Array:
        """Tokens of all answers, the untold ones as they are taken."""
        result: Array = self.count("tokens_out") + UNTOLD * self.count("untold")
        return result

    def _map(self, name: str) -> Array:
        slots = self.state["slots"][f"map_{name}"]
        result: Array = slots[:, 0] | slots[:, 1]
        return result

    def distinct(self, name: str) -> Array:
        """How many distinct values of a map of :data:`siphonwatch.detector.sketch.row.MAPS` were seen, estimated."""
        return cardinality(self._map(name))

    @cached_property
    def prompts(self) -> Array:
        """Distinct prompts, estimated; a full map tells of about three thousand."""
        return self.distinct("prompts")

    @cached_property
    def textless(self) -> Array:
        """(N,) whether the log never held a prompt of the account."""
        result: Array = (self.prompts == 0) & (self.count("requests") > 0)
        return result

    @cached_property
    def hours(self) -> Array:
        """(N, 2 * HOURS) counted requests in each hour of the two generations, oldest first, up to 255 an hour."""
        generation = self.state["generation"].astype(np.int64)
        hours, row = self.state["slots"]["hours"], np.arange(len(self))
        return np.concatenate([hours[row, (generation + 1) % 2], hours[row, generation % 2]], axis=1)

    @cached_property
    def day(self) -> Array:
        """(N, 24) counted requests by hour of the UTC day."""
        result: Array = self.hours.reshape(len(self), -1, 24).sum(axis=1, dtype=np.int64)
        return result

    @cached_property
    def content(self) -> Array:
        """(N, DIMENSIONS) mean content vector of the counted requests, in units of one prompt's length."""
        slots = self.state["slots"]["content"]
        total = slots[:, 0].astype(np.float64) + slots[:, 1]
        result: Array = total / (NORM * np.maximum(self.count("counted"), 1.0))[:, None]
        return result

    @cached_property
    def _text(self) -> tuple[Array, Array, Array]:
        """(N, k) kept shingle hashes of both generations, how many requests used each, and the bits of its uses."""
        slots = self.state["slots"]
        one, other = slots[:, 0], slots[:, 1]
        hashes, used = merge_bottom_marked(one["shingles"], one["shingle_uses"], other["shingles"], other["shingle_uses"])
        counts = requests(used, self._least, self._heard)
        often = np.clip(self.asks * BOILERPLATE, 3.0, 255.0)
        counts[counts >= often[:, None]] = 0
        return hashes, counts, used

    @cached_property
    def shingles(self) -> tuple[Array, Array]:
        """(N, k) kept shingle hashes and how many requests asked with each: of boilerplate none, and 0 in place of what nobody asked with.

        Boilerplate is what a quarter of the requests hold: a system prompt, a template, a constant turn.
        """
        hashes, counts, used = self._text
        return np.where(asked_with(used, self._heard), hashes, np.uint32(0)), counts

    def _distinct(self, chosen: Array) -> Array:
        """Distinct shingles of a kind, ``chosen`` (N, k) of those kept, by the k-th smallest hash (Bar-Yossef et al. 2002)."""
        hashes, _, _ = self._text
        kept = np.maximum((hashes != 0).sum(axis=1), 1)
        least = np.maximum(hashes[:, -1].astype(np.float64), 1.0) / 2.0**32
        distinct = np.where(hashes[:, -1] != 0, (hashes.shape[1] - 1) / least, (hashes != 0).sum(axis=1))
        result: Array = SHINGLES_SAMPLED * distinct * chosen.sum(axis=1) / kept
        return result

    @cached_property
    def _own(self) -> tuple[Array, Array]:
        """(share, number) of the shingles of the account's own turns that are new, boilerplate apart: that one request alone asked with.

        Where prompts seldom come twice, what several requests asked with was still new in the first of them: most of it is counted so.
        """
        _, counts, _ = self._text
        once = ((counts == 1).sum(axis=1) + 1.0) / ((counts > 0).sum(axis=1) + 2.0)
        share = np.maximum(once, ONCE * self._apart)
        return share, self._distinct(counts > 0) * share

    @cached_property
    def _silent(self) -> Array:
        """(N,) whether an account says next to nothing itself, and what it has the model answer stands in answers that it made up."""
        _, own = self._own
        return (own < SILENT * self.asks) & (self._answers > own)

    @property
    def _only_answers(self) -> Array:
        """(N, k) which of the kept shingles only stood in answers."""
        result: Array = self._text[2] == WAS_ANSWER
        return result

    @cached_property
    def _answers(self) -> Array:
        """Distinct shingles that only stood in answers."""
        return ANSWERS_SAMPLED * self._distinct(self._only_answers)

    @cached_property
    def _apart(self) -> Array:
        """How surely an account asks for something new each time, as its prompts seldom come twice, in [0, 1]."""
        share = self.prompts / np.clip(self.asks, 1.0, PROMPTS_TOLD)
        low, high = APART
        result: Array = np.clip((share - low) / (high - low), 0.0, 1.0)
        return result

    @cached_property
    def _unseen(self) -> Array:
        """(N,) new shingles that an account must have asked with beyond those that are seen.

        Who seldom sends a prompt twice asks for something new each time. Where next to nothing new is seen, it is asked for by its number
        in a list that is sent again and again, or it stands in a text so long that only a sample of it is read.
        """
        _, own = self._own
        return np.maximum(ITEM * self._apart * self.prompts - own, 0.0)

    @cached_property
    def new_shingles(self) -> Array:
        """Distinct shingles that are new, estimated; those of answers where the account says nothing itself."""
        result: Array = np.where(self._silent, np.maximum(self._answers, self._unseen), self._own[1] + self._unseen)
        return result

    @cached_property
    def once(self) -> Array:
        """Share of the distinct shingles, boilerplate apart, that are new, in [0, 1]; half where there are none."""
        answered = self._only_answers.sum(axis=1)
        share, own = self._own
        share = np.maximum(share, self._unseen / np.maximum(own + self._unseen, 1.0))
        result: Array = np.where(self._silent, np.maximum((answered + 1.0) / (answered + 2.0), share), share)
        return result

    @cached_property
    def novelty(self) -> Array:
        """New shingles for each ask, wherever in it they stood."""
        result: Array = self.new_shingles / np.maximum(self.asks, 1.0)
        return result

    @cached_property
    def resumed(self) -> Array:
        """Distinct turns gone on from that the account really sent or was really answered, for each request, in [0, 1].

        Both samples keep by the same order, so below the smaller of their largest values each holds all of its turns. They count as far as
        the answers before are :attr:`real`.
        """
        given, resumed = self.sample("given"), self.sample("resumed")
        full = np.uint32(2**32 - 1)
        known = np.minimum(np.where(given[:, -1] != 0, given[:, -1], full), np.where(resumed[:, -1] != 0, resumed[:, -1], full))
        within = (resumed != 0) & (resumed <= known[:, None])
        met = (within[:, :, None] & (resumed[:, :, None] == given[:, None, :])).any(axis=2).sum(axis=1)
        result: Array = met / (known.astype(np.float64) / 2.0**32) / np.maximum(self.count("requests"), 1.0)
        return np.minimum(result, 1.0) * self.real

    @cached_property
    def real(self) -> Array:
        """(N,) how real the answers are that an account says it had before, in [0, 1]: each is billed again with the turn after it."""
        each = self.count("carried") / np.maximum(self.count("replies"), 1.0)
        low, high = CARRIED
        result: Array = np.clip((each / np.exp2(self.answer_length) - low) / (high - low), 0.0, 1.0)
        return result

    @cached_property
    def full_hours(self) -> Array:
        """How many hours of even load the answered requests amount to: the square of their sum over the sum of squares (Kish 1965)."""
        hours = self.hours.astype(np.float64)
        result: Array = hours.sum(axis=1) ** 2 / np.maximum((hours**2).sum(axis=1), 1.0)
        return result

    @cached_property
    def pace(self) -> Array:
        """How even the active hours are, in [0, 1]: 1 where each holds as many answered requests."""
        result: Array = self.full_hours / np.maximum((self.hours > 0).sum(axis=1), 1)
        return result

    @cached_property
    def first_model(self) -> Array:
        """(N,) 32-bit hash of the model of the oldest request that is remembered, 0 where there is none."""
        return self._model_at("model_first", 1)

    @cached_property
    def last_model(self) -> Array:
        """(N,) 32-bit hash of the model of the newest request."""
        return self._model_at("model_last", 0)

    @cached_property
    def first_minute(self) -> Array:
        """(N,) minute of the oldest answered request that is remembered, since 1970; 0 where there is none."""
        moment = self._moment("model_first", 1) >> np.uint64(32)
        return np.where(moment > 0, np.uint64(2**32 - 1) - moment, np.uint64(0)).astype(np.float64)

    @cached_property
    def last_minute(self) -> Array:
        """(N,) minute of the newest answered request."""
        result: Array = (self._moment("model_last", 0) >> np.uint64(32)).astype(np.float64)
        return result

    def _model_at(self, name: str, age: int) -> Array:
        result: Array = self._moment(name, age) & np.uint64(0xFFFFFFFF)
        return result

    def _moment(self, name: str, age: int) -> Array:
        row, generation = np.arange(len(self)), self.state["generation"].astype(np.int64)
        wanted = self.state["slots"][name][row, (generation - age) % 2]
        other = self.state["slots"][name][row, (generation - age + 1) % 2]
        result: Array = np.where(wanted > 0, wanted, other)
        return result

    @cached_property
    def pivoted(self) -> Array:
        """(N,) whether the account began with a known model and is now with one that was released lately."""
        if not self.released.size:
            return np.zeros(len(self), dtype=bool)
        result: Array = np.isin(self.last_model, self.released) & ~np.isin(self.first_model, self.released)
        return result

    @cached_property
    def common_content(self) -> Array:
        """(DIMENSIONS,) what everybody asks about: the mean over accounts, each counting up to 50 asks.

        Summed in integers, so that it does not depend on the order of the accounts.
        """
        slots = self.state["slots"]["content"].astype(np.int64)
        asks = self.count("counted").astype(np.int64)
        counted = np.minimum(asks, 50)
        total = ((slots[:, 0] + slots[:, 1]) * counted[:, None] // np.maximum(asks, 1)[:, None]).sum(axis=0)
        result: Array = total / (NORM * max(int(counted.sum()), 1))
        return result

    def sample(self, name: str) -> Array:
        """(N, k) kept hashes of a sample of :data:`siphonwatch.detector.sketch.row.SAMPLES`, zeros after them."""
        slots = self.state["slots"][f"sample_{name}"]
        result: Array = slots[:, 0] | slots[:, 1]  # right where only one generation has any
        both = np.flatnonzero((slots[:, 0, 0] != 0) & (slots[:, 1, 0] != 0))
        if len(both):
            result[both] = merge_bottom(slots[both, 0], slots[both, 1])
        return result

    @cached_property
    def organization(self) -> Array:
        """(N,) 32-bit hash of the organisation that the account was billed to last, 0 where the log names none."""
        result: Array = self.state["organization"] & np.uint64(0xFFFFFFFF)
        return result

    @cached_property
    def age(self) -> Array:
        """Days from sign-up to the newest hour with an ask; NaN where the sign-up is unknown."""
        created = self.state["created"].astype(np.float64)
        start = (self.state["generation"].astype(np.float64) - 1) * GENERATION
        latest = start + 3600.0 * (2 * HOURS - np.argmax(self.hours[:, ::-1] > 0, axis=1))
        return np.where(created > 0, np.maximum(latest - created, 0.0) / 86400.0, np.nan)
