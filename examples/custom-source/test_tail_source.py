"""The growing file does what every source must, and waits for the ends of lines."""

from pathlib import Path

import pytest
from siphonwatch.streams.contracts import SourceContract
from siphonwatch.streams.contracts.source import BATCH, POLL, VALUES
from tail_source import TailSource


class TestTailSource(SourceContract):
    """See :class:`SourceContract`."""

    @pytest.fixture
    def source(self, tmp_path: Path) -> TailSource:
        """A file of the contract's records."""
        (tmp_path / "log.jsonl").write_bytes(b"".join(value + b"\n" for value in VALUES))
        return TailSource(tmp_path / "log.jsonl", BATCH)


def test_a_half_written_line_waits(tmp_path: Path) -> None:
    """A line is a record as soon as it has its end, not before."""
    file = tmp_path / "log.jsonl"
    file.write_bytes(b'{"half":')
    source = TailSource(file, BATCH)
    source.poll(POLL)
    assert source.poll(POLL).records == []
    file.write_bytes(b'{"half": 2}\n')
    assert source.poll(POLL).records[0].values == [b'{"half": 2}']
