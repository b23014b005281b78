"""The words behind a text's dress: what a client can do to a text for free does not make an old one new.

Zero-width characters, Unicode forms and case go; a text that is wholly base64 or JSON is opened. Spacing and punctuation go
later, where words are cut (:mod:`detector.fingerprint`). Long texts are cut to their beginning, middle and end, so that a
request costs a bounded time; whoever hides between pays for the tokens around.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

import msgspec

HEAD, MIDDLE, TAIL = 320, 128, 256  # characters kept of a long text
_LONG = HEAD + MIDDLE + TAIL
_WRAPPED_LEAST = 24  # characters from which a text is tried as base64: shorter words look like it by chance
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]+={0,2}\Z")
_DEPTH = 4  # of JSON within JSON


def plain(text: str) -> str:
    """``text`` opened, cut and folded. Equal for texts that differ in dress alone; idempotent on ordinary text."""
    if text[:1] in ("{", "["):
        text = _json(text)
    elif len(text) >= _WRAPPED_LEAST and " " not in text[:200] and text.isascii():
        text = _base64(text)
    if len(text) > _LONG:
        middle = (len(text) - MIDDLE) // 2
        text = f"{text[:HEAD]} {text[middle : middle + MIDDLE]} {text[-TAIL:]}"
    if text.isascii():
        return text  # case goes with the bytes
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).casefold()


def all_plain(texts: Sequence[str]) -> list[str]:
    """:func:`plain` of each: most are short, ASCII, and begin with a word or two, so that nothing is to be done to them."""
    opened: dict[str, str] = {}
    for text in texts:
        if text.isascii() and len(text) <= _LONG and (" " in text[:_WRAPPED_LEAST] or not text) and text[0:1] not in ("{", "["):
            continue
        if text not in opened:
            opened[text] = plain(text)
    return [opened.get(text, text) for text in texts] if opened else list(texts)


def _base64(text: str) -> str:
    packed = "".join(text.split())
    if not _BASE64.match(packed):
        return text
    body = packed.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        decoded = base64.b64decode(body + "=" * (-len(body) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return text
    return decoded if all(character.isprintable() or character.isspace() for character in decoded) else text


def _json(text: str) -> str:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    found: list[str] = []
    _strings(value, found, _DEPTH)
    return "\n".join(found) if found else text


def _strings(value: Any, found: list[str], depth: int) -> None:
    if isinstance(value, str):
        found.append(value)
    elif depth and isinstance(value, dict):
        for part in value.values():
            _strings(part, found, depth - 1)
    elif depth and isinstance(value, list):
        for part in value:
            _strings(part, found, depth - 1)
