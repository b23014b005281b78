"""The account's state: one fixed-width row of integer registers that merges exactly.

``fold(a + b) == merge(fold(a), fold(b))`` byte for byte, in any order and any split, because every register is a sum
(saturating), a union of bits, a maximum or a bottom-k sample. Event time is part of the row: registers stand in two
*generations* of a week each, the current and the one before; a row that meets a newer event advances, dropping
what is older than its two generations. So a verdict rests on the last one to two weeks, a row never grows, and
advancing commutes with merging.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request import cues
from siphonwatch.detector.request.fingerprint import DIMENSIONS
from siphonwatch.detector.sketch.registers import (
    add_saturating,
    changes,
    merge_bottom,
    merge_bottom_marked,
)
from siphonwatch.detector.sketch.taken import BY_CLASS, lower

Array = npt.NDArray[Any]

VERSION = 7  # of the wire form; raise it with every change of ROW or of a hash
GENERATION = 7 * 24 * 3600  # seconds
HOURS = GENERATION // 3600
MINUTES = 16  # of the short ring that peaks of rate are read from

TOKENS = 64  # tokens in one unit of the ring of tokens a minute: two bytes reach four million

COUNTERS = (
    "requests", "answered", "counted", "untold", "limited", "filtered", "cut",
    "tokens_out", "log_in", "log_in_squared", "log_out", "log_out_squared",
    *(part for name in BY_CLASS for part in lower(name)),
    "follow_ups", "replies", "carried", "systems", "end_users", "tools", "roomy", "cold", "samples", "logprobs", "logit_bias",
    *(f"cue_{name}" for name in cues.FAMILY_NAMES),
)  # fmt: skip
COUNTER = {name: position for position, name in enumerate(COUNTERS)}

# Maps that count distinct values: name -> bits.
MAPS = {"prompts": 512, "models": 32}
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
    + [("shingles", "<u4", (SHINGLES_KEPT,)), ("shingle_uses", "<u2", (SHINGLES_KEPT,))]
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
