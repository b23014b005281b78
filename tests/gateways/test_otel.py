"""OpenTelemetry itself: an instrumented client's exports, as they come over OTLP/HTTP, through Kafka, are read as they are."""

from __future__ import annotations

import gzip
import os
import subprocess
import threading
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.formats import decoder

from tests.gateways.conftest import ROOT
from tests.services.kafka import Broker
from tests.services.upstream import Upstream

PYTHON = ROOT / ".cache" / "peers" / "bin" / "python"
LATEST = {"OTEL_SEMCONV_STABILITY_OPT_IN": "gen_ai_latest_experimental"}


class Collector(ThreadingHTTPServer):
    """Takes OTLP/HTTP and keeps the bodies, as the collector's Kafka exporter (encoding otlp_proto) would write them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[bytes] = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.bodies.append(gzip.decompress(body) if self.headers.get("content-encoding") == "gzip" else body)  # type: ignore[attr-defined]
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()


def exported(model: Upstream, environment: dict[str, str]) -> list[bytes]:
    assert PYTHON.exists(), "no peers: run `make services`"
    collector = Collector()
    thread = threading.Thread(target=collector.serve_forever, daemon=True)
    thread.start()
    try:
        subprocess.run(
            [str(PYTHON), str(Path(__file__).with_name("otel_client.py")), model.url, f"http://127.0.0.1:{collector.server_address[1]}"],
            check=True, timeout=90, env={**os.environ, **environment}, capture_output=True,
        )  # fmt: skip
    finally:
        collector.shutdown()
        collector.server_close()
        thread.join(timeout=5)
    return collector.bodies


def through_kafka(broker: Broker, bodies: list[bytes]) -> list[Request]:
    topic = f"otel-{uuid.uuid4().hex[:8]}"
    broker.create(topic, 1)
    broker.produce(topic, [(None, body) for body in bodies], partitions=1)
    found = decoder("auto").decode(broker.read(topic))
    assert not found.dead
    kept: dict[str, Request] = {}
    for request in found.requests:
        kept.setdefault(request.request_id, request)
    return list(kept.values())


@pytest.mark.parametrize(
    ("environment", "text"),
    [
        ({}, False),
        ({**LATEST, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}, True),
        ({**LATEST, "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "NO_CONTENT"}, False),
    ],
    ids=["default", "content on spans", "no content"],
)
def test_an_instrumented_clients_spans_are_read(broker: Broker, model: Upstream, environment: dict[str, str], text: bool) -> None:
    found = through_kafka(broker, exported(model, environment))
    assert len(found) == 3
    first, streamed, refused = sorted(found, key=lambda request: float(request.timestamp))
    assert {request.account_id for request in found} == {"acct_otel"}
    assert {request.model for request in found} == {"large"}
    assert (first.usage.prompt_tokens, first.usage.completion_tokens) == (9, 12)
    assert (first.parameters.temperature, first.parameters.max_tokens, first.status) == (0.2, 4096, 200)
    assert first.finish_reason == "stop"
    assert streamed.usage.completion_tokens == 12
    assert refused.status == 429
    assert bool(first.messages) is text
    if text:
        assert [(turn.role, turn.content if isinstance(turn.content, str) else turn.content[0].text) for turn in first.messages] == [
            ("system", "Be brief."), ("user", "What is a lighthouse?"),
        ]  # fmt: skip


def test_content_on_events_comes_with_the_event(broker: Broker, model: Upstream) -> None:
    settings = {
        **LATEST,
        "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "EVENT_ONLY",
        "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT": "true",
    }
    bodies = exported(model, settings)
    logs = [body for body in bodies if b"gen_ai.client.inference.operation.details" in body]
    assert logs
    found = through_kafka(broker, logs)
    first = min(found, key=lambda request: float(request.timestamp))
    assert first.messages
    assert first.account_id == "acct_otel"
    spans = through_kafka(broker, [body for body in bodies if body not in logs])
    assert {request.request_id for request in found} <= {request.request_id for request in spans}, "one call, one id"
