"""Any JSON log: a mapping file (TOML) says which path holds which field.

    records = "batch.items"                  # where one record holds a list of them; paths then start at each, and ^. starts at the whole
    timestamp_unit = "s"                     # s, ms, us or ns; without it a number's size tells

    [fields]                                 # field of a request = path, dots between keys, numbers for places in lists, * for each
    request_id = "trace.id"
    timestamp  = "time"
    account_id = ["auth.account", "auth.key"]  # the first that is there
    model      = "body.model"
    body       = "body"                      # the request's body, or "." for the whole record: messages and parameters are read from it
    messages   = "input"                     # or the turns alone, and the parameters alone
    parameters = "settings"
    response   = "answer"                    # the answer: text, why it ended and tokens are read from it
    call       = "path"                      # what was called: embeddings, pictures and the like are told by it and skipped

    [constants]
    model = "large"

    [skip]                                   # records where a path has one of the values are not requests to a model
    "uri" = ["/healthz"]

    [only]                                   # and here only those where it has
    "type" = ["GENERATION"]

A key that holds dots itself is quoted with single quotes: ``'user.id'``. JSON that was written as a string is looked into like an object.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from siphonwatch.detector.request.request import Request, Usage
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats import assemble
from siphonwatch.streams.formats.answers import answer, count
from siphonwatch.streams.formats.base import ACCOUNT_KEYS, Found, Refused, Skip, accepted, account, named, refusal
from siphonwatch.streams.formats.body import Body, body
from siphonwatch.streams.formats.kinds import other
from siphonwatch.streams.formats.lenient import WRONG_TYPE, MissingError, OddError, Reading, loads, number, text
from siphonwatch.streams.formats.turns import turns_of

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
INTEGERS = ("status", "rate_limit_rpm", "rate_limit_tpm", *USAGE)
NUMBERS = ("latency_ms",)
WHOLE = ("body", "prompt", "messages", "system", "parameters", "response")  # which are not one plain value
FIELDS = (*(name for name in Request.__struct_fields__ if name not in (*WHOLE, "usage")), *USAGE, *WHOLE, "call", "metadata")
_APART = (*WHOLE, *INTEGERS, *NUMBERS, "usage", "request_id", "timestamp", "account_id", "model", "finish_reason", "account_created_at")
TEXTS = tuple(name for name in Request.__struct_fields__ if name not in _APART)
NEEDED = ("timestamp", "account_id")
_STEP = re.compile(r"'([^']*)'|([^.']+)")
_ABSENT = (None, "", "-")


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, read and checked."""

    fields: dict[str, list[list[str]]]
    constants: dict[str, Any] = field(default_factory=dict)
    skip: list[tuple[list[str], list[Any]]] = field(default_factory=list)
    only: list[tuple[list[str], list[Any]]] = field(default_factory=list)
    records: list[str] | None = None
    unit: float | None = None


def path_of(text: str) -> list[str]:
    """Steps of a path: ``a.'b.c'.0`` is a, b.c, 0; ``.`` is no step at all."""
    return [quoted or plain for quoted, plain in _STEP.findall(text)]


def load(file: Path) -> Mapping:
    """Read a mapping file; ``UsageError`` names what is wrong with it."""
    if not file.is_file():
        raise UsageError(f"--mapping {file} does not exist")
    try:
        return checked(tomllib.loads(file.read_text(encoding="utf-8")), str(file))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"--mapping {file} is not TOML ({error})") from error


def checked(table: dict[str, Any], name: str) -> Mapping:
    """A mapping from its table."""
    if unknown := set(table) - {"fields", "constants", "skip", "only", "records", "timestamp_unit"}:
        raise UsageError(
            f"{name} has unknown parts {', '.join(sorted(unknown))}; known are: records, timestamp_unit, fields, constants, skip, only"
        )
    fields, constants = table.get("fields", {}), table.get("constants", {})
    unknown = (set(fields) | set(constants)) - set(FIELDS)
    if unknown:
        raise UsageError(f"{name} maps unknown fields {', '.join(sorted(unknown))}; known are: {', '.join(FIELDS)}")
    held = {*fields, *constants, *(("account_id",) if "metadata" in fields else ())}
    missing = [each for each in NEEDED if each not in held]
    if missing:
        raise UsageError(f'{name} does not map {", ".join(missing)}: write [fields] {missing[0]} = "path"')
    unit = table.get("timestamp_unit")
    if unit is not None and unit not in UNITS:
        raise UsageError(f"{name}: timestamp_unit is one of {', '.join(UNITS)}")
    paths = {
        each: [path_of(_path(one, each, name)) for one in (value if isinstance(value, list) else [value])] for each, value in fields.items()
    }
    rules = [
        [(path_of(path), list(values) if isinstance(values, list) else [values]) for path, values in table.get(part, {}).items()]
        for part in ("skip", "only")
    ]
    records = table.get("records")
    return Mapping(
        paths, constants, rules[0], rules[1], path_of(_path(records, "records", name)) if records else None, UNITS[unit] if unit else None
    )


def _path(value: Any, field: str, name: str) -> str:
    if not isinstance(value, str):
        raise UsageError(f'{name}: {field} needs a path in quotes, such as "a.b.0"')
    return value


def at(value: Any, steps: list[str], whole: Any = None) -> Any:
    """What stands at a path, ``None`` where there is nothing."""
    for place, step in enumerate(steps):
        if step == "^" and not place:
            value = whole
            continue
        if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
            try:
                value = msgspec.json.decode(value)
            except (msgspec.MsgspecError, UnicodeError, RecursionError):
                return None
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step == "*":
            return [found for each in value if (found := at(each, steps[place + 1 :], whole)) not in _ABSENT] or None
        elif isinstance(value, list) and step.lstrip("-").isdecimal() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def reader(mapping: Mapping) -> Callable[[bytes, Reading], Iterable[Found]]:
    """A format's ``read`` from a mapping."""

    def read(record: bytes, reading: Reading) -> Iterable[Found]:
        top = loads(record, reading)
        for whole in top if isinstance(top, list) else [top]:
            if mapping.records is None:
                yield from _alone(whole, whole, mapping, reading)
                continue
            held = at(whole, mapping.records)
            if held is None:
                yield Skip("nothing in it")
            for one in held if isinstance(held, list) else [held] if held is not None else []:
                yield from _alone(one, whole, mapping, reading)

    return read


def _alone(one: Any, whole: Any, mapping: Mapping, reading: Reading) -> Iterable[Found]:
    if not isinstance(one, dict):
        yield Refused("not_json", "the record is not one JSON object in UTF-8")
        return
    if any(at(one, path, whole) in values for path, values in mapping.skip) or not all(
        at(one, path, whole) in values for path, values in mapping.only
    ):
        yield Skip("left out by the mapping")
        return
    try:
        yield _Record(one, whole, mapping, reading).request()
    except (ValueError, RecursionError) as error:
        yield Refused(*refusal(error))


class _Record:
    """One record under a mapping."""

    def __init__(self, one: Any, whole: Any, mapping: Mapping, reading: Reading) -> None:
        self._one, self._whole, self._mapping, self._reading = one, whole, mapping, reading

    def logged(self, name: str) -> Any:
        """What the record holds at the first of a field's paths that holds anything."""
        values = (at(self._one, path, self._whole) for path in self._mapping.fields.get(name, ()))
        return next((value for value in values if value not in _ABSENT), None)

    def found(self, name: str) -> Any:
        """The same, or the constant that stands in."""
        value = self.logged(name)
        return self._mapping.constants.get(name) if value is None else value

    def text(self, name: str) -> str | None:
        """A plain text; what is none is noted."""
        value = self.found(name)
        try:
            return None if value is None else text(value, name)
        except OddError:
            self._reading.note(name, WRONG_TYPE)
            return None

    def number(self, name: str) -> float | None:
        """A number; what is none is noted."""
        value = self.found(name)
        try:
            return None if value is None else number(value, name)
        except OddError:
            self._reading.note(name, WRONG_TYPE)
            return None

    def request(self) -> Found:
        """The request, or what else the record is."""
        said = answer(self.found("response"), self._reading)
        if kind := other(self.text("call")) or said.other:
            return Skip(kind)
        asked = self._asked()
        model = self.logged("model") or asked.model or said.model or self._mapping.constants.get("model")
        if not model:
            raise MissingError("nothing stands at the path of model, and the body names none")
        names = named(_object(self.found("metadata")), ACCOUNT_KEYS, self._reading)
        plain: dict[str, Any] = {name: value for name in TEXTS if (value := self.text(name)) is not None}
        plain |= {name: int(figure) for name in INTEGERS if name not in USAGE and (figure := self.number(name)) is not None}
        created = self.found("account_created_at")
        paths = " and ".join(".".join(path) for path in self._mapping.fields.get("account_id", ()))
        return assemble.request(
            self._reading,
            request_id=self.text("request_id"),
            timestamp=self._timestamp(),
            account_id=account(
                self.text("account_id"), *names, address=plain.get("source_ip"), looked_for=paths or accepted(self._reading)
            ),
            model=text(model, "model"),
            body=asked,
            answer=said,
            usage=Usage(*(count(self.found(name)) for name in USAGE)),
            latency_ms=self.number("latency_ms"),
            finish_reason=self.found("finish_reason"),
            account_created_at=created if isinstance(created, str | int | float) else None,
            **plain,
        )

    def _asked(self) -> Body:
        asked = body(_bytes(self.found("body")), self._reading)
        if (given := self.found("parameters")) is not None:
            parameters = body(given, self._reading)
            for name in ("messages", "input", "contents", "prompt", "text", "system", "instructions", "model", "user", "message", "titan"):
                if getattr(parameters, name) in (None, ""):
                    setattr(parameters, name, getattr(asked, name))
            asked = parameters
        if (turns := self.found("messages")) is not None:
            asked.messages = _opened(turns)
            if isinstance(asked.messages, dict) and "messages" in asked.messages:
                asked.messages = asked.messages["messages"]
        if (system := self.found("system")) is not None:
            asked.system = _opened(system)
        prompt = _opened(self.found("prompt"))
        if isinstance(prompt, dict):
            inner = body(prompt, self._reading)
            prompt = inner.messages or inner.prompt or inner.contents
        if prompt is not None and not turns_of([asked.messages or []], Reading("")):
            asked.messages = prompt if isinstance(prompt, list) else [{"role": "user", "content": prompt}]
        return asked

    def _timestamp(self) -> float | str:
        stamp = self.found("timestamp")
        if stamp is None:
            raise MissingError("nothing stands at the path of timestamp")
        if isinstance(stamp, bool) or not isinstance(stamp, str | int | float):
            raise OddError("what stands at the path of timestamp is neither a text nor a number: point the path at what is in it")
        if self._mapping.unit is not None:
            try:
                return number(stamp) / self._mapping.unit
            except OddError:
                pass  # then it is a time in words
        return stamp


def _opened(value: Any) -> Any:
    """JSON that was written as a string."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return value
    return value


def _object(value: Any) -> dict[str, object] | None:
    held = _opened(value)
    return held if isinstance(held, dict) else None


def _bytes(value: Any) -> Any:
    """A body that is logged as an object, as a string, or (nginx) as a string with its bytes escaped."""
    if isinstance(value, str) and value.startswith("{\\x22"):
        return value.encode("utf-8", "replace").decode("unicode_escape", "replace")
    return value
