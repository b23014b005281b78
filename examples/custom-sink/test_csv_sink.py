"""The CSV sink does what every sink must."""

import csv
from pathlib import Path

import pytest
from csv_sink import CsvSink
from siphonwatch.streams.contracts import SinkContract


class TestCsvSink(SinkContract):
    """See :class:`SinkContract`."""

    @pytest.fixture
    def sink(self, tmp_path: Path) -> CsvSink:
        """A sink into a new file."""
        self.file = tmp_path / "findings.csv"
        return CsvSink(self.file)

    def delivered(self, sink: CsvSink) -> list[str]:
        """The third column of each row."""
        with self.file.open(newline="", encoding="utf-8") as rows:
            return [row[2] for row in csv.reader(rows)]
