"""Findings as rows of a CSV file, for a spreadsheet: ``csv:///var/lib/siphonwatch/findings.csv``."""

from __future__ import annotations

import csv
from pathlib import Path
from urllib.parse import unquote, urlsplit

from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.deadletters import DeadLetter


class CsvSink:
    """See :class:`siphonwatch.streams.sinks.base.Sink`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def verdicts(self, findings: list[bytes]) -> None:
        """One row a finding; an error here (a full disk) makes them all come again."""
        with self._path.open("a", newline="", encoding="utf-8") as file:
            for found in map(decode, findings):
                reasons = "; ".join(reason.text for reason in found.reasons)
                csv.writer(file).writerow([found.id, found.at, found.subject, getattr(found, "level", "limits"), reasons])

    def dead(self, letters: list[DeadLetter]) -> None:
        """A spreadsheet has no room for refused records: the logs tell them."""

    def close(self) -> None:
        """Nothing is held open."""


def open_sink(url: str) -> CsvSink:
    """The sink at ``csv:///PATH``."""
    return CsvSink(Path(unquote(urlsplit(url).path)))
