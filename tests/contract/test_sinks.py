"""The same promises, kept by every sink."""

from __future__ import annotations

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.contracts import SinkContract
from siphonwatch.streams.sinks import Sink, Sinks, open_sink
from siphonwatch.streams.sinks.forms import FORMS
from siphonwatch.streams.sinks.kafka import KafkaSink
from siphonwatch.streams.sinks.webhook import WebhookSink
from structlog.testing import capture_logs

from tests.services.kafka import Broker
from tests.unit.streams.sinks.test_sinks import SECRET, Receiver


def subjects(records: list[bytes]) -> list[str]:
    return [decode(record).subject for record in records]


class TestLogSink(SinkContract):
    @pytest.fixture
    def sink(self) -> Iterator[Sink]:
        with capture_logs() as self.lines:
            yield open_sink("log:")

    def delivered(self, sink: Sink) -> list[str]:
        return [line["subject"] for line in self.lines if line["event"] == "verdict"]


class TestFileSink(SinkContract):
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.file = tmp_path / "findings.jsonl"
        return open_sink(f"file://{self.file}")

    def delivered(self, sink: Sink) -> list[str]:
        return subjects(self.file.read_bytes().splitlines()) if self.file.exists() else []


class TestOcsfFile(TestFileSink):
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.file = tmp_path / "findings.jsonl"
        return open_sink(f"file://{self.file}?format=ocsf")

    def delivered(self, sink: Sink) -> list[str]:
        lines = self.file.read_bytes().splitlines() if self.file.exists() else []
        return [json.loads(line)["observables"][0]["value"] for line in lines]


class TestWebhookSink(SinkContract):
    @pytest.fixture
    def sink(self) -> Iterator[Sink]:
        self.receiver = Receiver([])
        made = WebhookSink(self.receiver.url, SECRET, FORMS["native"], lambda: None)
        yield made
        self.receiver.shutdown()
        self.receiver.server_close()

    def delivered(self, sink: Sink) -> list[str]:
        return subjects([body for _, body in self.receiver.taken])


class TestSyslogSink(SinkContract):
    @pytest.fixture
    def sink(self) -> Iterator[Sink]:
        self.got: list[str] = []
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as self.server:
            self.server.bind(("127.0.0.1", 0))
            self.server.settimeout(0.05)
            yield open_sink(f"syslog://127.0.0.1:{self.server.getsockname()[1]}?format=native")

    def delivered(self, sink: Sink) -> list[str]:
        with suppress(TimeoutError):
            while True:
                self.got.append(decode(self.server.recv(65_535).partition(b"] ")[2]).subject)
        return self.got


class TestElasticSink(SinkContract):
    @pytest.fixture
    def sink(self) -> Iterator[Sink]:
        self.receiver = Receiver([])
        yield open_sink(self.receiver.url.replace("http:", "elasticsearch+http:") + "/findings?format=native")
        self.receiver.shutdown()
        self.receiver.server_close()

    def delivered(self, sink: Sink) -> list[str]:
        return subjects([line for _, body in self.receiver.taken for line in body.splitlines()[1::2]])


class TestKafkaSink(SinkContract):
    @pytest.fixture
    def sink(self, broker: Broker) -> Sink:
        self.broker, topic = broker, f"contract-{uuid.uuid4().hex[:8]}"
        self.topic = f"{topic}.verdicts"
        for each in (self.topic, f"{topic}.dead"):
            broker.create(each, 1)
        return KafkaSink(broker.url(topic), self.topic, f"{topic}.dead")

    def delivered(self, sink: Sink) -> list[str]:
        return subjects(self.broker.read(self.topic))


class TestSeveralSinks(TestFileSink):
    @pytest.fixture
    def sink(self, tmp_path: Path) -> Sink:
        self.file = tmp_path / "findings.jsonl"
        return Sinks(open_sink("log:"), open_sink(f"file://{self.file}"))


def test_an_unknown_scheme_says_what_is_known() -> None:
    with pytest.raises(UsageError, match="known schemes are log, file"):
        open_sink("carrier-pigeon://loft")
