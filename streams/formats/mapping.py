"""Any JSON log: a mapping file (TOML) says which path holds which field.

    timestamp_unit = "s"                     # s, ms, us or ns, for numbers

    [fields]                                 # field of a request = path, dots between keys, numbers for places in lists
    request_id = "trace.id"
    timestamp  = "time"
    account_id = ["auth.account", "auth.key"]  # the first that is there
    model      = "body.model"
    body       = "body"                      # the request's body: messages and parameters are read from it

    [constants]
    model = "large"

    [skip]                                   # records where a path has one of the values are not requests to a model
    "uri" = ["/healthz"]

A key that holds dots itself is quoted with single quotes: ``'user.id'``.
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
from siphonwatch.streams.formats.base import MissingError, account
from siphonwatch.streams.formats.body import body

UNITS = {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}
USAGE = ("prompt_tokens", "completion_tokens", "cached_tokens")
FIELDS = (
    *(name for name in Request.__struct_fields__ if name not in ("messages", "prompt", "parameters", "usage")),
    *USAGE,
    "body",
    "prompt",
)
NEEDED = ("timestamp", "account_id")
_STEP = re.compile(r"'([^']*)'|([^.']+)")
INTEGERS = ("status", "rate_limit_rpm", "rate_limit_tpm", *USAGE)
NUMBERS = ("latency_ms",)


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping file, read and checked."""

    fields: dict[str, list[list[str]]]
    constants: dict[str, Any] = field(default_factory=dict)
    skip: list[tuple[list[str], list[Any]]] = field(default_factory=list)
    unit: float = 1.0


def path_of(text: str) -> list[str]:
    """Steps of a path: ``a.'b.c'.0`` is a, b.c, 0."""
    return [quoted or plain for quoted, plain in _STEP.findall(text)]


def load(file: Path) -> Mapping:
    """Read a mapping file; ``UsageError`` names what is wrong with it."""
    if not file.is_file():
        raise UsageError(f"--mapping {file} does not exist")
    try:
        return checked(tomllib.loads(file.read_text(encoding="utf-8")), str(file))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"--mapping {file} is not TOML ({error})") from error


def checked(table: dict[str, Any], name: str) -> Mapping:
    """A mapping from its table."""
    fields, constants = table.get("fields", {}), table.get("constants", {})
    unknown = (set(fields) | set(constants)) - set(FIELDS)
    if unknown:
        raise UsageError(f"{name} maps unknown fields {', '.join(sorted(unknown))}; known are: {', '.join(FIELDS)}")
    missing = [each for each in NEEDED if each not in fields]
    if missing:
        raise UsageError(f'{name} does not map {", ".join(missing)}: write [fields] {missing[0]} = "path"')
    unit = table.get("timestamp_unit", "s")
    if unit not in UNITS:
        raise UsageError(f"{name}: timestamp_unit is one of {', '.join(UNITS)}")
    paths = {each: [path_of(one) for one in (value if isinstance(value, list) else [value])] for each, value in fields.items()}
    return Mapping(paths, constants, [(path_of(path), list(values)) for path, values in table.get("skip", {}).items()], UNITS[unit])


def at(value: Any, steps: list[str]) -> Any:
    """What stands at a path, ``None`` where there is nothing."""
    for step in steps:
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.lstrip("-").isdigit() and -len(value) <= int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def reader(mapping: Mapping) -> Callable[[bytes], Iterable[Request]]:
    """A format's ``read`` from a mapping."""

    def read(record: bytes) -> Iterable[Request]:
        top = msgspec.json.decode(record, type=dict[str, Any])
        if any(at(top, path) in values for path, values in mapping.skip):
            return

        def found(name: str) -> Any:
            values = (at(top, path) for path in mapping.fields.get(name, ()))
            return next((value for value in values if value not in (None, "", "-")), None)

        yield _request(found, mapping.constants, mapping.unit)

    return read


def _request(logged: Callable[[str], Any], constants: dict[str, Any], unit: float) -> Request:
    """A request from a look-up of its fields; a constant stands in where neither the record nor its body says anything."""

    def found(name: str) -> Any:
        value = logged(name)
        return constants.get(name) if value is None else value

    asked = body(_body_bytes(found("body")))
    stamp, model = found("timestamp"), logged("model") or asked.model or constants.get("model")
    if stamp is None:
        raise MissingError("nothing stands at the path of timestamp")
    if not model:
        raise MissingError("nothing stands at the path of model, and the body names none")
    if isinstance(stamp, str) and re.fullmatch(r"\d+(\.\d+)?", stamp):
        stamp = float(stamp)
    plain = {name: found(name) for name in FIELDS if name not in ("request_id", "timestamp", "account_id", "model", "body", "prompt")}
    plain |= {name: _number(plain[name]) for name in (*INTEGERS, *NUMBERS)}
    used = {name: plain.pop(name) for name in USAGE}
    integers = {name: int(value) for name in INTEGERS if (value := plain.get(name)) is not None}
    text = {name: str(value) for name, value in plain.items() if value is not None and name not in (*INTEGERS, *NUMBERS)}
    names = [str(one) for one in [found("account_id")] if one is not None]
    prompt = found("prompt")
    return Request(
        request_id=str(found("request_id") or f"{names[:1]}:{stamp}"),
        timestamp=stamp if isinstance(stamp, str) else float(stamp) / unit,
        account_id=account(*names, address=text.get("source_ip")),
        model=str(model),
        messages=asked.turns,
        prompt=prompt if isinstance(prompt, str) else None,
        parameters=asked.parameters,
        usage=Usage(**{name: None if value is None else int(value) for name, value in used.items()}),
        latency_ms=plain["latency_ms"],
        **{**text, **integers},  # type: ignore[arg-type]
    )


def _number(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _body_bytes(value: Any) -> bytes:
    """A body that is logged as an object, as a string, or (nginx) as a string with its bytes escaped."""
    if isinstance(value, str):
        return value.encode()
    return msgspec.json.encode(value) if value is not None else b""
