"""From prompt text to hashes: the whole batch at once, with NumPy over its concatenated bytes.

A prompt becomes an exact hash, the hashes of its opening and closing words (the scaffold that a task list is
slotted into), a content vector (signed feature hashing of its words, Weinberger et al. 2009, so that the sum over
an account's prompts makes the maximum mean discrepancy a dot product, Gretton et al. 2012), and the families of cue
phrases it holds. No word of the text can be read back from them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request import cues

Array = npt.NDArray[Any]

DIMENSIONS = 48  # of the content vector
NORM = 16.0  # length of one prompt's content vector before rounding to integers
HEAD, TAIL = 224, 96  # characters kept of a long prompt: its ask is at the start or the end, its document between
SCAFFOLD_WORDS = 3  # words of an opening and of an ending
_SEED = 0x51F0  # of the tables below: changing it changes every stored sketch


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What is left of N prompts."""

    prompt: Array  # (N,) uint64: exact hash of the whole prompt, 0 for an empty one
    opening: Array  # (N,) uint32: hash of the first words, 0 where there are none
    ending: Array  # (N,) uint32: hash of the last words
    initial: Array  # (N,) uint8: place of the first letter in the alphabet from 1, 27 for any other character, 0 for none
    words: Array  # (N,) int64: words looked at
    content: Array  # (N, DIMENSIONS) int8
    cues: Array  # (N,) uint8: bit i is set where a phrase of ``cues.FAMILIES[i]`` occurs

    def __getitem__(self, index: Array) -> Fingerprints:
        columns = (self.prompt, self.opening, self.ending, self.initial, self.words, self.content, self.cues)
        return Fingerprints(*(column[index] for column in columns))


def _folding() -> bytes:
    """Byte -> its lower-case form, or 0 between words: letters, digits and every byte of a multi-byte character make words."""
    folded = bytearray(256)
    for byte in range(256):
        if byte >= 0x80:
            folded[byte] = byte
        elif chr(byte).isalnum():
            folded[byte] = ord(chr(byte).lower())
    return bytes(folded)


_END = 1  # stands for NUL, which parts the texts of a batch
_FOLD_KEEPING_NUL = bytes([_END]) + _folding()[1:]
# Scripts that write no spaces (CJK: lead bytes E3 to E9): each character is a word, so that phrases in them are word pairs too.
_ALONE_FROM, _ALONE_COUNT = 0xE3, 7


def _pair_table() -> Array:
    """A random 32-bit number for each (previous byte, byte) inside a word; a word's hash is their sum."""
    numbers = np.random.Generator(np.random.PCG64(_SEED)).integers(1, 2**32, (256, 256), dtype=np.uint32)
    numbers[:, : _END + 1] = 0
    numbers[_END] = numbers[0]
    alone = slice(_ALONE_FROM, _ALONE_FROM + _ALONE_COUNT)
    numbers[:, alone] = numbers[0, alone]
    flat: Array = numbers.reshape(-1)
    return flat


_PAIRS = _pair_table()
_BIGRAM = np.uint32(0x9E3779B1)


def _words(texts: Sequence[str]) -> tuple[Array, Array, Array]:
    """(hash of every word, how many bytes to the next word's start, words of each text)."""
    joined = "\x00".join(texts)
    if joined.count("\x00") != len(texts) - 1:  # a text that holds the separator itself
        joined = "\x00".join([text.replace("\x00", " ") for text in texts])
    data = np.frombuffer(("\x00" + joined + "\x00\x00").encode("utf-8", "replace").translate(_FOLD_KEEPING_NUL), dtype=np.uint8)
    letter = data > _END
    begins = letter[1:] & ~letter[:-1]
    begins |= (data[1:] - np.uint8(_ALONE_FROM)) < _ALONE_COUNT
    starts = np.flatnonzero(begins)
    ends = np.flatnonzero(data[1:] == _END)[: len(texts)]  # where each text's closing separator stands
    if not len(starts):
        return np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(len(texts), np.int64)
    pair = np.multiply(data[:-1], 256, dtype=np.intp)
    pair += data[1:]
    hashes = np.add.reduceat(_PAIRS.take(pair), starts, dtype=np.uint32)
    lengths = np.diff(starts, append=len(pair))
    last = np.searchsorted(starts, ends)
    counts = np.diff(last, prepend=0)
    final = counts > 0
    lengths[last[final] - 1] = ends[final] - starts[last[final] - 1]  # up to the text's own end, whatever comes after it
    return hashes, lengths, counts


def word_hashes(text: str) -> Array:
    """The word hashes of one text: how phrase tables are made."""
    return _words([text])[0]


def _mix(hashes: Array) -> Array:
    """Sums of table entries are even enough for equality, not for their low bits: mix (murmur3's finaliser)."""
    mixed = hashes.astype(np.uint32)
    mixed ^= mixed >> np.uint32(16)
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    return mixed ^ (mixed >> np.uint32(16))


def _bigrams(hashes: Array) -> Array:
    following = np.zeros_like(hashes)
    following[:-1] = hashes[1:]
    return hashes * _BIGRAM + following


class _CueTable:
    """Which cue families a word or a pair of words belongs to, by a direct look-up on 22 bits of its hash."""

    BITS = 22

    def __init__(self) -> None:
        self.table = np.zeros(1 << self.BITS, dtype=np.uint8)
        for family, phrases in enumerate(cues.FAMILIES.values()):
            for phrase in phrases:
                hashes = word_hashes(phrase)
                key = hashes[0] if len(hashes) == 1 else _bigrams(hashes)[0]
                self.table[_mix(np.array([key]))[0] >> np.uint32(32 - self.BITS)] |= np.uint8(1 << family)

    def __call__(self, hashes: Array) -> Array:
        found: Array = self.table[_mix(hashes) >> np.uint32(32 - self.BITS)]
        return found


_CUES = _CueTable()


def _scaffold(hashes: Array, first: Array, counts: Array) -> Array:
    """Hash of up to ``SCAFFOLD_WORDS`` words from position ``first`` on."""
    result = np.zeros(len(first), dtype=np.uint32)
    padded = np.append(hashes, np.zeros(SCAFFOLD_WORDS, np.uint32))
    for step in range(SCAFFOLD_WORDS):
        word = np.where(step < counts, padded[np.minimum(first + step, len(padded) - 1)], np.uint32(0))
        result = result * _BIGRAM + word
    return np.where(counts > 0, _mix(result) | np.uint32(1), np.uint32(0))


def _initials(texts: Sequence[str]) -> Array:
    first = np.frombuffer("".join([text[:1].lower()[:1] or "\x00" for text in texts]).encode("ascii", "replace"), dtype=np.uint8)
    place = first.astype(np.int64) - ord("a") + 1
    result: Array = np.where(first == 0, 0, np.where((place >= 1) & (place <= 26), place, 27)).astype(np.uint8)
    return result


def _content(mixed: Array, lengths: Array, owner: Array, count: int) -> Array:
    """Signed feature hashing of the longer words, each text's vector scaled to length ``NORM`` and rounded."""
    long = lengths > 4  # four letters and what ends the word: most function words are shorter
    hashes, owners = mixed[long], owner[long]
    cell = owners * DIMENSIONS + (hashes % np.uint32(DIMENSIONS)).astype(np.int64)
    sign = 1.0 - 2.0 * (hashes >> np.uint32(31)).astype(np.float64)
    vectors = np.bincount(cell, weights=sign, minlength=count * DIMENSIONS).reshape(count, DIMENSIONS)
    length = np.sqrt((vectors * vectors).sum(axis=1))
    scaled: Array = np.rint(vectors * (NORM / np.maximum(length, 1.0))[:, None]).astype(np.int8)
    return scaled


def fingerprint(prompts: Sequence[str]) -> Fingerprints:
    """Fingerprints of ``prompts``, in their order. Equal prompts have equal fingerprints, whatever the batch."""
    import pandas as pd  # half a second: only for who reads logs

    count = len(prompts)
    column = np.empty(count, dtype=object)
    column[:] = prompts
    exact = pd.util.hash_array(column, categorize=False) if count else np.zeros(0, np.uint64)
    exact[column == ""] = 0
    texts = [text if len(text) <= HEAD + TAIL else text[:HEAD] + " " + text[-TAIL:] for text in prompts]
    if not texts:
        empty = np.zeros(0, np.uint32)
        bytes_ = empty.astype(np.uint8)
        return Fingerprints(exact, empty, empty, bytes_, np.zeros(0, np.int64), np.zeros((0, DIMENSIONS), np.int8), bytes_)
    hashes, lengths, counts = _words(texts)
    last = np.cumsum(counts)
    first = last - counts
    owner = np.repeat(np.arange(count), counts)
    pairs = _bigrams(hashes)
    pairs[last[counts > 0] - 1] = 0  # a pair does not reach into the next text
    hit = _CUES(hashes) | _CUES(pairs)
    found = np.zeros(count, dtype=np.uint8)
    where = np.flatnonzero(hit)
    np.bitwise_or.at(found, owner[where], hit[where])
    kept = np.minimum(counts, SCAFFOLD_WORDS)
    return Fingerprints(
        prompt=exact,
        opening=_scaffold(hashes, first, kept),
        ending=_scaffold(hashes, last - kept, kept),
        initial=_initials(texts),
        words=counts,
        content=_content(_mix(hashes), lengths, owner, count),
        cues=found,
    )
