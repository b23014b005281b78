"""From the text of a request to hashes: the whole batch at once, with NumPy over its concatenated bytes.

All turns, roles and parts count, wherever the client puts its question. What they become: a hash of the whole; a sample of
its *shingles* (hashes of three words in a row; Broder 1997), from which an account's state learns what is new and
what repeats; the hashes of the question's opening and closing words (the scaffold that a task list is slotted into); a content
vector (signed feature hashing of the words, Weinberger et al. 2009, so that the sum over an account's requests makes
the maximum mean discrepancy a dot product, Gretton et al. 2012); and the families of cue phrases it holds. No word of the text
can be read back from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from siphonwatch.detector.request import codes, cues
from siphonwatch.detector.request.plain import all_plain, kept
from siphonwatch.detector.sketch.registers import bottom_marked

Array = npt.NDArray[Any]

DIMENSIONS = 32  # of the content vector
NORM = 16.0  # length of one prompt's content vector before rounding to integers
SHINGLE_WORDS = 3
SHINGLES = 16  # kept of one request: its smallest hashes, which are the ones that an account's sample would keep
SHINGLES_SAMPLED = 4  # one shingle in so many is looked at, by its hash: the same ones in every request
NOW, ASIDE, ANSWERED = np.uint8(1), np.uint8(2), np.uint8(4)  # where a shingle stood
# The texts of a request, and where their shingles stand: the question; what else is said now; what tools and answers are to be like; the
# client's turns before; what it says was answered before.
STOOD = np.array([NOW, NOW, ASIDE, ASIDE, ANSWERED])
TEXTS = len(STOOD)
ANSWERS_SAMPLED = 64  # one of so many shingles of answers is looked at, of those that are sampled: they are long, and the model's own
LONG_WORD, PIECE = 24, 8  # bytes: of a word that is none in any language, and of the pieces that it is cut into
BYTE = 8  # digits of a binary number that stands for a letter
SHORT_MEAN, WIDE_MEAN = 2.9, 2.3  # bytes of a text's words on the mean: with less it is tried as a code, in ASCII and in other letters
SCAFFOLD_WORDS = 3  # words of an opening and of an ending
BLOCK, LETTERS = 1024, 1 << 20  # requests looked at together, and letters of theirs: they need little memory
_SEED = 0x51F0  # of the tables below: changing it changes every stored sketch


@dataclass(frozen=True, slots=True)
class Fingerprints:
    """What is left of the texts of N requests."""

    prompt: Array  # (N,) uint64: hash of all its words in their order, 0 where there are none
    opening: Array  # (N,) uint32: hash of the question's first words, 0 where there are none
    ending: Array  # (N,) uint32: hash of the question's last words
    words: Array  # (N,) int64: words looked at
    content: Array  # (N, DIMENSIONS) int8
    cues: Array  # (N,) uint8: bit i is set where a phrase of ``cues.FAMILIES[i]`` occurs
    shingles: Array  # (N, SHINGLES) uint32: its smallest shingle hashes among the sampled, ascending, zeros after them
    stood: Array  # (N, SHINGLES) uint8: where each stood, the sum of ``NOW``, ``ASIDE`` and ``ANSWERED``

    def __getitem__(self, index: Array) -> Fingerprints:
        return Fingerprints(*(getattr(self, field.name)[index] for field in fields(self)))


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
_ODD = np.uint64(0x9E3779B97F4A7C15)
_UNSAMPLED = np.uint32(1)  # a hash that no sample of one in ``SHINGLES_SAMPLED`` has


def _words(texts: Sequence[str]) -> tuple[Array, Array, Array]:
    """(hash of every word, its bytes, words of each text).

    Those of more than ``LONG_WORD`` bytes are cut to pieces of ``PIECE``, of which each says how many bytes the word has.
    """
    joined = "\x00".join(["", *texts, "", ""])
    data = np.frombuffer(joined.encode("utf-8", "replace").translate(_FOLD_KEEPING_NUL), dtype=np.uint8)
    letter, byte = data > _END, data[1:]
    closed = np.flatnonzero(byte == _END)[:-1]  # where each text's closing separator stands
    if len(closed) != len(texts):  # a text holds the separator itself
        return _words([text.replace("\x00", " ") for text in texts])
    before, after = letter[:-1], letter[1:]
    alone = (byte - np.uint8(_ALONE_FROM)) < _ALONE_COUNT if not joined.isascii() else byte[:0]
    if bool(alone.any()):
        starts = np.flatnonzero((after & ~before) | alone)
        ends = np.flatnonzero(before & (~after | alone))  # where the first byte after each word stands
    else:
        edges = np.flatnonzero(before != after)
        starts, ends = edges[::2], edges[1::2]
    if not len(starts):
        return np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(len(texts), np.int64)
    starts, ends, lengths = _in_pieces(starts, ends)
    pair = data[:-1].astype(np.uint16)
    pair <<= np.uint16(8)
    pair |= byte
    sums = np.cumsum(_PAIRS.take(pair.astype(np.intp), mode="wrap"), dtype=np.uint32)  # every pair is in the table: nothing wraps
    hashes = sums[ends - 1]
    hashes[1:] -= hashes[:-1].copy()  # between words stand zeros
    return hashes, lengths, np.diff(np.searchsorted(starts, closed), prepend=0)


def _in_pieces(starts: Array, ends: Array) -> tuple[Array, Array, Array]:
    """Words with the long ones cut, and their bytes: what is in no known code is as good as words, so that it is new where it is new."""
    lengths = ends - starts
    pieces = np.where(lengths > LONG_WORD, -(-lengths // PIECE), 1)
    if int(pieces.max()) == 1:
        return starts, ends, lengths
    place = np.arange(int(pieces.sum())) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    cut = np.repeat(starts, pieces) + place * PIECE
    last = np.repeat(pieces, pieces) - 1 == place
    return cut, np.where(last, np.repeat(ends, pieces), cut + PIECE), np.repeat(lengths, pieces)


def _coded(lengths: Array, owner: Array) -> Array:
    """The texts that hold a run of three pieces of long words, or of eight words of eight bytes, as binary numbers are."""
    eight = lengths == BYTE
    for step in (1, 2, 4):
        eight = eight[:-step] & eight[step:]
    long = lengths > LONG_WORD
    pieces = long[:-2] & long[1:-1] & long[2:]
    begin = np.concatenate([np.flatnonzero(eight), np.flatnonzero(pieces)])
    end = np.concatenate([np.flatnonzero(eight) + 7, np.flatnonzero(pieces) + 2])
    found: Array = owner[begin[owner[begin] == owner[end]]]
    return found


def _read(texts: Sequence[str]) -> tuple[Array, Array, Array, list[int]]:
    """:func:`_words` of texts as they are meant: those whose words are like none are opened. And what stands for all of the long ones."""
    said, whole = all_plain(texts)
    hashes, lengths, counts = _words(said)
    owner = np.repeat(np.arange(len(texts)), counts)
    mean = np.bincount(owner, lengths, len(texts)) / np.maximum(counts, 1)
    short = (mean < SHORT_MEAN) & (counts >= codes.LEAST)
    changed = False
    for at in sorted({*np.flatnonzero(short).tolist(), *_coded(lengths, owner).tolist()}):
        if texts[at].isascii() or mean[at] < WIDE_MEAN:
            meant = codes.opened(texts[at])
            if meant != texts[at]:
                (said[at], whole[at]), changed = kept(meant), True
    return (*(_words(said) if changed else (hashes, lengths, counts)), whole)


def word_hashes(text: str) -> Array:
    """The word hashes of one text: how phrase tables are made."""
    return _words([text])[0]


def _mix(hashes: Array) -> Array:
    """Sums of table entries are even enough for equality, not for their low bits: mix (murmur3's finaliser)."""
    mixed: Array = hashes ^ (hashes >> np.uint32(16))
    mixed *= np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    mixed ^= mixed >> np.uint32(16)
    return mixed


def _bigrams(hashes: Array) -> Array:
    following = np.zeros_like(hashes)
    following[:-1] = hashes[1:]
    return hashes * _BIGRAM + following


class _CueTable:
    """Which cue families a word or a pair of words belongs to, by a direct look-up on 22 bits of its mixed hash."""

    BITS, FIRST = 22, 16  # a table of the first bits alone stays in the processor's cache, and sends few on to the whole one

    def __init__(self) -> None:
        self.table = np.zeros(1 << self.BITS, dtype=np.uint8)
        for family, phrases in enumerate(cues.FAMILIES.values()):
            for phrase in phrases:
                hashes = word_hashes(phrase)
                key = hashes[:1] if len(hashes) == 1 else _bigrams(hashes)[:1]
                self.table[_mix(key) >> np.uint32(32 - self.BITS)] |= np.uint8(1 << family)
        self.first = self.table.reshape(1 << self.FIRST, -1).any(axis=1)

    def __call__(self, mixed: Array) -> tuple[Array, Array]:
        """(positions where there is one, the bits of its families)."""
        maybe = np.flatnonzero(self.first.take((mixed >> np.uint32(32 - self.FIRST)).astype(np.intp), mode="wrap"))
        found = self.table[mixed[maybe] >> np.uint32(32 - self.BITS)]
        return maybe[found > 0], found[found > 0]


_CUES = _CueTable()


def _scaffold(hashes: Array, first: Array, counts: Array) -> Array:
    """Hash of up to ``SCAFFOLD_WORDS`` words from position ``first`` on."""
    result = np.zeros(len(first), dtype=np.uint32)
    padded = np.append(hashes, np.zeros(SCAFFOLD_WORDS, np.uint32))
    for step in range(SCAFFOLD_WORDS):
        word = np.where(step < counts, padded[np.minimum(first + step, len(padded) - 1)], np.uint32(0))
        result = result * _BIGRAM + word
    return np.where(counts > 0, _mix(result) | np.uint32(1), np.uint32(0))


def _content(mixed: Array, lengths: Array, owner: Array, count: int) -> Array:
    """Signed feature hashing of the longer words, each text's vector scaled to length ``NORM`` and rounded."""
    long = np.flatnonzero(lengths >= 4)  # most function words are shorter
    hashes = mixed[long]
    cell = ((hashes >> np.uint32(31)) * np.uint32(DIMENSIONS) + hashes % np.uint32(DIMENSIONS)).astype(np.int64)
    cell += owner[long] * (2 * DIMENSIONS)
    plus_minus = np.bincount(cell, minlength=count * 2 * DIMENSIONS).reshape(count, 2, DIMENSIONS)
    vectors = (plus_minus[:, 0] - plus_minus[:, 1]).astype(np.float64)
    length = np.sqrt((vectors * vectors).sum(axis=1))
    scaled: Array = np.rint(vectors * (NORM / np.maximum(length, 1.0))[:, None]).astype(np.int8)
    return scaled


def _shingles(mixed: Array, first: Array, counts: Array) -> tuple[Array, Array]:
    """The smallest sampled hashes of ``SHINGLE_WORDS`` words in a row of each request, a shorter text being one shingle; where they stood.

    ``first`` and ``counts`` are those of the texts, ``TEXTS`` a request: a shingle does not reach from one into the next.
    """
    padded = np.append(mixed, np.zeros(SHINGLE_WORDS - 1, np.uint32))
    hashes = mixed.copy()
    for step in range(1, SHINGLE_WORDS):
        hashes *= _BIGRAM
        hashes += padded[step : step + len(mixed)]
    hashes = _mix(hashes)
    for back in range(1, SHINGLE_WORDS):  # what would begin in a text's last words reaches too far
        hashes[(first + counts - back)[counts >= back]] = _UNSAMPLED
        short = first[counts == back]
        whole = np.zeros(len(short), np.uint32)
        for step in range(SHINGLE_WORDS):
            whole = whole * _BIGRAM + (mixed[short + step] if step < back else np.uint32(0))
        hashes[short] = _mix(whole)
    kept = np.flatnonzero(hashes % np.uint32(SHINGLES_SAMPLED) == 0)
    text = np.repeat(np.arange(len(counts)), counts)[kept]
    stood = STOOD[text % TEXTS]
    looked_at = (stood != ANSWERED) | (hashes[kept] % np.uint32(SHINGLES_SAMPLED * ANSWERS_SAMPLED) == 0)
    return bottom_marked(text[looked_at] // TEXTS, hashes[kept[looked_at]], stood[looked_at], len(counts) // TEXTS, SHINGLES)


def _wholes(mixed: Array, first: Array, counts: Array) -> Array:
    """uint64 hashes of all the words of each request in their order; of each request ``first`` (N,) is the first word's position."""
    place = np.arange(len(mixed), dtype=np.uint64)
    place -= np.repeat(first.astype(np.uint64), counts)
    place <<= np.uint64(1)
    place += np.uint64(1)
    keyed = mixed.astype(np.uint64)
    keyed += np.uint64(1)
    keyed *= place
    keyed *= _ODD
    keyed ^= keyed >> np.uint64(29)
    total = np.zeros(len(first), np.uint64)
    some = counts > 0
    if bool(some.any()):
        total[some] = np.add.reduceat(keyed, first[some]) * _ODD
    return np.where(total == 0, total, total | np.uint64(1))


def _with_long(wholes: Array, long: list[int]) -> Array:
    """The same with what stands for all of the long texts, ``TEXTS`` a request, of which the words are but a part."""
    if not any(long):
        return wholes
    held = np.array(long, np.uint64).reshape(-1, TEXTS)
    for column in held.T:
        mixed = (wholes ^ column) * _ODD
        wholes = np.where(column > 0, (mixed ^ (mixed >> np.uint64(29))) | np.uint64(1), wholes)
    return wholes


def _joined(parts: Sequence[Fingerprints]) -> Fingerprints:
    return Fingerprints(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Fingerprints)))


def fingerprint(*texts: Sequence[str]) -> Fingerprints:
    """Fingerprints of N requests, in their order.

    ``texts`` are ``TEXTS`` columns at most, the question first: see there. Equal texts have equal fingerprints, whatever the batch.
    """
    rows = list(zip(*texts, *[[""] * len(texts[0])] * (TEXTS - len(texts)), strict=True))
    number: dict[tuple[str, ...], int] = {}
    which = [number.setdefault(each, len(number)) for each in rows]
    distinct = list(number)
    parts = [_fingerprint(block) for block in _blocks(distinct)]
    whole = parts[0] if len(parts) == 1 else _joined(parts)
    return whole if len(distinct) == len(rows) else whole[np.array(which)]


def _blocks(rows: list[tuple[str, ...]]) -> Iterator[list[tuple[str, ...]]]:
    """The rows, no more than ``BLOCK`` of them at once, nor ``LETTERS``."""
    if len(rows) > BLOCK or (len(rows) > 1 and sum(map(len, chain.from_iterable(rows))) > LETTERS):
        half = len(rows) // 2
        yield from _blocks(rows[:half])
        yield from _blocks(rows[half:])
    else:
        yield rows


def _fingerprint(texts: Sequence[tuple[str, ...]]) -> Fingerprints:
    count = len(texts)
    if not count:
        none = np.zeros(0, np.uint32)
        return Fingerprints(
            none.astype(np.uint64), none, none, np.zeros(0, np.int64), np.zeros((0, DIMENSIONS), np.int8),
            none.astype(np.uint8), np.zeros((0, SHINGLES), np.uint32), np.zeros((0, SHINGLES), np.uint8),
        )  # fmt: skip
    hashes, lengths, counts, long = _read(list(chain.from_iterable(texts)))
    mixed = _mix(hashes)
    last = np.cumsum(counts)
    first = last - counts
    kept = np.minimum(counts[::TEXTS], SCAFFOLD_WORDS)
    words = counts.reshape(-1, TEXTS).sum(axis=1)
    owner = np.repeat(np.arange(count), words)
    bigrams = _bigrams(hashes)
    bigrams[last[counts > 0] - 1] = 0  # a pair does not reach into the next text
    found = np.zeros(count, dtype=np.uint8)
    for each in (mixed, _mix(bigrams)):
        where, families = _CUES(each)
        np.bitwise_or.at(found, owner[where], families)
    shingles, stood = _shingles(mixed, first, counts)
    return Fingerprints(
        prompt=_with_long(_wholes(mixed, first[::TEXTS], words), long),
        opening=_scaffold(hashes, first[::TEXTS], kept),
        ending=_scaffold(hashes, last[::TEXTS] - kept, kept),
        words=words,
        content=_content(mixed, lengths, owner, count),
        cues=found,
        shingles=shingles,
        stood=stood,
    )
