"""Records out of text: one JSON object a line, objects over many lines, arrays of them, or a table in CSV.

Each record stays the bytes that it was.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import IO, cast

import msgspec
from siphonwatch.streams.formats.base import RECORD_LIMIT

_DECODER = json.JSONDecoder(strict=False)
_SPACE = " \t\r\n,"
COLUMNS_OF_JSON = 1 << 20  # characters of a cell, at most


def shape(start: bytes, name: str) -> Callable[[Iterator[bytes]], Iterator[list[bytes]]]:
    """How to split a text that begins with ``start``; a file's name only tells a table."""
    text = start.lstrip()
    if text[:1] == b"[" and not text[1:3].isdigit():
        return values
    if text[:1] == b"{":
        return lines if _whole(text.partition(b"\n")[0]) or b"\n" not in text else values
    if name.lower().endswith((".csv", ".tsv", ".csv.gz", ".tsv.gz", ".csv.zst", ".csv.bz2", ".csv.xz")) or _is_table(text):
        return table
    return lines


def _whole(line: bytes) -> bool:
    """Whether the first line is a record of its own, sound or broken, and not the beginning of one that is spread over lines."""
    try:
        msgspec.json.decode(line)
        return True
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return not line.rstrip().endswith((b"{", b"[", b","))


def _is_table(text: bytes) -> bool:
    """Whether the first line looks like a table's: a few bare names."""
    head, _, rest = text.partition(b"\n")
    names = [name.strip().strip(b'"') for name in head.split(b"\t" if b"\t" in head else b";" if b";" in head else b",")]
    return (
        len(names) > 2
        and bool(rest.strip())
        and all(name and name.replace(b"_", b"").replace(b".", b"").replace(b" ", b"").isalnum() for name in names)
    )


def lines(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """One record a line. The last line counts whether or not it ends."""
    rest = b""
    for block in blocks:
        found = (rest + block).split(b"\n")
        rest = found.pop()
        if records := [line for line in found if line and not line.isspace()]:
            yield records
        if len(rest) > 2 * RECORD_LIMIT:  # no line that anybody could use: let it be refused, and go on
            yield [rest]
            rest = b""
    if rest and not rest.isspace():
        yield [rest]


def values(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """JSON values one after the other, however they are spread over lines; those in an array one by one."""
    texts = _decoded(blocks)
    held, ended = "", False
    while not ended or held:
        more = next(texts, None)
        ended = more is None
        held += more or ""
        records, held = _taken(held, ended)
        if records:
            yield records
        if ended and held:
            yield [held.encode("utf-8", "replace")]
            return


def _decoded(blocks: Iterable[bytes]) -> Iterator[str]:
    reader = io.TextIOWrapper(cast(IO[bytes], _Blocks(blocks)), encoding="utf-8", errors="replace", newline="\n")
    while text := reader.read(8 << 20):
        yield text


class _Blocks(io.BufferedIOBase):
    """Blocks as a file."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self._blocks = iter(blocks)

    def readable(self) -> bool:
        return True

    def read1(self, size: int = -1) -> bytes:
        return next(self._blocks, b"")

    def read(self, size: int | None = -1) -> bytes:
        return next(self._blocks, b"")


def _taken(text: str, ended: bool) -> tuple[list[bytes], str]:
    """The whole values at the start of ``text``, and what is left for later."""
    records: list[bytes] = []
    place, size = 0, len(text)
    while True:
        while place < size and text[place] in _SPACE:
            place += 1
        if place >= size:
            return records, ""
        if text[place] in "[]":
            place += 1  # an array is opened, and forgotten: its elements are what counts
            continue
        try:
            value, end = _DECODER.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            if not ended and size - place <= 2 * RECORD_LIMIT and not isinstance(error, RecursionError):
                return records, text[place:]  # it may go on in the next block
            line = text.find("\n", place)
            end = size if line < 0 else line + 1
            value = None
            records.append(text[place:end].encode("utf-8", "replace"))
        if value is not None and (isinstance(value, int | float) and end == size and not ended):
            return records, text[place:]
        if value is not None:
            records.append(text[place:end].encode("utf-8", "replace"))
        place = max(end, place + 1)


def table(blocks: Iterator[bytes]) -> Iterator[list[bytes]]:
    """Rows of CSV as JSON objects of their cells; a cell that holds JSON stays JSON. The separator is told by the first line."""
    csv.field_size_limit(RECORD_LIMIT)
    text = io.TextIOWrapper(cast(IO[bytes], _Blocks(blocks)), encoding="utf-8", errors="replace", newline="")
    head = text.readline()
    delimiter = max(",;\t|", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    records = []
    for row in csv.DictReader(text, fieldnames=names, delimiter=delimiter):
        records.append(
            msgspec.json.encode({name: cell_of(cell) for name, cell in row.items() if name and isinstance(cell, str) and cell != ""})
        )
        if len(records) >= 8192:
            yield records
            records = []
    if records:
        yield records


def cell_of(cell: str) -> object:
    """A cell as what it stands for: JSON objects and lists as such, anything else as the text it is."""
    if cell[:1] in ("{", "["):
        try:
            return msgspec.json.decode(cell)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            return cell
    return cell
