"""From requests to rows: what each request adds to the registers of the account that sent it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request import cues
from siphonwatch.detector.request.fingerprint import NOW, SHINGLES_SAMPLED
from siphonwatch.detector.sketch.registers import bit, bottom, bottom_marked, changes, narrow, spread
from siphonwatch.detector.sketch.row import (
    COUNTERS,
    GENERATION,
    HOURS,
    MAPS,
    MINUTES,
    MOMENTS,
    RINGS,
    SAMPLES,
    SHINGLES_KEPT,
    TOKENS,
    TURNS,
    empty,
)
from siphonwatch.detector.sketch.taken import BY_CLASS, classes, counted, hung_up, lower, timed, untold
from siphonwatch.detector.sketch.uses import uses

if TYPE_CHECKING:
    from siphonwatch.detector.request.columns import RequestBatch

Array = npt.NDArray[Any]


def _log(tokens: Array) -> Array:
    """log2(1 + tokens) in sixteenths, so that sums are integers."""
    result: Array = np.rint(16 * np.log2(1.0 + tokens)).astype(np.int64)
    return result


def _columns(batch: RequestBatch, answer: Array, counts: Array) -> Array:
    """(len(COUNTERS), N): what each request adds; ``answer`` (N,) is the class of what it took, ``counts`` (N,) whether it is counted."""
    answered, dark = batch.answered, untold(batch)
    told, billed = counts & ~dark, answered & ~hung_up(batch)
    log_in, log_out = _log(batch.tokens_in), _log(batch.tokens_out)
    quarter_in, quarter_out = log_in // 4, log_out // 4  # coarser, so that the sums of squares last for a week
    values = {
        "requests": np.ones(len(batch), np.int64),
        "answered": answered,
        "counted": counts,
        "untold": dark,
        "limited": batch.status == 429,
        "filtered": batch.filtered,
        "cut": batch.length_stop,
        "tokens_out": batch.tokens_out,
        "log_in": log_in * told,
        "log_in_squared": quarter_in * quarter_in * told,
        "log_out": log_out * told,
        "log_out_squared": quarter_out * quarter_out * told,
        "follow_ups": batch.follow_up,
        "replies": batch.replies * billed,
        "carried": batch.carried * billed,
        "systems": batch.system != 0,
        "end_users": batch.end_user != 0,
        "tools": batch.tool_use,
        "roomy": batch.max_tokens >= 4096,
        "cold": batch.temperature == 0.0,
        "samples": batch.samples > 1,
        "logprobs": batch.logprobs,
        "logit_bias": batch.logit_bias,
    }
    values |= {f"cue_{name}": (batch.text.cues >> family) & 1 for family, name in enumerate(cues.FAMILY_NAMES)}
    for number, of in enumerate(zip(*map(lower, BY_CLASS), strict=True)):
        values |= {part: values[name] * (answered & (answer == number)) for name, part in zip(BY_CLASS, of, strict=True)}
    columns = np.empty((len(COUNTERS), len(batch)), np.int64)
    for position, name in enumerate(COUNTERS):
        columns[position] = values[name]
    return columns


def _hashes(batch: RequestBatch) -> dict[str, Array]:
    """Map name -> the hash each request puts there; 0 puts nothing."""
    return {
        "prompts": _billed(batch),
        "models": batch.model,
    }


def _billed(batch: RequestBatch) -> Array:
    """(N,) uint64 hashes of text and billed length: one text billed at two lengths was not one prompt; the log saw a part of it."""
    billed = spread(batch.text.prompt ^ spread(batch.tokens_in))
    return np.where(batch.text.prompt == 0, np.uint64(0), billed)


def _shingles(batch: RequestBatch, answer: Array) -> tuple[Array, Array]:
    """(N, SHINGLES + 1) uint32: the shingles of each request's text, and its billed length as one more, sampled alike; and their uses.

    None of a request that was not answered: it costs nothing, and may be sent again and again.
    """
    billed = (_billed(batch) >> np.uint64(16)).astype(np.uint32)
    sampled = np.where(billed % np.uint32(SHINGLES_SAMPLED) == 0, billed, np.uint32(0))
    stood = np.column_stack([batch.text.stood, np.full(len(batch), NOW, np.uint8)])
    answered = batch.answered[:, None]
    return np.column_stack([batch.text.shingles, sampled]) * answered, uses(batch.time, answer, untold(batch), stood)


def _turns(batch: RequestBatch, answer: Array) -> dict[str, Array]:
    """Name of ``TURNS`` -> (N, 2) uint32 hashes that each request offers; who takes next to nothing goes on from nothing."""
    before = np.where(batch.answer_before == batch.question_before, np.uint64(0), batch.answer_before)
    offered = {"given": (batch.question, batch.answer), "resumed": (batch.question_before, before)}
    found = {name: (np.column_stack(pair) >> np.uint64(32)).astype(np.uint32) for name, pair in offered.items()}
    found["resumed"] *= (answer > 0)[:, None]
    return found


def _sampled(batch: RequestBatch, counts: Array) -> dict[str, Array]:
    """Sample name -> the 32-bit hash each request offers; of what a client writes, those that are counted."""
    wide = {
        "address": batch.address, "block": batch.block, "payment": batch.payment, "agent": batch.agent,
        "habit": batch.habit, "system": batch.system,
    }  # fmt: skip
    narrowed = {name: (hashes >> np.uint64(32)).astype(np.uint32) for name, hashes in wide.items()}
    written = narrowed | {"opening": batch.text.opening, "ending": batch.text.ending}
    return written | {name: written[name] * counts for name in ("agent", "habit", "system", "opening", "ending")}


@dataclass(frozen=True, slots=True)
class _Sorted:
    """Requests in the order of their owners: whose runs they are, so that what is kept of an owner is what is left of its run."""

    chosen: Array  # (M,) positions in the batch
    owner: Array  # (M,) whose
    first: Array  # (G,) where each run begins
    present: Array  # (G,) whose run it is

    @classmethod
    def of(cls, chosen: Array, owner: Array) -> _Sorted:
        first = np.flatnonzero(changes(owner))
        return cls(chosen, owner, first, owner[first])

    @property
    def run(self) -> Array:
        """(M,) the number of each request's run."""
        return np.repeat(np.arange(len(self.first)), np.diff(self.first, append=len(self.owner)))

    def highest(self, values: Array) -> Array:
        """(G,) the greatest of each run's ``values`` (N,)."""
        result: Array = np.maximum.reduceat(values[self.chosen], self.first)
        return result


def fold(batch: RequestBatch, owner: Array, rows: int) -> Array:
    """Rows of ``rows`` owners from a batch; ``owner`` (N,) says whose each request is, in [0, rows)."""
    state = empty(rows)
    if not len(batch):
        return state
    order = np.argsort(owner, kind="stable")
    whole = _Sorted.of(order, owner[order])
    second = batch.time // 1000
    generation = second // GENERATION
    newest = np.zeros(rows, np.int64)
    newest[whole.present] = whole.highest(generation)
    state["generation"] = newest
    for name in ("created", "rpm", "tpm"):
        state[name][whole.present] = narrow(whole.highest(getattr(batch, name)), np.uint32)
    state["organization"][whole.present] = whole.highest(_organizations(batch))
    minute = np.zeros(rows, np.int64)
    minute[whole.present] = whole.highest(second // 60)
    state["minute"] = minute
    _fold_minutes(state, owner, second, minute, batch)
    answer = classes(batch)
    counts = counted(batch, answer)
    offered = _Offered(
        _columns(batch, answer, counts),
        _hashes(batch),
        _sampled(batch, counts),
        _moments(batch),
        *_shingles(batch, answer),
        _turns(batch, answer),
        counts,
        timed(batch, counts),
    )
    age = newest[whole.owner] - generation[order]
    slot = generation[order] % 2
    for each in (0, 1):
        mine = np.flatnonzero((age <= 1) & (slot == each))
        if len(mine):
            _fold_generation(state["slots"][:, each], batch, _Sorted.of(order[mine], whole.owner[mine]), offered)
    return state


def _fold_minutes(state: Array, owner: Array, second: Array, newest: Array, batch: RequestBatch) -> None:
    minute = second // 60
    live = np.flatnonzero(minute > newest[owner] - MINUTES)
    cell, cells = owner[live] * MINUTES + minute[live] % MINUTES, len(state) * MINUTES
    refused = batch.status[live] == 429
    late = second[live] % 60 >= 30
    totals = {
        "minutes": np.bincount(cell, minlength=cells),
        "late": np.bincount(cell[late], minlength=cells),
        "tokens": np.bincount(cell, (batch.tokens_in + batch.tokens_out)[live] // TOKENS, cells).astype(np.int64),
        "refused": np.bincount(cell[refused], minlength=cells),
    }
    for name, kind in RINGS.items():
        state[name] = narrow(totals[name].reshape(-1, MINUTES), kind)


def _moments(batch: RequestBatch) -> dict[str, Array]:
    """(N,) uint64 of each of ``MOMENTS``: minute and 32 bits of the model's hash; 0 for a request that was refused."""
    minute = (batch.time // 60_000).astype(np.uint64)
    model = batch.model >> np.uint64(32)
    answered = batch.answered.astype(np.uint64)
    first = ((np.uint64(2**32 - 1) - minute) << np.uint64(32)) | model
    return {"model_first": first * answered, "model_last": ((minute << np.uint64(32)) | model) * answered}


def _organizations(batch: RequestBatch) -> Array:
    """(N,) uint64: minute and 32 bits of the hash of the organisation that each request was billed to; 0 where the log names none."""
    known, minute = batch.organization != 0, (batch.time // 60_000).astype(np.uint64)
    return np.where(known, (minute << np.uint64(32)) | (batch.organization >> np.uint64(32)), np.uint64(0))


@dataclass(frozen=True, slots=True)
class _Offered:
    """What each request of a batch offers to its owner's registers."""

    columns: Array
    hashes: dict[str, Array]
    sampled: dict[str, Array]
    moments: dict[str, Array]
    shingles: Array
    uses: Array
    turns: dict[str, Array]
    counts: Array
    timed: Array  # (N,) which ones make an hour busy


def _fold_generation(part: Array, batch: RequestBatch, mine: _Sorted, offered: _Offered) -> None:
    """Fill the generations ``part`` (rows,) of the owners that are there from their requests."""
    chosen, owner, first = mine.chosen, mine.owner, mine.first
    run, runs = mine.run, len(first)
    present: Array | slice = slice(None) if runs == len(part) else mine.present
    part["counters"][present] = narrow(np.add.reduceat(offered.columns.take(chosen, axis=1), first, axis=1), np.uint32).T
    counts = offered.counts[chosen]
    content = batch.text.content[chosen].astype(np.int32)
    content[~counts] = 0
    part["content"][present] = np.add.reduceat(content, first, axis=0, dtype=np.int32)
    timed = offered.timed[chosen]
    hour = (batch.time[chosen] // 3_600_000 % HOURS)[timed]
    met = np.flatnonzero(np.bincount(hour, minlength=HOURS))  # few of the week's, as a log goes on in time
    cell = run[timed] * len(met) + np.searchsorted(met, hour)
    hours = np.zeros((runs, HOURS), np.uint8)
    hours[:, met] = narrow(np.bincount(cell, minlength=runs * len(met)).reshape(runs, len(met)), np.uint8)
    part["hours"][present] = hours
    for name, bits in MAPS.items():
        values = offered.hashes[name][chosen]
        byte, mask = bit(values, bits, shift=3)
        mask[values == 0] = 0
        np.bitwise_or.at(part[f"map_{name}"], (owner, byte), mask)
    part["shingles"][present], part["shingle_uses"][present] = bottom_marked(
        np.repeat(run, offered.shingles.shape[1]), offered.shingles[chosen].ravel(), offered.uses[chosen].ravel(), runs, SHINGLES_KEPT
    )
    for name, keep in TURNS.items():
        part[f"sample_{name}"][present] = bottom(np.repeat(run, 2), offered.turns[name][chosen].ravel(), runs, keep)
    for name, keep in SAMPLES.items():
        part[f"sample_{name}"][present] = bottom(run, offered.sampled[name][chosen], runs, keep)
    for name in MOMENTS:
        part[name][present] = mine.highest(offered.moments[name])
