"""Rows of the version before, read as rows of this one.

A register is taken over where both versions have it under one name and in one width; a map that was wider is folded onto the narrower,
which is exact, as a hash's place in it is a remainder. What is new begins empty and fills as the account goes on.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.sketch.row import COUNTER, GENERATION_ROW, ROW, StateError, empty

Array = npt.NDArray[Any]

VERSION = 2
COUNTERS = (
    "requests", "limited", "filtered", "asks", "follow_ups", "systems", "end_users", "tools", "tokens_out",
    "log_in", "log_out", "log_ratio", "roomy", "one_token", "cold", "samples", "logprobs", "logit_bias",
    "order_hour", "order_place", "order_hour_squared", "order_place_squared", "order_product",
    "order_length", "order_length_squared", "order_length_product", "cue_reasoning", "cue_grading", "cue_persona", "cue_generation",
)  # fmt: skip
_MAPS = {"prompts": 1024, "prompts_sampled": 256, "openings": 256, "endings": 256, "scaffolds": 256, "habits": 64, "models": 32}
_SAMPLES = {"address": 4, "block": 2, "payment": 2, "agent": 2, "habit": 3, "opening": 4, "ending": 3, "system": 2}
_PUBLIC = {f"sample_{name}" for name in ("address", "block", "payment", "agent")}  # hashed with a key that everybody knows: not taken over
_SLOT = np.dtype(
    [("counters", "<u4", (len(COUNTERS),)), ("content", "<i4", (48,)), ("hours", "u1", (168,))]
    + [(f"map_{name}", "u1", (bits // 8,)) for name, bits in _MAPS.items()]
    + [(f"sample_{name}", "<u4", (keep,)) for name, keep in _SAMPLES.items()]
    + [("model_first", "<u8"), ("model_last", "<u8")]
)
OLDER = np.dtype(
    [(name, "<u4") for name in ("generation", "minute", "created", "rpm", "tpm")]
    + [("minutes", "<u2", (16,)), ("late", "<u2", (16,)), ("tokens", "<u2", (16,)), ("refused", "u1", (16,)), ("slots", _SLOT, (2,))]
)
BYTES = 2 + OLDER.itemsize  # of a row on the wire


def rows(values: list[bytes]) -> Array:
    """(N,) rows of this version from rows of the version before; ``StateError`` for any other bytes."""
    for value in values:
        if value[:2] != bytes([0x53, VERSION]) or len(value) != BYTES:
            raise StateError(
                f"these bytes are no account state of version {VERSION}: older states are not read, start with an empty --prefix"
            )
    old = np.frombuffer(b"".join([value[2:] for value in values]), dtype=OLDER)
    made = empty(len(old))
    for name in ROW.names or ():
        if name != "slots" and name in (OLDER.names or ()) and OLDER[name] == ROW[name]:
            made[name] = old[name]
    was, now = old["slots"], made["slots"]
    for position, name in enumerate(COUNTERS):
        if name in COUNTER:
            now["counters"][:, :, COUNTER[name]] = was["counters"][:, :, position]
    for name in GENERATION_ROW.names or ():
        if name in _PUBLIC or name == "counters" or name not in (_SLOT.names or ()):
            continue
        wide, narrow = _SLOT[name].shape[-1:] or (1,), GENERATION_ROW[name].shape[-1:] or (1,)
        if wide == narrow:
            now[name] = was[name]
        elif name.startswith("map_") and wide[0] % narrow[0] == 0:
            now[name] = np.bitwise_or.reduce(was[name].reshape(*was[name].shape[:-1], wide[0] // narrow[0], narrow[0]), axis=-2)
    return made
