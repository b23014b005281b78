"""Findings appended to a file, one JSON object a line: the project's own, or OCSF."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from siphonwatch.streams.common.deadletters import DeadLetter


class FileSink:
    """See :class:`siphonwatch.streams.sinks.base.Sink`. A disk that is full stops the judging, which would otherwise lose what it found."""

    def __init__(self, path: Path, form: Callable[[bytes], bytes]) -> None:
        self._path, self._form = path, form

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        if findings:
            with self._path.open("ab") as file:
                file.write(b"".join(self._form(finding) + b"\n" for finding in findings))

    def dead(self, letters: list[DeadLetter]) -> None:
        """Dead letters go to Kafka and to the logs."""

    def close(self) -> None:
        """See the protocol."""


def open_sink(url: str) -> FileSink:
    """For ``file:///PATH``, or ``file:///PATH?format=ocsf``."""
    from siphonwatch.streams.sinks.forms import form_of

    parts = urlsplit(url)
    return FileSink(Path(unquote(parts.netloc + parts.path)), form_of(parse_qs(parts.query), "native"))
