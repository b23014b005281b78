"""Questions to those who keep shards, and their answers, as bytes: a call by name, its values typed by the function's own annotations.

Nothing here can run what the sender chose: a reader looks a name up among the functions that it offers, and MessagePack holds values
alone. Arrays travel in NumPy's own file format, which says their type and shape; objects in them are refused.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any, get_origin, get_type_hints

import msgspec
import numpy as np
from siphonwatch.detector.scoring.population import Population
from siphonwatch.streams.common.errors import Behind, Fenced, Moved, SiphonwatchError, Unavailable


class Ask(msgspec.Struct, array_like=True):
    """A question to some of those who keep shards."""

    id: str  # under which answers are awaited
    leader: str  # who asks: one engine of one judge
    of: list[str]  # names of the keepers who are asked
    which: str  # by which prior
    call: str
    values: msgspec.Raw


class Answer(msgspec.Struct, array_like=True):
    """What one of them says."""

    name: str  # who answers
    value: msgspec.Raw = msgspec.Raw(b"\xc0")
    error: list[str | int | None] = []  # class, message and more, of what was raised instead


def _encode_more(value: Any) -> Any:
    if isinstance(value, Population):
        value = value.counts
    if isinstance(value, np.ndarray):
        file = io.BytesIO()
        np.lib.format.write_array(file, value, allow_pickle=False)
        return file.getvalue()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be sent")


def _decode_more(wanted: Any, value: Any) -> Any:
    wanted = get_origin(wanted) or wanted
    if wanted in (np.ndarray, Population):
        array = np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)
        return Population(array) if wanted is Population else array
    raise TypeError(f"{wanted} cannot be read")


_encoder = msgspec.msgpack.Encoder(enc_hook=_encode_more)


@cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(function)


@cache
def _decoder(wanted: Any) -> msgspec.msgpack.Decoder[Any]:
    return msgspec.msgpack.Decoder(wanted, dec_hook=_decode_more)


def packed(value: Any) -> bytes:
    """A value as bytes."""
    return _encoder.encode(value)


def values(function: Callable[..., Any], raw: bytes) -> dict[str, Any]:
    """The values that ``function`` is called with, by name."""
    hints = _hints(function)
    return {name: _decoder(hints[name]).decode(each) for name, each in msgspec.msgpack.decode(raw, type=dict[str, msgspec.Raw]).items()}


def result(function: Callable[..., Any], raw: bytes) -> Any:
    """What ``function`` answered."""
    return _decoder(_hints(function)["return"]).decode(raw)


def failed(error: Exception) -> list[str | int | None]:
    """An error as it is sent."""
    more = [error.what, error.partition, error.kind] if isinstance(error, Behind) else []
    return [type(error).__name__, str(error), *more]


def raised(name: str, sent: list[Any]) -> SiphonwatchError:
    """The error that ``name`` sent, to be raised where it was asked."""
    kind, message, *more = sent
    if kind == "Behind":
        return Behind(message, *more)
    known = {each.__name__: each for each in (Moved, Fenced)}
    if kind in known:
        return known[kind](message)
    return Unavailable(f"{name}, which keeps a part of the accounts, failed ({kind}: {message}): see its log")
