"""The logs that are measured on: the arena's, or simulated traffic where it is absent, and a busy one made of what there is."""

from __future__ import annotations

import heapq
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from zlib import crc32

import msgspec
import zstandard
from isal import igzip
from siphonwatch.streams.sources.files import read

from tests.conftest import ARENA

CACHE = Path(__file__).parents[2] / ".cache" / "bench"
BUSY_RECORDS, BUSY_ACCOUNTS, BUSY_SECONDS, START = 2_000_000, 50_000, 6 * 3600, 1_790_000_000.0


@dataclass(frozen=True)
class Log:
    """A log in a file, gzip-compressed."""

    name: str
    path: Path
    records: int
    size: float  # bytes of one record

    def values(self) -> Iterator[bytes]:
        """Its records, never all in memory."""
        for chunk in read(self.path):
            yield from chunk.records


def _of(name: str, path: Path) -> Log:
    count = size = 0
    for chunk in read(path):
        count += len(chunk.records)
        size += sum(map(len, chunk.records))
    return Log(name, path, count, size / count)


def _written(path: Path, records: Iterator[bytes]) -> Path:
    """Records in a file that is there only when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    with igzip.open(partial, "wb", compresslevel=1) as file:
        while some := list(islice(records, 10_000)):
            file.write(b"\n".join(some) + b"\n")
    return partial.rename(path)


def _simulated() -> Path:
    path = CACHE / "simulated.jsonl.gz"
    if not path.exists():
        plain = CACHE / "simulated.jsonl"
        CACHE.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "siphonwatch.streams", "simulate", str(plain), "--accounts", "4000", "--days", "3"], check=True
        )
        with plain.open("rb") as lines:
            _written(path, (line.rstrip(b"\n") for line in lines))
        plain.unlink()
    return path


def quiet(most: int | None) -> Log:
    """The arena's log as it lies beside the clone, or its first ``most`` records."""
    arena = ARENA / "dev" / "requests.jsonl.gz"
    path, name = (arena, "the arena's log") if arena.is_file() else (_simulated(), "simulated traffic (the arena is absent)")
    if most is None:
        return _of(name, path)
    records = (record for chunk in read(path) for record in chunk.records)
    return _of(f"{name}, its beginning", _written(CACHE / f"quiet-{most}.jsonl.gz", islice(records, most)))


def busy(most: int | None) -> Log:
    """Two million records of 50,000 accounts in six hours, made once and kept.

    They are the accounts of the logs there are, again and again under other names, their days packed closer.
    """
    count = most or BUSY_RECORDS
    path = CACHE / f"busy-{count}.jsonl.gz"
    if not path.exists():
        _written(path, islice(_again(count), count))
    return _of("the busy log", path)


def _again(count: int) -> Iterator[bytes]:
    found = [ARENA / name for name in ("dev/requests.jsonl.gz", "second/requests.jsonl.zst")]
    paths = found if all(path.is_file() for path in found) else [_simulated()]
    held = sum(_of("", path).records for path in paths)
    copies = -(-count // held)
    names: dict[tuple[str, int], int] = {}
    for share, record in heapq.merge(*map(_placed, paths), key=lambda each: each[0]):
        account, moment = record["account_id"], START + share * BUSY_SECONDS
        for copy in range(copies):
            number = crc32(f"{account} {copy}".encode())
            if copy == copies - 1 and number % 1000 >= 1000 * (count / held - copies + 1) + 20:
                continue  # the last copy is of some accounts only
            made = record | {
                "request_id": f"{record['request_id']}-{copy}",
                "timestamp": round(moment + copy * 0.007, 3),
                "account_id": f"acct_{names.setdefault((account, copy), len(names)) % BUSY_ACCOUNTS:05d}",
                "source_ip": f"{1 + copy + number % 7 * 30}.{record.get('source_ip', '0.0.0.0').partition('.')[2]}",
                "payment_fingerprint": f"{record.get('payment_fingerprint')}-{copy}",
            }
            yield msgspec.json.encode(made)


def _placed(path: Path) -> Iterator[tuple[float, dict]]:
    """(where it stands between the log's beginning and its end, a record), in the log's order."""
    decode = msgspec.json.Decoder(dict).decode
    first = last = None
    for chunk in read(path):
        first = decode(chunk.records[0])["timestamp"] if first is None else first
        last = decode(chunk.records[-1])["timestamp"]
    for chunk in read(path):
        for record in chunk.records:
            held = decode(record)
            yield (held["timestamp"] - first) / (last - first), held


def zstd(log: Log, folder: Path) -> Path:
    """The same log, packed by Zstandard."""
    path = folder / "log.jsonl.zst"
    with igzip.open(log.path, "rb") as plain, path.open("wb") as packed:
        zstandard.ZstdCompressor(level=6).copy_stream(plain, packed)
    return path
