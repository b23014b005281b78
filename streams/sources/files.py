"""Logs in files as they lie about: any name, any packing, JSON in any layout, CSV, Parquet.

Alone, in folders, or in a bucket (the extra ``remote``).

What a file is, its first bytes tell. A file that is no log, or breaks off, costs itself: what is whole of it is read, and a
:class:`Trouble` names it.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import pyarrow
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sources import columnar, unpack
from siphonwatch.streams.sources.shapes import lines, shape

REMOTE = re.compile(r"^(s3|s3a|gs|gcs|az|abfs|abfss|memory|https?):/+")
COLUMNAR = (b"PAR1", b"ARROW1", b"ORC")
# files that lie beside logs and are none: the marks of job runners, checksums, and what editors and systems leave
BESIDE = re.compile(
    r"(^[._])|(\.(crc|md5|sha1|sha256|sig|asc|tmp|partial|lock|idx|index|swp|bak|py|toml|ya?ml|md|html|pdf|png)$)", re.IGNORECASE
)
FOREIGN = {b"PK\x03\x04": "a zip archive: unpack it first", b"Obj\x01": "an Avro file: convert it to JSON or Parquet first",
           b"SQLite format 3": "a SQLite database: export its table first", b"%PDF": "a PDF"}  # fmt: skip
SAMPLE = 1 << 16  # bytes that a text's layout is told by


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records of one file, in their order."""

    path: Path
    first: int  # number of the first record within the file, from 0
    records: list[bytes]
    read: int  # bytes of the file behind us, as it lies on disk: for the progress bar


@dataclass(frozen=True, slots=True)
class Trouble:
    """A file that was not read to its end, or not at all."""

    path: str
    what: str
    lost: bool = True  # whether records may be missing; ``False`` for what is no log


Troubles = list[Trouble]


def find(paths: Sequence[Path | str], troubles: Troubles | None = None) -> list[Path]:
    """The log files under ``paths``, folders in the natural order of names (``log-2`` before ``log-10``).

    What lies beside the logs of a folder and is none of them is named in ``troubles``. ``UsageError`` where there are none at all.
    """
    found: list[Path] = []
    for given in paths:
        path = opened_path(given)
        if path.is_dir():
            for each in sorted((each for each in path.rglob("*") if each.is_file()), key=natural):
                if BESIDE.search(each.name):
                    if troubles is not None:
                        troubles.append(Trouble(str(each), "no log by its name, left out", lost=False))
                else:
                    found.append(each)
        elif not path.exists():
            raise UsageError(f"{path} does not exist: give log files or folders")
        elif BESIDE.search(path.name):
            raise UsageError(f"{path} is no log by its name: give log files or folders")
        else:
            found.append(path)
    if not found:
        raise UsageError(f"no log files under {', '.join(map(str, paths))}")
    return found


def natural(path: Path) -> tuple[Any, ...]:
    """A sorting key by which ``log-2`` comes before ``log-10``, folder by folder."""
    return tuple(
        tuple((int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", each.lower()) if part)
        for each in path.parts
    )


def opened_path(given: Path | str) -> Path:
    """A local path, or one in a bucket; ``UsageError`` where the extra for buckets is not installed."""
    found = REMOTE.match(str(given))
    if found is None:
        return Path(given)
    url = REMOTE.sub(f"{found[1]}://", str(given))
    try:
        from upath import UPath

        return cast(Path, UPath(url))
    except ImportError as error:
        raise UsageError(f"{url} needs the extra: pip install '.[remote]' in a clone ({error})") from error


def read(path: Path, troubles: Troubles | None = None) -> Iterator[Chunk]:
    """The records of one file, chunk by chunk. What breaks is named in ``troubles``; without them it is a ``UsageError``."""
    own: Troubles = []
    first = 0
    try:
        with path.open("rb") as raw:
            for records, behind in _records(path, raw, own):
                yield Chunk(path, first, records, behind)
                first += len(records)
    except (OSError, EOFError, pyarrow.ArrowException, ImportError, ValueError) as error:
        own.append(Trouble(str(path), f"it cannot be read on: {_short(error)}"))
    except Exception as error:  # of a remote file system, whose errors are of many kinds
        if not REMOTE.match(str(path)):
            raise
        own.append(Trouble(str(path), f"it cannot be read on: {_short(error)}"))
    if not first and not own:
        own.append(Trouble(str(path), "it is empty", lost=False))
    if troubles is not None:
        troubles += own
    elif own and own[0].lost:
        raise UsageError(f"{own[0].path}: {own[0].what}")


def _short(error: Exception) -> str:
    return f"{error}".split("\n")[0][:200] or type(error).__name__


def _records(path: Path, raw: IO[bytes], troubles: Troubles) -> Iterator[tuple[list[bytes], int]]:
    magic = raw.read(16)
    raw.seek(0)
    if magic.startswith(COLUMNAR):
        size = path.stat().st_size
        for records, share in columnar.rows(path, raw, magic):
            yield records, int(size * share)
        return
    foreign = next((what for mark, what in FOREIGN.items() if magic.startswith(mark)), None)
    if foreign:
        troubles.append(Trouble(str(path), f"{foreign}; left out"))
        return
    yield from _text(path, raw, troubles)


def _text(path: Path, raw: IO[bytes], troubles: Troubles) -> Iterator[tuple[list[bytes], int]]:
    blocks = unpack.in_utf8(_until_cut(unpack.unpacked(raw), path, troubles))
    sample = b""
    for block in blocks:
        sample += block
        if len(sample) >= SAMPLE:
            break
    if not sample.strip():
        return
    if b"\x00" in sample[:1024] or sample[257:262] == b"ustar":
        what = "a tar archive: unpack it first" if sample[257:262] == b"ustar" else "no text: neither JSON nor CSV nor a packing known"
        troubles.append(Trouble(str(path), f"{what}; left out"))
        return
    if b"{" not in sample and shape(sample, path.name) is lines:
        troubles.append(Trouble(str(path), "it holds no JSON", lost=False))
    added = columnar.hive(path)
    last = b""
    for records in shape(sample, path.name)(_with(sample, blocks)):
        last = records[-1]
        yield [_added(record, added) for record in records] if added else records, raw.tell()
    if not troubles and last[:1] in (b"{", b"[") and not _whole(last):
        troubles.append(Trouble(str(path), "it is cut off: its last record is not whole"))


def _until_cut(blocks: Iterable[bytes], path: Path, troubles: Troubles) -> Iterator[bytes]:
    """Blocks up to where a packed file breaks, which is then named."""
    try:
        yield from blocks
    except unpack.CutOff as error:
        troubles.append(Trouble(str(path), f"{error}", error.lost))


def _with(sample: bytes, blocks: Iterator[bytes]) -> Iterator[bytes]:
    yield sample
    yield from blocks


def _whole(record: bytes) -> bool:
    try:
        msgspec.json.decode(record)
        return True
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return record.rstrip()[-1:] in (b"}", b"]")  # broken, but not by its end


def _added(record: bytes, added: dict[str, Any]) -> bytes:
    """A record with the columns that its folders name."""
    try:
        held = msgspec.json.decode(record, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return record
    return msgspec.json.encode({**added, **held})


def text(buffer: io.StringIO, path: Path) -> None:
    """Write ``buffer`` to ``path`` as a whole: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(buffer.getvalue(), encoding="utf-8")
    partial.replace(path)
