"""Codes that any model reads, opened: a question in hexadecimal, or spelled letter by letter, is as new as it is in words.

Base64, hexadecimal, binary and decimal numbers are opened wherever a run of them stands, as a client has to say somewhere what they are.
What decodes to no text stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import re
import unicodedata
from collections import Counter

from siphonwatch.detector.request.plain import character

LEAST = 12  # words, or letters, of a text from which it is tried as a code: shorter ones look like it by chance
WITHIN = 4096  # characters at either end of a text: several times what is kept of it
DEPTH = 3  # of codes within codes
_SPELLED = 0.8  # share of single letters in a text that is spelled
_GLANCE = 100  # characters that a spelled text is known by
_LETTERS = 0.1  # share of letters in what a run of numbers stands for: data has fewer
_BINARY = re.compile(r"(?<!\w)[01]{8}(?:[\s,;]*[01]{8}){7,}(?!\w)")
_NUMBERS = re.compile(r"(?<!\w)\d{2,6}(?:[\s,;]+\d{2,6}){11,}(?!\w)")
_HEX = re.compile(r"(?<!\w)(?:0x|\\x)?[0-9A-Fa-f]{2}(?:[\s,;:]*(?:0x|\\x)?[0-9A-Fa-f]{2}){11,}(?!\w)")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")
_LETTER = re.compile(r"([^\W_]+)([\W_]*)")


def opened(text: str) -> str:
    """``text`` with every run of a code as what it stands for; of a very long text, its beginning and its end."""
    if len(text) > 2 * WITHIN:
        text = f"{text[:WITHIN]} {text[-WITHIN:]}"
    for _ in range(DEPTH):
        before = text
        for code, decode in ((_BINARY, _binary), (_HEX, _hex), (_NUMBERS, _numbers), (_BASE64, _base64)):
            text = code.sub(lambda found, decode=decode: decode(found[0]) or found[0], text)  # type: ignore[misc]
        if text == before:
            break
    return _spelled(text)


def _readable(data: bytes) -> str | None:
    try:
        text = data.decode("utf-8")
    except ValueError:
        return None
    return text if all(character.isprintable() or character.isspace() for character in text) else None


def _binary(run: str) -> str | None:
    digits = re.sub(r"\D", "", run)
    return _readable(bytes(int(digits[at : at + 8], 2) for at in range(0, len(digits), 8)))


def _numbers(run: str) -> str | None:
    text = "".join(character(int(number)) for number in re.findall(r"\d+", run))
    return text if text.isprintable() and sum(map(str.isalpha, text)) >= _LETTERS * len(text) else None


def _hex(run: str) -> str | None:
    return _readable(bytes.fromhex(re.sub(r"0x|\\x|[^0-9A-Fa-f]", "", run)))


def _base64(run: str) -> str | None:
    body = run.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return _readable(base64.b64decode(body + "=" * (-len(body) % 4), validate=True))
    except (binascii.Error, ValueError):
        return None


def _spelled(text: str) -> str:
    """A text that is spelled letter by letter, joined to words, which end where letters are further apart than most are."""
    if not _is_spelled(_LETTER.findall(text, 0, _GLANCE)):
        return text
    letters = _LETTER.findall(text)
    if not _is_spelled(letters):
        return text
    usual, _ = Counter(between for _, between in letters).most_common(1)[0]
    return "".join(letter if between == usual else f"{letter} " for letter, between in letters).strip()


def _is_spelled(letters: list[tuple[str, str]]) -> bool:
    """Whether most are single. What parts them is no mark of a script that writes its vowels so."""
    if len(letters) < LEAST or sum(len(letter) == 1 for letter, _ in letters) < _SPELLED * len(letters):
        return False
    return not any(unicodedata.category(sign)[0] == "M" for _, between in letters for sign in between)
