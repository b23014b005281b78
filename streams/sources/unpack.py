"""Bytes of a file as they were before they were packed: gzip, zstd, bzip2, xz, lz4, told by their first bytes and not by a name.

Many members or frames.

A file that was cut off gives what is whole of it. Text in UTF-16 or UTF-32 becomes UTF-8, byte-order marks go, and bare carriage returns
become line ends.
"""

from __future__ import annotations

import bz2
import codecs
import lzma
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any

import lz4.frame
import zstandard
from isal import isal_zlib

BLOCK = 1 << 20  # bytes of the file read at a time
AHEAD = 8  # blocks unpacked ahead by a thread of their own, where there is a core to spare

PACKED: dict[bytes, Callable[[], Any]] = {
    b"\x1f\x8b": lambda: isal_zlib.decompressobj(31),
    b"\x28\xb5\x2f\xfd": lambda: zstandard.ZstdDecompressor().decompressobj(),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\x00": lzma.LZMADecompressor,
    b"\x04\x22\x4d\x18": lz4.frame.LZ4FrameDecompressor,
}
BROKEN: tuple[Any, ...] = (
    OSError,
    EOFError,
    isal_zlib.error,
    zstandard.ZstdError,
    lzma.LZMAError,
    RuntimeError,
    ValueError,
)  # what the unpackers raise
SKIPPABLE = b"\x2a\x4d\x18"  # of zstd's frames that hold no data, after their first byte
MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF8, ""), (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip


class CutOff(Exception):
    """A packed file ends before its end, or breaks within; what came before is whole, and all there was where nothing is ``lost``."""

    def __init__(self, what: str, lost: bool = True) -> None:
        super().__init__(what)
        self.lost = lost


def unpacked(raw: IO[bytes]) -> Iterator[bytes]:
    """Blocks of what a file holds, unpacked; :class:`CutOff` after the last whole one where it ends too early."""
    blocks = iter(lambda: raw.read(BLOCK), b"")
    first = next(blocks, b"")
    mark = next((mark for mark in PACKED if first.startswith(mark)), None)
    if mark is None:
        yield first
        yield from blocks
        return
    yield from _ahead(_members(first, blocks, mark))


def _members(first: bytes, blocks: Iterable[bytes], mark: bytes) -> Iterator[bytes]:
    machine = PACKED[mark]()
    for block in _chain(first, blocks):
        rest = block
        while rest:
            if machine.eof:
                rest = rest.lstrip(b"\x00")  # padding between members, and after the last
                if not rest:
                    break
                if rest[: len(mark)] != mark[: len(rest)] and rest[1:4] != SKIPPABLE:
                    raise CutOff("it has something else behind its end, left out", lost=False)
                machine = PACKED[mark]()
            try:
                out = machine.decompress(rest)
            except BROKEN as error:
                raise CutOff(f"it breaks within ({error}): what came before was read") from error
            if out:
                yield out
            rest = (machine.unused_data or b"") if machine.eof else b""
    if not machine.eof:
        raise CutOff("it is cut off: what came before was read")


def _chain(first: bytes, blocks: Iterable[bytes]) -> Iterator[bytes]:
    yield first
    yield from blocks


def _ahead(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same blocks, made by a thread that runs a little ahead: the unpackers let other threads run."""
    waiting: queue.Queue[bytes | Exception | None] = queue.Queue(AHEAD)
    left = threading.Event()

    def put(item: bytes | Exception | None) -> bool:
        while not left.is_set():
            try:
                waiting.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for block in blocks:
                if not put(block):
                    return
            put(None)
        except Exception as error:  # handed over to who reads
            put(error)

    thread = threading.Thread(target=work, daemon=True, name="unpack")
    thread.start()
    try:
        while (item := waiting.get()) is not None:
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        left.set()


def in_utf8(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The same text in UTF-8 without a byte-order mark, its lines ending in line feeds."""
    first = next(blocks, b"")
    while 0 < len(first) < 4 and (more := next(blocks, b"")):
        first += more
    mark, encoding = next(((mark, encoding) for mark, encoding in MARKS if first.startswith(mark)), (b"", _guessed(first)))
    first = first[len(mark) :]
    if encoding:
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        texts = (decoder.decode(block).encode("utf-8", "replace") for block in _chain(first, blocks))
        first, blocks = next(texts, b""), texts
    bare = b"\n" not in first and b"\r" in first
    for block in _chain(first, blocks):
        yield block.replace(b"\r", b"\n") if bare else block


def _guessed(first: bytes) -> str:
    """UTF-16 without a mark: JSON begins with ASCII, so every other byte is 0."""
    if len(first) >= 4 and first[0] and not first[1] and first[2] and not first[3]:
        return "utf-16-le"
    if len(first) >= 4 and not first[0] and first[1] and not first[2] and first[3]:
        return "utf-16-be"
    return ""
