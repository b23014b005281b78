"""What the sidecar is asked: every header and parameter is read here, strictly, and what is odd is refused.

A header that comes twice means two things to two readers, and whoever sends it hopes for that; so does a name that is no UTF-8, or a number
in digits of another script. One reader, one meaning, or 400.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from siphonwatch.streams.common.errors import SiphonwatchError

NAME_LIMIT = 512  # characters of an account id or a model
QUERY_LIMIT = 16  # parameters
MODEL_HEADER = "x-model"
_BEARER = re.compile(r"bearer ([\x21-\x7e]+)", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,15}")


class Malformed(SiphonwatchError):
    """Asked in a way that has no one meaning: 400, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a decision is about; an empty account is nobody."""

    account: str
    model: str = ""


def once(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> bytes | None:
    """The one value of a header, ``None`` where it is absent; ``Malformed`` where it comes again."""
    found = [value for key, value in headers if key == name]
    if len(found) > 1:
        raise Malformed(f"send the header {name.decode('ascii', 'replace')} once")
    return found[0] if found else None


def text(value: bytes | str | None, what: str) -> str:
    """A name as text; '' for ``None``."""
    if value is None:
        return ""
    try:
        found = value.decode("utf-8") if isinstance(value, bytes) else value
        found.encode("utf-8")  # a lone surrogate is no text either
    except UnicodeError:
        raise Malformed(f"{what} is not UTF-8") from None
    if len(found) > NAME_LIMIT:
        raise Malformed(f"{what} is longer than {NAME_LIMIT} characters")
    return found


def whole(value: bytes | str, what: str, least: int, most: int) -> int:
    """A number in ASCII digits from ``least`` to ``most``."""
    digits = value.decode("latin-1") if isinstance(value, bytes) else value
    if not _DIGITS.fullmatch(digits) or not least <= int(digits) <= most:
        raise Malformed(f"{what} is a number from {least} to {most}")
    return int(digits)


def named(account: bytes | str | None, header: str) -> str:
    """The account that a header's value names. ``authorization`` holds a bearer key, known by its SHA-256 as LiteLLM knows it."""
    found = text(account, f"the header {header}")
    if header != "authorization" or not found:
        return found
    bearer = _BEARER.fullmatch(found)
    if bearer is None:
        raise Malformed("authorization is one bearer key: Bearer, a space, and the key")
    return hashlib.sha256(bearer[1].encode()).hexdigest()


def by_headers(headers: Sequence[tuple[bytes, bytes]], account_header: str) -> Asked:
    """What a gateway asks in the headers of a request; ``account_header`` in lower case."""
    account = named(once(headers, account_header.encode()), account_header)
    return Asked(account, text(once(headers, MODEL_HEADER.encode()), f"the header {MODEL_HEADER}"))


def by_fields(fields: Mapping[str, str], account_header: str) -> Asked:
    """The same of Envoy's gRPC form, in which each header stands once."""
    return Asked(named(fields.get(account_header), account_header), text(fields.get(MODEL_HEADER), f"the header {MODEL_HEADER}"))


def by_entries(entries: Iterable[tuple[str, str]], account_keys: Sequence[str]) -> Asked:
    """The same of the entries of rate-limit descriptors, which may name one account and one model."""
    found = list(entries)
    accounts = {value for key, value in found if key in account_keys}
    models = {value for key, value in found if key == "model"}
    if len(accounts) > 1 or len(models) > 1:
        raise Malformed("descriptors name one account and one model")
    return Asked(text("".join(accounts), "the account"), text("".join(models), "the model"))


def query(raw: bytes) -> dict[str, str]:
    """The parameters of a query string, each once."""
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=QUERY_LIMIT)
    except ValueError:
        raise Malformed(f"the query is no more than {QUERY_LIMIT} parameters in percent-encoded UTF-8") from None
    found = dict(pairs)
    if len(found) < len(pairs):
        raise Malformed("give each parameter once")
    return {name: text(value, f"the parameter {name[:20]}") for name, value in found.items()}


def by_query(raw: bytes) -> Asked:
    """What ``/v1/decision`` is asked."""
    found = query(raw)
    if not found.get("account"):
        raise Malformed("name an account: /v1/decision?account=ID")
    return Asked(found["account"], found.get("model", ""))
