"""The account's state: one fixed-width row of integer registers that merges exactly.

``fold(a + b) == merge(fold(a), fold(b))`` byte for byte, in any order and any split, because every register is a sum
(saturating), a union of bits, a maximum or a bottom-k sample. Event time is part of the row: registers stand in two
*generations* of a week each, the current and the one before; a row that meets a newer event advances, dropping
what is older than its two generations. So a verdict rests on the last one to two weeks, a row never grows, and
advancing commutes with merging.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request import cues
from siphonwatch.detector.request.fingerprint import DIMENSIONS, NOW, SHINGLES_SAMPLED
from siphonwatch.detector.sketch.registers import (
    add_saturating,
    bit,
    bottom,
    bottom_marked,
    changes,
    merge_bottom,
    merge_bottom_marked,
    narrow,
    spread,
)
from siphonwatch.detector.sketch.uses import uses

if TYPE_CHECKING:
    from siphonwatch.detector.request.columns import RequestBatch

Array = npt.NDArray[Any]

VERSION = 5  # of the wire form; raise it with every change of ROW or of a hash
GENERATION = 7 * 24 * 3600  # seconds
HOURS = GENERATION // 3600
MINUTES = 16  # of the short ring that peaks of rate are read from

LONG = 256  # tokens of an answer that is worth training on
TOKENS = 64  # tokens in one unit of the ring of tokens a minute: two bytes reach four million

COUNTERS = (
    "requests", "answered", "limited", "filtered", "cut", "tokens_out", "log_in", "log_in_squared", "log_out", "log_out_squared",
    "long", "one_token", "busy", "log_words",
    "follow_ups", "systems", "end_users", "tools", "roomy", "cold", "samples", "logprobs", "logit_bias",
    *(f"cue_{name}" for name in cues.FAMILY_NAMES),
)  # fmt: skip
COUNTER = {name: position for position, name in enumerate(COUNTERS)}

# Maps that count distinct values: name -> bits.
MAPS = {"prompts": 512, "habits": 64, "models": 32, "minutes": 256, "moments": 512}
MOMENT_MS = 10_000  # of the map ``moments``
SHINGLES_KEPT = 36  # of an account's text: a sample with its uses, which tell what came once and what is boilerplate

# Samples by which accounts are linked: name -> values kept.
SAMPLES = {
    "address": 4, "block": 2, "payment": 2, "agent": 2, "habit": 3, "opening": 4, "ending": 3, "system": 2,
}  # fmt: skip
# Samples of turns, held against each other: a follow-up is real where the turns it goes on from were really sent, or really
# answered. Name -> values kept.
TURNS = {"given": 10, "resumed": 10}

# Registers of the newest and the oldest: the greatest (time, model), time counted backwards for the oldest.
MOMENTS = ("model_first", "model_last")
# Rings over the last minutes: what an account's own limits are held against.
RINGS = {"minutes": "<u2", "late": "<u2", "tokens": "<u2", "refused": "u1"}

GENERATION_ROW = np.dtype(
    [("counters", "<u4", (len(COUNTERS),)), ("content", "<i4", (DIMENSIONS,)), ("hours", "u1", (HOURS,))]
    + [(f"map_{name}", "u1", (bits // 8,)) for name, bits in MAPS.items()]
    + [(f"sample_{name}", "<u4", (keep,)) for name, keep in (SAMPLES | TURNS).items()]
    + [("shingles", "<u4", (SHINGLES_KEPT,)), ("shingle_uses", "u1", (SHINGLES_KEPT,))]
    + [(name, "<u8") for name in MOMENTS]
)
ROW = np.dtype(
    [
        ("generation", "<u4"),  # number of the newest generation, 0 in an empty row
        ("minute", "<u4"),  # newest minute of the rings
        ("created", "<u4"),  # the account's sign-up, seconds; 0 where unknown
        ("rpm", "<u4"),  # the account's limits, 0 where unknown
        ("tpm", "<u4"),
        ("organization", "<u8"),  # newest minute that named one, and 32 bits of its hash; 0 where unknown
        ("minutes", RINGS["minutes"], (MINUTES,)),  # requests in each of the last minutes
        ("late", RINGS["late"], (MINUTES,)),  # those in the second half of the minute
        ("tokens", RINGS["tokens"], (MINUTES,)),  # tokens in and out, in units of ``TOKENS``
        ("refused", RINGS["refused"], (MINUTES,)),  # requests answered 429
        ("slots", GENERATION_ROW, (2,)),  # generation g stands in slot g % 2
    ]
)


class StateError(ValueError):
    """Bytes that are not a row of this version."""


def empty(count: int) -> Array:
    """``count`` rows of accounts that have done nothing."""
    return np.zeros(count, dtype=ROW)


# ---------------------------------------------------------------------------------------------------- fold


def _log(tokens: Array) -> Array:
    """log2(1 + tokens) in sixteenths, so that sums are integers."""
    result: Array = np.rint(16 * np.log2(1.0 + tokens)).astype(np.int64)
    return result


def _columns(batch: RequestBatch) -> Array:
    """(len(COUNTERS), N): what each request adds to the counters."""
    answered = batch.status < 400
    log_in, log_out = _log(batch.tokens_in), _log(batch.tokens_out)
    quarter_in, quarter_out = log_in // 4, log_out // 4  # coarser, so that the sums of squares last for a week
    values = {
        "requests": np.ones(len(batch), np.int64),
        "answered": answered,
        "limited": batch.status == 429,
        "filtered": batch.filtered,
        "cut": batch.length_stop,
        "tokens_out": batch.tokens_out,
        "log_in": log_in * answered,
        "log_in_squared": quarter_in * quarter_in * answered,
        "log_out": log_out * answered,
        "log_out_squared": quarter_out * quarter_out * answered,
        "long": batch.tokens_out >= LONG,
        "one_token": (batch.tokens_out <= 2) & answered & (batch.tokens_in + batch.tokens_out > 0),
        "busy": np.minimum(batch.latency, 600_000) // 100,
        "log_words": _log(batch.text.words) // 4,
        "follow_ups": batch.follow_up,
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
    columns = np.empty((len(COUNTERS), len(batch)), np.int64)
    for position, name in enumerate(COUNTERS):
        columns[position] = values[name]
    return columns


def _hashes(batch: RequestBatch) -> dict[str, Array]:
    """Map name -> the hash each request puts there; 0 puts nothing."""
    return {
        "prompts": _billed(batch),
        "habits": batch.habit >> np.uint64(8),
        "models": batch.model,
        "minutes": spread(batch.time // 60_000) >> np.uint64(16),
        "moments": spread(batch.time // MOMENT_MS) >> np.uint64(16),
    }


def _billed(batch: RequestBatch) -> Array:
    """(N,) uint64 hashes of text and billed length: one text billed at two lengths was not one prompt; the log saw a part of it."""
    billed = spread(batch.text.prompt ^ spread(batch.tokens_in))
    return np.where(batch.text.prompt == 0, np.uint64(0), billed)


def _shingles(batch: RequestBatch) -> tuple[Array, Array]:
    """(N, SHINGLES + 1) uint32: the shingles of each request's text, and its billed length as one more, sampled alike; and their uses."""
    billed = (_billed(batch) >> np.uint64(16)).astype(np.uint32)
    sampled = np.where(billed % np.uint32(SHINGLES_SAMPLED) == 0, billed, np.uint32(0))
    stood = np.column_stack([batch.text.stood, np.full(len(batch), NOW, np.uint8)])
    return np.column_stack([batch.text.shingles, sampled]), uses(batch.time, stood)


def _turns(batch: RequestBatch) -> dict[str, Array]:
    """Name of ``TURNS`` -> (N, 2) uint32 hashes that each request offers."""
    before = np.where(batch.answer_before == batch.question_before, np.uint64(0), batch.answer_before)
    offered = {"given": (batch.question, batch.answer), "resumed": (batch.question_before, before)}
    return {name: (np.column_stack(pair) >> np.uint64(32)).astype(np.uint32) for name, pair in offered.items()}


def _sampled(batch: RequestBatch) -> dict[str, Array]:
    """Sample name -> the 32-bit hash each request offers."""
    wide = {
        "address": batch.address, "block": batch.block, "payment": batch.payment, "agent": batch.agent,
        "habit": batch.habit, "system": batch.system,
    }  # fmt: skip
    narrowed = {name: (hashes >> np.uint64(32)).astype(np.uint32) for name, hashes in wide.items()}
    return narrowed | {"opening": batch.text.opening, "ending": batch.text.ending}


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
    offered = _Offered(_columns(batch), _hashes(batch), _sampled(batch), _moments(batch), *_shingles(batch), _turns(batch))
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
    counted = {
        "minutes": np.bincount(cell, minlength=cells),
        "late": np.bincount(cell[late], minlength=cells),
        "tokens": np.bincount(cell, (batch.tokens_in + batch.tokens_out)[live] // TOKENS, cells).astype(np.int64),
        "refused": np.bincount(cell[refused], minlength=cells),
    }
    for name, kind in RINGS.items():
        state[name] = narrow(counted[name].reshape(-1, MINUTES), kind)


def _moments(batch: RequestBatch) -> dict[str, Array]:
    """(N,) uint64 of each of ``MOMENTS``: minute and 32 bits of the model's hash; 0 for a request that was refused."""
    minute = (batch.time // 60_000).astype(np.uint64)
    model = batch.model >> np.uint64(32)
    answered = (batch.status < 400).astype(np.uint64)
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


def _fold_generation(part: Array, batch: RequestBatch, mine: _Sorted, offered: _Offered) -> None:
    """Fill the generations ``part`` (rows,) of the owners that are there from their requests."""
    chosen, owner, first = mine.chosen, mine.owner, mine.first
    run, runs = mine.run, len(first)
    present: Array | slice = slice(None) if runs == len(part) else mine.present
    part["counters"][present] = narrow(np.add.reduceat(offered.columns.take(chosen, axis=1), first, axis=1), np.uint32).T
    answered = batch.status[chosen] < 400
    content = batch.text.content[chosen].astype(np.int32)
    content[~answered] = 0
    part["content"][present] = np.add.reduceat(content, first, axis=0, dtype=np.int32)
    hour = (batch.time[chosen] // 3_600_000 % HOURS)[answered]
    met = np.flatnonzero(np.bincount(hour, minlength=HOURS))  # few of the week's, as a log goes on in time
    cell = run[answered] * len(met) + np.searchsorted(met, hour)
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


# --------------------------------------------------------------------------------------------------- merge


def advance(state: Array, generation: Array, minute: Array | None = None) -> Array:
    """Copies of rows as they stand at event-time ``generation`` (N,); going back in time changes nothing."""
    result = state.copy()
    target = np.maximum(state["generation"], generation).astype(np.int64)
    step = target - state["generation"]
    rows = np.arange(len(state))
    result["slots"][rows[step >= 2]] = 0
    moved = rows[step == 1]
    result["slots"][moved, target[moved] % 2] = 0
    result["generation"] = target
    if minute is not None:
        result["minute"] = np.maximum(state["minute"], minute)
        for name in RINGS:
            result[name] = _ring_at(state, name, result["minute"])
    return result


def _ring_at(state: Array, name: str, minute: Array) -> Array:
    """(N, MINUTES) a ring as it stands at ``minute`` (N,), which is not before its own."""
    target = minute.astype(np.int64)
    own = state["minute"].astype(np.int64)
    if bool((target == own).all()):
        ring: Array = state[name]
        return ring
    newest_there = minute_of_cell(target)
    return np.where(newest_there > own[:, None], state[name].dtype.type(0), state[name])


def minute_of_cell(minute: Array) -> Array:
    """(N, MINUTES) the minute that each cell of a ring stands for when its newest minute is ``minute`` (N,)."""
    result: Array = minute[:, None] - (minute[:, None] - np.arange(MINUTES)) % MINUTES
    return result


def merge(left: Array, right: Array) -> Array:
    """Rows of the unions of two arrays of rows (N,), pairwise."""
    generation = np.maximum(left["generation"], right["generation"])
    minute = np.maximum(left["minute"], right["minute"])
    result = advance(left, generation, minute)
    other = right if bool((right["generation"] == generation).all()) else advance(right, generation)
    for name in ("created", "rpm", "tpm", "organization"):
        result[name] = np.maximum(result[name], other[name])
    for name in RINGS:
        result[name] = add_saturating(result[name], _ring_at(right, name, minute))
    for slot in (0, 1):
        present = np.flatnonzero(other["slots"]["counters"][:, slot, 0])  # an empty generation has nothing to add
        if len(present):
            result["slots"][present, slot] = _merge_generation(result["slots"][present, slot], other["slots"][present, slot])
    return result


def _merge_generation(mine: Array, theirs: Array) -> Array:
    mine["counters"] = add_saturating(mine["counters"], theirs["counters"])
    mine["content"] += theirs["content"]  # modulo 2**32, which is associative: 10**8 prompts do not wrap it
    mine["hours"] = add_saturating(mine["hours"], theirs["hours"])
    for name in MAPS:
        mine[f"map_{name}"] |= theirs[f"map_{name}"]
    for name in SAMPLES | TURNS:
        mine[f"sample_{name}"] = merge_bottom(mine[f"sample_{name}"], theirs[f"sample_{name}"])
    mine["shingles"], mine["shingle_uses"] = merge_bottom_marked(
        mine["shingles"], mine["shingle_uses"], theirs["shingles"], theirs["shingle_uses"]
    )
    for name in MOMENTS:
        mine[name] = np.maximum(mine[name], theirs[name])
    return mine


def merge_runs(state: Array, owner: Array) -> Array:
    """One row of the union of each owner's rows, in the order of the owners; ``owner`` (N,) ascends."""
    while True:
        first = np.flatnonzero(changes(owner))
        if len(first) == len(owner):
            return state.copy()
        place = np.arange(len(owner)) - np.repeat(first, np.diff(first, append=len(owner)))
        left = np.flatnonzero(place % 2 == 0)
        paired = np.append(place[1:] % 2 == 1, False)[left]  # whose next row is the same owner's
        merged = state[left]
        merged[paired] = merge(state[left[paired]], state[left[paired] + 1])
        state, owner = merged, owner[left]


# -------------------------------------------------------------------------------------------------- on the wire

_PREFIX = bytes([0x53, VERSION])  # "S" and the version
_MARK = np.frombuffer(_PREFIX, np.uint8)
_SIZE = len(_PREFIX) + ROW.itemsize


def to_bytes(state: Array) -> list[bytes]:
    """Each row as ``1 + 1 + ROW.itemsize`` bytes: a mark, the version, the registers in little-endian order."""
    data = packed(state)
    return [data[at : at + _SIZE] for at in range(0, len(data), _SIZE)]


def packed(state: Array) -> bytes:
    """The rows of :func:`to_bytes` one after the other."""
    wire = np.empty((len(state), _SIZE), np.uint8)
    wire[:, : len(_MARK)] = _MARK
    wire[:, len(_MARK) :] = np.ascontiguousarray(state).view(np.uint8).reshape(len(state), ROW.itemsize)
    return wire.tobytes()


def from_bytes(values: list[bytes]) -> Array:
    """The inverse of :func:`to_bytes`; ``StateError`` for another version or a wrong length."""
    for value in values:
        _check(value)
    return unpacked(b"".join(values))


def unpacked(data: bytes | memoryview) -> Array:
    """The inverse of :func:`packed`, with the errors of :func:`from_bytes`."""
    if len(data) % _SIZE:
        _check(bytes(data[len(data) // _SIZE * _SIZE :]))
    wire = np.frombuffer(data, np.uint8).reshape(-1, _SIZE)
    wrong = np.flatnonzero((wire[:, : len(_MARK)] != _MARK).any(axis=1))
    if len(wrong):
        _check(wire[wrong[0]].tobytes())
    rows: Array = np.ascontiguousarray(wire[:, len(_MARK) :]).view(ROW).reshape(-1)
    return rows


def _check(value: bytes) -> None:
    if value[:1] != _PREFIX[:1]:
        raise StateError("these bytes are not a siphonwatch account state; is the key prefix another program's?")
    if value[1:2] != _PREFIX[1:]:
        raise StateError(
            f"account state of version {value[1] if len(value) > 1 else 'none'}, this siphonwatch reads version {VERSION}: "
            "start with an empty --prefix, or run the version that wrote it"
        )
    if len(value) != _SIZE:
        raise StateError(f"account state of {len(value)} bytes, expected {_SIZE}: the value was cut short")
