"""Files as they lie about: any packing, encoding and layout give the same records; what breaks costs itself and is named."""

from __future__ import annotations

import bz2
import datetime
import decimal
import gzip
import json
import lzma
from pathlib import Path
from typing import Any

import lz4.frame
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.sources import files, shapes
from siphonwatch.streams.sources.files import Troubles

RECORDS = [
    {"request_id": f"r{at}", "timestamp": 1.79e9 + at, "account_id": "a", "model": "m", "prompt": f'"{at}" [of] {{these}}, \\ ü'}
    for at in range(300)
]
LINES = b"".join(json.dumps(each).encode() + b"\n" for each in RECORDS)
PACKERS = {
    "plain": bytes, "gz": gzip.compress, "zst": zstandard.compress, "bz2": bz2.compress, "xz": lzma.compress, "lz4": lz4.frame.compress,
}  # fmt: skip


def read(path: Path, troubles: Troubles | None = None) -> list[dict[str, Any]]:
    return [json.loads(record) for each in files.find([path]) for chunk in files.read(each, troubles) for record in chunk.records]


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("name", ["log.jsonl", "log.gz", "LOG.JSONL", "log.jsonl.1", "log", "log.txt"])
def test_a_file_is_told_by_its_bytes(tmp_path: Path, packing: str, name: str) -> None:
    (tmp_path / name).write_bytes(PACKERS[packing](LINES))
    assert read(tmp_path / name) == RECORDS


@pytest.mark.parametrize("packing", [each for each in PACKERS if each != "plain"])
def test_many_members_padding_and_a_cut(tmp_path: Path, packing: str) -> None:
    pack, path = PACKERS[packing], tmp_path / "log"
    path.write_bytes(pack(LINES) + pack(LINES) + b"\x00" * 512)
    assert len(read(path)) == 600
    whole = pack(LINES * 40)
    for cut in (len(whole) // 2, len(whole) - 3):
        path.write_bytes(whole[:cut])
        troubles: Troubles = []
        found = [record for chunk in files.read(path, troubles) for record in chunk.records]
        assert all(json.loads(record) == RECORDS[at % 300] for at, record in enumerate(found[:-1]))
        assert troubles[0].lost
        assert "cut off" in troubles[0].what
        with pytest.raises(UsageError, match="cut off"):
            list(files.read(path))


@pytest.mark.parametrize("packing", [each for each in PACKERS if each != "plain"])
def test_what_lies_behind_the_end_is_named_and_costs_nothing(tmp_path: Path, packing: str) -> None:
    (tmp_path / "log").write_bytes(PACKERS[packing](LINES) + b"signature")
    troubles: Troubles = []
    assert read(tmp_path / "log", troubles) == RECORDS
    assert [each.lost for each in troubles] == [False]
    assert "behind its end" in troubles[0].what


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, ending: str) -> None:
    (tmp_path / "log").write_bytes(ending.join(json.dumps(each, ensure_ascii=False) for each in RECORDS).encode(encoding))
    assert read(tmp_path / "log") == RECORDS


@pytest.mark.parametrize(
    "text",
    [json.dumps(RECORDS), json.dumps(RECORDS, indent=2), "\n".join(json.dumps(each, indent=1) for each in RECORDS),
     "\n\n".join(map(json.dumps, RECORDS)), ",\n".join(map(json.dumps, RECORDS)), "\n".join(json.dumps([each]) for each in RECORDS)],
    ids=["array", "pretty array", "pretty objects", "blank lines", "commas", "an array a line"],
)  # fmt: skip
def test_layouts_of_json(tmp_path: Path, text: str) -> None:
    (tmp_path / "log").write_text(text)
    found = decoder("auto").decode([record for chunk in files.read(tmp_path / "log") for record in chunk.records])
    assert [request.request_id for request in found.requests] == [each["request_id"] for each in RECORDS]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 64), st.sampled_from([None, 1, 3]))
def test_values_do_not_depend_on_where_blocks_end(size: int, indent: int | None) -> None:
    text = json.dumps(RECORDS[:20], indent=indent).encode()
    blocks = iter([text[at : at + size] for at in range(0, len(text), size)])
    assert [json.loads(record) for records in shapes.values(blocks) for record in records] == RECORDS[:20]


def test_a_broken_value_costs_itself(tmp_path: Path) -> None:
    lines = [json.dumps(each, indent=1) for each in RECORDS[:3]]
    (tmp_path / "log").write_text("[\n" + ",\n".join([lines[0], '{"broken": tru}', lines[1], lines[2]]) + "\n]")
    found = decoder("auto").decode([record for chunk in files.read(tmp_path / "log", []) for record in chunk.records])
    assert [request.request_id for request in found.requests] == ["r0", "r1", "r2"]
    assert {dead.reason for dead in found.dead} == {"not_json"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_tables(tmp_path: Path, delimiter: str) -> None:
    import csv

    with (tmp_path / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(["request_id", "timestamp", "account_id", "model", "messages", "usage"])
        writer.writerow(
            ["r1", "1790000000", "12", "m", json.dumps([{"role": "user", "content": 'a "quoted"\nline; of, it'}]), '{"prompt_tokens": 5}']
        )
    (one,) = decoder("auto").decode([record for chunk in files.read(tmp_path / "log.csv") for record in chunk.records]).requests
    assert (one.account_id, one.messages[0].content, one.usage.prompt_tokens) == ("12", 'a "quoted"\nline; of, it', 5)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Berlin"])
def test_parquet_of_every_time_unit_and_type(tmp_path: Path, unit: str, zone: str | None) -> None:
    stamp = datetime.datetime(2026, 9, 21, 14, 13, 20, tzinfo=datetime.UTC)
    times = pa.array([stamp], pa.timestamp("us", "UTC")).cast(pa.timestamp(unit, "UTC")).cast(pa.timestamp(unit, zone))
    table = pa.table({
        "request_id": pa.array([decimal.Decimal("7")]), "timestamp": times, "account_id": pa.array(["a"]).dictionary_encode(),
        "model": ["m"],
        "messages": [[{"role": "user", "content": [{"type": "text", "text": "why"}], "tool_calls": None}]], "nested": [{"at": [stamp]}],
        "usage": [{"prompt_tokens": float("nan"), "completion_tokens": 9.0}], "map": pa.array([[("k", "v")]], pa.map_(pa.string(),
        pa.string())),
        "raw": [b"\xff\x00"], "day": [datetime.date(2026, 9, 21)],
    })  # fmt: skip
    pq.write_table(table, tmp_path / "log.parquet")
    (one,) = decoder("auto").decode([record for chunk in files.read(tmp_path / "log.parquet") for record in chunk.records]).requests
    assert (one.request_id, one.account_id, one.usage.completion_tokens, one.usage.prompt_tokens) == ("7", "a", 9, None)
    assert one.messages[0].content[0].text == "why"
    assert decoder("auto").decode([record for chunk in files.read(tmp_path / "log.parquet") for record in chunk.records]).times == [
        1_790_000_000_000
    ]


def test_feather_and_folders_that_name_columns(tmp_path: Path) -> None:
    import pyarrow.feather

    folder = tmp_path / "day=2026-09-21" / "account_id=u%201"
    folder.mkdir(parents=True)
    table = pa.table({"request_id": ["r"], "timestamp": [1.79e9], "model": ["m"]})
    pyarrow.feather.write_feather(table, folder / "part.feather")
    (folder / "more.jsonl").write_text('{"request_id": "s", "timestamp": 1790000001, "model": "m"}\n')
    found = [record for each in files.find([tmp_path]) for chunk in files.read(each) for record in chunk.records]
    assert [request.account_id for request in decoder("auto").decode(found).requests] == ["u 1", "u 1"]


def test_a_folder_is_read_in_natural_order_and_what_is_no_log_is_named(tmp_path: Path) -> None:
    for at in (1, 2, 10, 9):
        (tmp_path / f"log-{at}.jsonl").write_bytes(LINES)
    for name in ("_SUCCESS", ".hidden", "part.crc"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04")
    troubles: Troubles = []
    found = files.find([tmp_path], troubles)
    assert [path.name for path in found] == ["a.zip", "log-1.jsonl", "log-2.jsonl", "log-9.jsonl", "log-10.jsonl"]
    for path in found:
        list(files.read(path, troubles))
    assert {Path(each.path).name for each in troubles} == {"_SUCCESS", ".hidden", "part.crc", "a.zip"}


def test_a_log_in_a_bucket(tmp_path: Path) -> None:
    upath = pytest.importorskip("upath", reason="the extra remote is absent")
    folder = upath.UPath("memory://bucket/logs")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "log-2.jsonl.gz").write_bytes(gzip.compress(LINES))
    (folder / "log-1.jsonl").write_bytes(LINES)
    for given_ in ("memory://bucket/logs", "memory:/bucket/logs"):  # a path loses one of the two slashes
        found = files.find([given_])
        assert [path.name for path in found] == ["log-1.jsonl", "log-2.jsonl.gz"]
        assert sum(len(chunk.records) for path in found for chunk in files.read(path)) == 600


def test_an_absent_file_is_a_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        files.find([tmp_path / "absent"])
    with pytest.raises(UsageError, match="no log files under"):
        files.find([tmp_path])
