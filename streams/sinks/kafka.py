"""Findings keyed by whom they are about to one topic, dead letters to another."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
from kafka.errors import KafkaError
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.deadletters import DeadLetter
from siphonwatch.streams.common.errors import BrokerUnavailable
from siphonwatch.streams.sources.kafka import producer


class KafkaSink:
    """See :class:`siphonwatch.streams.sinks.base.Sink`."""

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
            with contextlib.suppress(KafkaError):  # what was not acknowledged is sent again by whoever comes next
                self._producer.close(timeout=3)
