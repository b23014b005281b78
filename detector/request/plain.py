"""The words behind a text's dress: what a client can do to a text for free does not make an old one new.

Zero-width characters, Unicode forms and case go, JSON and the escapes of HTML, addresses and programs are opened. Spacing and punctuation
go later, where words are cut (:mod:`siphonwatch.detector.request.fingerprint`); what does not look like words there is tried as a code
(:mod:`siphonwatch.detector.request.codes`). Long texts are cut to their beginning, middle and end, so that a request costs little time.
What is left out is not read, but it is known whether it is another one: a question in the midst of a long text makes another prompt.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Any
from urllib.parse import unquote

import msgspec

HEAD, MIDDLE, TAIL = 320, 128, 256  # characters kept of a long text
_LONG = HEAD + MIDDLE + TAIL
_LOWER = bytes(range(256)).lower()
_BETWEEN = bytes(byte for byte in range(128) if not chr(byte).isalnum())  # what stands between words
_BEGIN = 24  # characters in which ordinary texts have a space
_WITHIN = 4096  # characters in which escapes are looked for: several times what is kept
_ESCAPES_LEAST = 4  # escapes from which a text is taken to be written in them: fewer stand in ordinary ones
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)
_DEPTH = 4  # of escapes within escapes
_DEEPEST = 32  # of values within values: what is further down stands as it is written
_KEY_LEAST = 24  # characters from which a key of JSON is text, as is one of several words


def plain(text: str) -> str:
    """``text`` opened, cut and folded. Equal for texts that differ in dress alone; idempotent on ordinary text."""
    return kept(text)[0]


def all_plain(texts: Sequence[str]) -> tuple[list[str], list[int]]:
    """(:func:`plain` of each, what stands for all of those that it cuts, 0 for the others).

    Most are short, ASCII, and begin with a word or two, so that nothing is to be done to them.
    """
    known: dict[str, tuple[str, int]] = {}
    for text in texts:
        if not text or (_ordinary(text) and not _SIGNS.search(text)):
            continue
        if text not in known:
            known[text] = kept(text)
    if not known:
        return list(texts), [0] * len(texts)
    found = [known.get(text, (text, 0)) for text in texts]
    return [text for text, _ in found], [whole for _, whole in found]


def kept(text: str) -> tuple[str, int]:
    """(:func:`plain` of ``text``, what stands for all of it where it is cut, 0 where it is not).

    Both are equal for texts that differ in dress alone, as long as the dress does not move where they are cut.
    """
    for _ in range(_DEPTH):
        opened = _opened(text)
        if opened == text:
            break
        text = opened
    whole = 0
    if len(text) > _LONG:
        said = _folded(text).encode("utf-8", "replace").translate(_LOWER, _BETWEEN)
        whole = int.from_bytes(blake2b(said, digest_size=8).digest()) or 1  # of a checksum a few letters would make an old one
        middle = (len(text) - MIDDLE) // 2
        text = f"{text[:HEAD]} {text[middle : middle + MIDDLE]} {text[-TAIL:]}"
    return _folded(text), whole


def _folded(text: str) -> str:
    if text.isascii():
        return text  # case goes with the bytes
    text = _INVISIBLE.sub("", text)
    return (text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)).casefold()


def _ordinary(text: str) -> bool:
    return text.isascii() and len(text) <= _LONG and " " in text[:_BEGIN] and text[0] not in "{["


def character(code: int) -> str:
    """The character of a number; a space for what is none."""
    return chr(code) if code < 0x110000 and not 0xD800 <= code < 0xE000 else " "


def _digits(found: re.Match[str]) -> str:
    return character(int(next(digits for digits in found.groups() if digits), 16))


_HEXADECIMAL = re.compile(r"\\(?:u\{([0-9A-Fa-f]{1,6})\}|u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2})|U([0-9A-Fa-f]{8}))")
_BYTES = re.compile(r"0[xX]([0-9A-Fa-f]{2})(?:[\s,;]+|\Z)")
# What each begins with, how it is known, and what it stands for.
_ESCAPES: tuple[tuple[str, re.Pattern[str], Callable[[str], str]], ...] = (
    ("&", re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z]{2,8});"), html.unescape),
    ("%", re.compile(r"%[0-9A-Fa-f]{2}"), partial(unquote, errors="replace")),
    ("\\", _HEXADECIMAL, partial(_HEXADECIMAL.sub, _digits)),
    ("0x", _BYTES, partial(_BYTES.sub, _digits)),
)
_SIGNS = re.compile("|".join(re.escape(sign) for sign, _, _ in _ESCAPES))


def _opened(text: str) -> str:
    if text[:1] in ("{", "["):
        return _json(text)
    for sign, escape, meant in _ESCAPES:
        if sign in text and len(escape.findall(text, 0, _WITHIN)) >= _ESCAPES_LEAST:
            return meant(text)
    return text


def _json(text: str) -> str:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text
    found: list[str] = []
    _strings(value, found, _DEEPEST)
    return "\n".join(found) if found else text


def _strings(value: Any, found: list[str], depth: int) -> None:
    if isinstance(value, str):
        found.append(value)
    elif not depth:
        found.append(msgspec.json.encode(value).decode())
    elif isinstance(value, dict):
        for key, part in value.items():
            if isinstance(key, str) and (" " in key.strip() or len(key) >= _KEY_LEAST):
                found.append(key)
            _strings(part, found, depth - 1)
    elif isinstance(value, list):
        for part in value:
            _strings(part, found, depth - 1)
