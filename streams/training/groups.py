"""The shipped examples of groups, as files."""

from __future__ import annotations

import io
from dataclasses import fields
from importlib import resources
from typing import Any

import numpy as np
from siphonwatch.detector.learning.group_examples import GroupExamples

_REAL = ("inputs", "weight", "seen")
_WHOLE = ("group", "account", "look")


def pack(made: GroupExamples) -> bytes:
    """As a compressed NumPy archive; features are kept to four digits."""
    kept: dict[str, Any] = {each.name: np.asarray(getattr(made, each.name)) for each in fields(made)}
    for name in _REAL:
        kept[name] = kept[name].astype(np.float32)
    for name in ("inputs", "seen"):
        kept[name] = np.round(kept[name], 4)
    for name in _WHOLE:
        kept[name] = kept[name].astype(np.uint32)
    file = io.BytesIO()
    np.savez_compressed(file, **kept)
    return file.getvalue()


def unpack(data: bytes) -> GroupExamples:
    """The inverse of :func:`pack`."""
    with np.load(io.BytesIO(data)) as kept:
        values: dict[str, Any] = {each.name: kept[each.name] for each in fields(GroupExamples)}
    for name in _REAL:
        values[name] = values[name].astype(np.float64)
    for name in _WHOLE:
        values[name] = values[name].astype(np.int64)
    values["innocents"] = int(values["innocents"])
    return GroupExamples(**values)


def hands() -> dict[str, GroupExamples]:
    """The examples that ship: hand -> what its streams' groups teach; the simulator is one of them."""
    folder = resources.files("siphonwatch.detector.learning").joinpath("groups")
    files = sorted((file.name, file) for file in folder.iterdir() if file.name.endswith(".npz"))
    return {name.removesuffix(".npz"): unpack(file.read_bytes()) for name, file in files}
