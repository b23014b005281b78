"""Logs in files: .jsonl, .jsonl.gz, .jsonl.zst and .parquet, alone or in folders, in batches of raw records."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import msgspec
import pyarrow.parquet
import zstandard
from isal import igzip_threaded
from siphonwatch.streams.common.errors import UsageError

SUFFIXES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet")
CHUNK = 8 << 20  # bytes read at a time


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records of one file, in their order."""

    path: Path
    first: int  # number of the first record within the file, from 0
    records: list[bytes]
    read: int  # bytes of the file behind us, as it lies on disk: for the progress bar


def find(paths: list[Path]) -> list[Path]:
    """The log files under ``paths``, folders in the order of names; ``UsageError`` where there are none."""
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            files += sorted(each for each in path.rglob("*") if each.is_file() and each.name.endswith(SUFFIXES))
        elif not path.exists():
            raise UsageError(f"{path} does not exist: give log files or folders ({', '.join(SUFFIXES)})")
        elif not path.name.endswith(SUFFIXES):
            raise UsageError(f"{path} is no log file this program reads: its name must end in {', '.join(SUFFIXES)}")
        else:
            files.append(path)
    if not files:
        raise UsageError(f"no log files under {', '.join(map(str, paths))}: names must end in {', '.join(SUFFIXES)}")
    return files


def read(path: Path) -> Iterator[Chunk]:
    """The records of one file, chunk by chunk; ``UsageError`` where the file itself is broken."""
    try:
        if path.name.endswith(".parquet"):
            yield from _parquet(path)
        else:
            yield from _lines(path)
    except (OSError, EOFError, zstandard.ZstdError, pyarrow.ArrowException) as error:
        raise UsageError(f"{path} cannot be read on ({error}): mend or leave out the file") from error


def _opened(path: Path, raw: IO[bytes]) -> IO[bytes]:
    if path.suffix == ".gz":
        return cast(IO[bytes], igzip_threaded.open(raw, "rb", threads=1))  # unpacks ahead where there is a core to spare
    if path.suffix == ".zst":
        return cast(IO[bytes], zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    return raw


def _lines(path: Path) -> Iterator[Chunk]:
    with path.open("rb") as raw:
        stream, rest, first = _opened(path, raw), b"", 0
        while block := stream.read(CHUNK):
            lines = (rest + block).split(b"\n")
            rest = lines.pop()
            records = [line for line in lines if line and not line.isspace()]
            yield Chunk(path, first, records, raw.tell())
            first += len(records)
        if rest and not rest.isspace():
            yield Chunk(path, first, [rest], raw.tell())


def _parquet(path: Path) -> Iterator[Chunk]:
    """Rows as the JSON objects they stand for; a column that holds JSON text itself is taken as it is."""
    with path.open("rb") as raw:
        table = pyarrow.parquet.ParquetFile(raw)
        first, size = 0, path.stat().st_size
        for part in table.iter_batches(batch_size=8192):
            records = [msgspec.json.encode(_row(row)) for row in part.to_pylist()]
            first += len(records)
            yield Chunk(path, first - len(records), records, min(size, size * first // max(table.metadata.num_rows, 1)))


def _row(row: dict[str, object]) -> dict[str, object]:
    """A row without its nulls, and with messages and the like parsed where they were stored as JSON text."""
    return {name: _parsed(name, value) for name, value in row.items() if value is not None}


def _parsed(name: str, value: object) -> object:
    if isinstance(value, str) and name in ("messages", "parameters", "usage") and value[:1] in "[{":
        with contextlib.suppress(msgspec.MsgspecError):
            return msgspec.json.decode(value)
    elif isinstance(value, dict):
        return {key: inner for key, inner in value.items() if inner is not None}
    return value


def text(buffer: io.StringIO, path: Path) -> None:
    """Write ``buffer`` to ``path`` as a whole: a reader never sees half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_text(buffer.getvalue(), encoding="utf-8")
    partial.replace(path)
