"""Where verdicts and dead letters go. A sink may block; it raises ``Unavailable`` and is called again with the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import msgspec
import structlog
from kafka.errors import KafkaError

from detector.campaign import CampaignVerdict
from detector.finding import decode
from detector.limits import LimitVerdict
from streams.deadletters import DeadLetter
from streams.errors import BrokerUnavailable
from streams.sources.kafka import producer

log = structlog.get_logger()


class Sink(Protocol):
    """Takes verdicts and dead letters."""

    def verdicts(self, findings: list[bytes]) -> None:
        """Send findings (JSON); after an error all of them come again, so the same may arrive twice, with the same id."""
        ...

    def dead(self, letters: list[DeadLetter]) -> None:
        """Send dead letters."""
        ...

    def close(self) -> None:
        """Flush and give connections back."""
        ...


class LogSink:
    """Structured JSON logs: one line a change, one line a batch of dead letters."""

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        for one in map(decode, findings):
            told: dict[str, Any] = {"kind": one.__struct_config__.tag, "subject": one.subject, "event_time": one.at}
            if not isinstance(one, LimitVerdict):
                told |= {"level": one.level, "previous": one.previous, "score": round(one.score, 4)}
            if not isinstance(one, CampaignVerdict):
                told["campaign"] = one.campaign
            else:
                told |= {"size": one.size, "tied_by": one.tied_by}
            log.info("verdict", **told, reasons=[reason.text for reason in one.reasons])

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        for letter in letters[:5]:
            log.warning("dead letter", **msgspec.to_builtins(letter))
        if len(letters) > 5:
            log.warning("dead letters", more=len(letters) - 5)

    def close(self) -> None:
        """See the protocol."""


class FileSink:
    """Findings and dead letters appended to files."""

    def __init__(self, findings: Path | None, letters: Path | None) -> None:
        self._findings, self._letters = findings, letters

    @staticmethod
    def _append(path: Path | None, lines: list[bytes]) -> None:
        if path is not None and lines:
            with path.open("ab") as file:
                file.write(b"".join(line + b"\n" for line in lines))

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        self._append(self._findings, findings)

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        self._append(self._letters, [msgspec.json.encode(letter) for letter in letters])

    def close(self) -> None:
        """See the protocol."""


class KafkaSink:
    """Findings keyed by account to one topic, dead letters to another."""

    def __init__(self, source_url: str, verdict_topic: str, dead_letter_topic: str) -> None:
        self._url, self._verdicts, self._dead = source_url, verdict_topic, dead_letter_topic
        self._producer: Any = None

    def _send(self, topic: str, pairs: list[tuple[bytes | None, bytes]]) -> None:
        if not pairs:
            return
        try:
            if self._producer is None:
                self._producer, _ = producer(self._url, linger_ms=0, max_block_ms=5000, delivery_timeout_ms=10_000, request_timeout_ms=5000)
            sent = [self._producer.send(topic, value=value, key=key) for key, value in pairs]
            self._producer.flush(timeout=15)
            for each in sent:
                each.get(timeout=5)
        except (KafkaError, AssertionError, TimeoutError) as error:
            raise BrokerUnavailable(f"Kafka does not take records for {topic} ({type(error).__name__})") from error

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        self._send(self._verdicts, [(decode(one).subject.encode(), one) for one in findings])

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        self._send(self._dead, [(None, msgspec.json.encode(letter)) for letter in letters])

    def close(self) -> None:
        """See the protocol."""
        if self._producer is not None:
            self._producer.close(timeout=3)


class Sinks:
    """Several sinks as one."""

    def __init__(self, *sinks: Sink) -> None:
        self._sinks = sinks

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        for sink in self._sinks:
            sink.verdicts(findings)

    def dead(self, letters: list[DeadLetter]) -> None:
        """See the protocol."""
        for sink in self._sinks:
            sink.dead(letters)

    def close(self) -> None:
        """See the protocol."""
        for sink in self._sinks:
            sink.close()
