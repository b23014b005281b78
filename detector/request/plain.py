"""The words behind a text's dress: what a client can do to a text for free does not make an old one new.

Zero-width characters, Unicode forms and case go, JSON and the escapes of HTML, addresses and programs are opened. Spacing and punctuation
go later, where words are cut (:mod:`siphonwatch.detector.request.fingerprint`); what does not look like words there is tried as a code
(:mod:`siphonwatch.detector.request.codes`). Texts of a few pages are read whole. Of longer ones the beginning, the end and a sample of
what is between are, so that a request costs little time. The sample is of pieces, by their hashes: of what is sent again the same ones,
and of what is new as large a share. Nor does the rest go unseen: a letter changed anywhere in a long text makes another prompt.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import unquote
from zlib import crc32

import msgspec

READ = 4096  # characters of a text that is read whole
HEAD, TAIL = 1024, 1024  # ... and what is read of either end of a longer one
SAMPLE, PIECE = 1664, 160  # letters, about, of what is read between them, and the most of a piece of it
_ENDS = b".!?;\n"
_SENTENCES = bytes(  # letters and digits in lower case, each sentence a line, and all else space
    ord("\n") if byte in _ENDS else byte if byte > 127 or chr(byte).isalnum() else ord(" ") for byte in bytes(range(256)).lower()
)
_BEGIN = 24  # characters in which ordinary texts have a space
_WITHIN = 2 * READ  # characters in which escapes are looked for
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
        if not text or _ordinary(text):
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
    text = _folded(text)
    if len(text) <= READ:
        return text, 0
    return _cut(text)


def _cut(text: str) -> tuple[str, int]:
    """(what is read of a long folded text, what stands for all of it): its ends, and the pieces of small hashes, about ``SAMPLE`` letters.

    Sentences and lines are pieces, so that what is put between two of them leaves the others as they are.
    """
    data = text.replace("。", "\n").encode("utf-8", "replace").translate(_SENTENCES)
    lines, bare = data.split(b"\n"), data.translate(None, b" ").split(b"\n")
    said = b"".join(bare)
    between = len(said) * (1.0 - (HEAD + TAIL) / len(text))
    limit, chosen = int(SAMPLE / max(between, 1.0) * 2**32), list[bytes]()
    for line, letters in zip(lines, bare, strict=True):
        if len(letters) > PIECE:
            parts = (_parts(each, -(-len(letters) // PIECE)) for each in (_spaced(line), letters))
            chosen += [part for part, own in zip(*parts, strict=True) if crc32(own) < limit]
        elif letters and crc32(letters) < limit:
            chosen.append(_spaced(line))
    sample = b"\n".join(chosen)[: 4 * SAMPLE].decode("utf-8", "ignore")
    whole = int.from_bytes(sha256(said).digest()[:8]) or 1  # of a checksum a few letters would make an old one
    return f"{text[:HEAD]}\n{sample}\n{text[-TAIL:]}", whole


def _spaced(line: bytes) -> bytes:
    """A line with one space between words: thousands of them are a few tokens, and would take the place of what is read."""
    return b" ".join(line.split())


def _parts(line: bytes, count: int) -> list[bytes]:
    """A line in ``count`` parts."""
    return [line[at * len(line) // count : (at + 1) * len(line) // count] for at in range(count)]


def _folded(text: str) -> str:
    if text.isascii():
        return text  # case goes with the bytes
    text = _INVISIBLE.sub("", text)
    return (text if unicodedata.is_normalized("NFKC", text) else unicodedata.normalize("NFKC", text)).casefold()


def _ordinary(text: str) -> bool:
    if not (text.isascii() and len(text) <= READ and " " in text[:_BEGIN] and text[0] not in "{["):
        return False
    return not any(sign in text for sign in _SIGNS)  # four quick looks, where a pattern would look at each letter


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
_SIGNS = tuple(sign for sign, _, _ in _ESCAPES)


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
