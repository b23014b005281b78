"""JSON into structs, at the price of what is odd and of nothing else: one odd field costs that field, one odd item that item.

The fast way is one msgspec decode. Only where that fails is the record looked at field by field: what can be read another way is read
(numbers as strings, JSON within a string, Lua's empty table where a list should be, one item where a list of them should be), and what
cannot is left at its default and counted by format, field and reason. Field names are those of the structs, never the client's, so the
count stays small.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, NoReturn, TypeVar

import msgspec
from msgspec import inspect as types

T = TypeVar("T", bound=msgspec.Struct)
Hooks = Mapping[type, Callable[[Any, "Reading"], Any]]
Unread = Counter[tuple[str, str, str]]  # (format, field, reason) -> how often
LONE = ("\ud800", "\udfff")  # surrogates, which no UTF-8 can hold

WRONG_TYPE, NOT_JSON, MENDED, PLACEHOLDER, TOO_LARGE, TOKENS, ELSEWHERE = (
    "wrong type", "not JSON", "mended", "placeholder", "too large", "token numbers", "stored elsewhere",
)  # fmt: skip


class MissingError(ValueError):
    """A record lacks something that a request must have."""


class OddError(ValueError):
    """A needed field holds what it cannot hold."""


@dataclass(slots=True)
class Reading:
    """What goes along with the reading of one format: where losses are counted, and what the operator configured."""

    format: str
    unread: Unread = field(default_factory=Counter)
    formats: Counter[str] = field(default_factory=Counter)  # records by the format that read them
    account_fields: tuple[str, ...] = ()  # names in custom metadata that hold the account, before the built-in ones

    def note(self, name: str, reason: str) -> None:
        """Count one thing that could not be read."""
        self.unread[self.format, name, reason] += 1


def loads(raw: bytes | str, reading: Reading) -> Any:
    """A JSON value; what JSON forbids but loggers write (lone surrogates, NaN, raw control characters, bad UTF-8) is mended and noted.

    ``ValueError`` (msgspec's is one) or ``RecursionError`` where it is no JSON at all.
    """
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeError) as error:
        text = raw if isinstance(raw, str) else bytes(raw).decode("utf-8", "replace")
        try:
            value = json.loads(text, strict=False)
        except ValueError:
            raise msgspec.DecodeError("not JSON") from error
    reading.note("record", MENDED)
    return _whole(value)


def _whole(value: Any) -> Any:
    """Without lone surrogates, which nothing that writes UTF-8 can hold."""
    if isinstance(value, str):
        return value if value.isascii() else "".join("\ufffd" if _lone(each) else each for each in value) if _lone(value) else value
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _lone(text: str) -> bool:
    return any(LONE[0] <= each <= LONE[1] for each in text)


class Reader(Generic[T]):
    """Reads one kind of struct. ``hooks`` read a struct in a way of their own where the plain one fails."""

    def __init__(self, kind: type[T], hooks: Hooks | None = None) -> None:
        self._strict = msgspec.json.Decoder(kind)
        self._lax = msgspec.json.Decoder(kind, strict=False)
        self._plan, self._hooks = types.type_info(kind), hooks or {}
        fields = self._plan.fields if isinstance(self._plan, types.StructType) else ()
        self._texts = [each.encode_name for each in fields if _takes_text(each.type)]

    def read(self, raw: bytes | msgspec.Raw | str, reading: Reading) -> T:
        """The struct from JSON. :class:`MissingError`, :class:`OddError` where a needed field is not there; ``ValueError`` for no JSON."""
        try:
            return self._strict.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            pass
        try:
            return self._lax.decode(raw)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            value = loads(bytes(raw) if isinstance(raw, msgspec.Raw) else raw, reading)
        if isinstance(value, dict) and (ids := {name: value[name] for name in self._texts if type(value.get(name)) is int}):
            try:  # ids that are numbers are common enough to be worth a fast way of their own
                return self._lax.decode(msgspec.json.encode({**value, **{name: text(each) for name, each in ids.items()}}))
            except (msgspec.MsgspecError, OddError):
                pass
        return self.convert(value, reading)

    def convert(self, value: Any, reading: Reading) -> T:
        """The same from a value that is decoded already."""
        made: T = _Conversion(reading, self._hooks).of(value, self._plan, "record")
        return made


def _takes_text(kind: types.Type) -> bool:
    """Whether a field is a text and never a number."""
    kinds = kind.types if isinstance(kind, types.UnionType) else (kind,)
    return all(isinstance(one, types.StrType | types.NoneType) for one in kinds)


class _Conversion:
    def __init__(self, reading: Reading, hooks: Hooks) -> None:
        self._reading, self._hooks = reading, hooks

    def of(self, value: Any, kind: types.Type, name: str) -> Any:
        """``value`` as ``kind``, or :class:`OddError`."""
        match kind:
            case types.UnionType():
                return self._union(value, kind, name)
            case types.StructType():
                return self._struct(_opened(value, "{"), kind, name)
            case types.ListType():
                return self._list(_opened(value, "["), kind, name)
            case types.DictType():
                return self._dict(_opened(value, "{"), kind, name)
            case types.RawType():
                return msgspec.Raw(msgspec.json.encode(value))
            case types.AnyType():
                return value
            case _:
                return scalar(value, type(kind), name)

    def _union(self, value: Any, kind: types.UnionType, name: str) -> Any:
        if value is None and any(isinstance(one, types.NoneType) for one in kind.types):
            return None
        fits = [one for one in kind.types if isinstance(value, NATURAL.get(type(one), ()))]
        for one in [*fits, *(one for one in kind.types if one not in fits)]:
            try:
                return self.of(value, one, name)
            except (OddError, MissingError):
                continue
        raise OddError(f"the field {name} holds what it cannot hold")

    def _struct(self, value: Any, kind: types.StructType, name: str) -> Any:
        if (hook := self._hooks.get(kind.cls)) is not None:
            return hook(value, self._reading)
        if value == []:
            value = {}  # Lua writes an empty table as a list
        if not isinstance(value, dict):
            raise OddError("the record is no JSON object" if name == "record" else f"the field {name} holds no object")
        found: dict[str, Any] = {}
        for one in kind.fields:
            given = value.get(one.encode_name)
            if given is None and not (one.required and one.encode_name in value):
                if one.required:
                    raise MissingError(f"the field {one.encode_name} is needed")
                continue
            try:
                found[one.name] = self.of(given, one.type, one.encode_name)
            except (OddError, MissingError, RecursionError) as error:
                if one.required:
                    if given is None:
                        raise MissingError(f"the field {one.encode_name} is needed") from error
                    raise OddError(f"the field {one.encode_name} holds what it cannot hold") from error
                self._reading.note(one.encode_name, WRONG_TYPE)
        return kind.cls(**found)

    def _list(self, value: Any, kind: types.ListType, name: str) -> list[Any]:
        if value == {}:
            return []  # Lua writes an empty list as a table
        if isinstance(value, str | dict):
            value = [value]  # one where many could be
        if not isinstance(value, list):
            raise OddError(f"the field {name} holds no list")
        found = []
        for each in value:
            try:
                found.append(self.of(each, kind.item_type, name))
            except (OddError, MissingError, RecursionError):
                self._reading.note(name, WRONG_TYPE)
        return found

    def _dict(self, value: Any, kind: types.DictType, name: str) -> dict[str, Any]:
        if value == []:
            return {}
        if not isinstance(value, dict):
            raise OddError(f"the field {name} holds no object")
        found = {}
        for key, each in value.items():
            try:
                found[str(key)] = self.of(each, kind.value_type, name)
            except (OddError, MissingError, RecursionError):
                self._reading.note(name, WRONG_TYPE)
        return found


NATURAL: dict[type, Any] = {
    types.StrType: str, types.BoolType: bool, types.IntType: int, types.FloatType: (int, float), types.ListType: list,
    types.StructType: dict, types.DictType: dict, types.RawType: object, types.AnyType: object,
}  # fmt: skip


def _opened(value: Any, start: str) -> Any:
    """A list or an object that was written as a string is taken out of it."""
    if isinstance(value, str) and value.lstrip()[:1] == start:
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return value
    return value


def scalar(value: Any, kind: type[types.Type], name: str = "value") -> Any:
    """A string, number or truth from how loggers write them; :class:`OddError` where it is none."""
    if kind is types.StrType:
        return text(value, name)
    if kind is types.IntType:
        return integer(value, name)
    if kind is types.FloatType:
        return number(value, name)
    if kind is types.BoolType:
        return truth(value, name)
    raise OddError(f"the field {name} holds what it cannot hold")


def text(value: Any, name: str = "value") -> str:
    """A string; a number as its digits, since many ids are numbers."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 1 << 128 else _odd(name)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1 << 53:
        return str(int(value))
    return _odd(name)


def number(value: Any, name: str = "value") -> float:
    """A finite number, also from its digits."""
    if isinstance(value, str) and len(value) < 40:
        try:
            value = float(value)
        except ValueError:
            return _odd(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _odd(name)
    try:
        made = float(value)
    except OverflowError:
        return _odd(name)
    return made if math.isfinite(made) else _odd(name)


def integer(value: Any, name: str = "value") -> int:
    """A whole number, also from its digits or as a float."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    found = number(value, name)
    return int(found) if found.is_integer() else _odd(name)


def truth(value: Any, name: str = "value") -> bool:
    """True or false, also as a word or as 1 and 0."""
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    found = {"true": True, "false": False, "1": True, "0": False}.get(value.lower()) if isinstance(value, str) else None
    return _odd(name) if found is None else found


def _odd(name: str) -> NoReturn:
    raise OddError(f"the field {name} holds what it cannot hold")
