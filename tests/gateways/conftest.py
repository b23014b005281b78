"""A sidecar that knows three accounts, a small upstream, and gateways between them."""

from __future__ import annotations

import http.client
import os
import sys
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from siphonwatch.detector.verdicts.account import Verdict
from siphonwatch.streams.stores import whole
from siphonwatch.streams.stores.redis import RedisStore

from tests.services.process import Program, free_port, wait_until
from tests.services.redis import RedisServer
from tests.services.upstream import Upstream, upstream

TOKEN = "a-token-for-tests"
ROOT = Path(__file__).parents[2]


def verdict(account: str, level: str, evidence: float) -> Verdict:
    return Verdict(account, level, "clear", 0.9, evidence, 1.79e9, 5, 1.79e9, 10, 4, 100, 40, None, [])


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


def ask(port: int, path: str, headers: dict[str, str] | None = None, method: str = "GET", body: bytes | None = None) -> Reply:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return Reply(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
    finally:
        connection.close()


@dataclass
class RunningSidecar:
    """A sidecar process with its store."""

    redis: RedisServer
    folder: Path
    options: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    grpc_port: int = field(default_factory=free_port)
    http_port: int = field(default_factory=free_port)
    topic: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")

    def __post_init__(self) -> None:
        self.store = RedisStore(self.redis.url, self.topic, f"test-{self.topic}")
        levels = {"slow": verdict("slow", "throttle", 1.0), "bad": verdict("bad", "block", 4.0), "odd": verdict("odd", "watch", 0.2)}
        self.judge(levels)
        self.start()

    def judge(self, levels: dict[str, Verdict | None]) -> None:
        whole.write(self.store, b"", [], levels, height=1.0)

    def start(self) -> None:
        command = [
            sys.executable, "-m", "siphonwatch.streams", "sidecar", "--store", self.redis.url, "--topic", self.topic,
            "--prefix", f"test-{self.topic}",
            "--port", str(self.port), "--grpc-port", str(self.grpc_port), "--http-port", str(self.http_port), *self.options,
        ]  # fmt: skip
        environment = {**os.environ, "SIPHONWATCH_DECISION_TOKEN": TOKEN, "SIPHONWATCH_DECISION_REFRESH_SECONDS": "0.1", **self.environment}
        self.program = Program(command, self.folder / f"sidecar-{self.port}.log", environment)
        wait_until(self.ready, 30, f"the sidecar to be ready\n{self.program.tail()}")

    def ready(self) -> bool:
        try:
            return ask(self.http_port, "/readyz").status == 200
        except OSError:
            return False

    def stop(self) -> None:
        if self.program.running:
            self.program.stop()


@pytest.fixture(scope="module")
def sidecar(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSidecar]:
    made = RunningSidecar(redis_server, tmp_path_factory.mktemp("sidecar"), ("--degrade", "watch"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def model() -> Iterator[Upstream]:
    with upstream() as server:
        yield server


def holds(port: int, sidecar: RunningSidecar, model: Upstream, open_when_down: bool) -> None:
    """What every gateway must do: let the clear account through, slow the throttled one, refuse the blocked one; and its
    own choice when the sidecar is away."""

    def post(account: str) -> Reply:
        return ask(port, "/v1/chat/completions", {"authorization": f"Bearer key-of-{account}", "content-type": "application/json"}, "POST",
                   b'{"model": "m", "messages": [{"role": "user", "content": "what is it?"}]}')  # fmt: skip

    before = len(model.asked)
    assert post("good").status == 200
    assert post("odd").status == 200
    assert len(model.asked) == before + 2
    sidecar.judge({"slow": verdict("slow", "throttle", 1.0)})
    replies = [post("slow") for _ in range(3)]
    refused = [reply for reply in replies if reply.status == 429]
    assert [reply.status for reply in replies][1:] == [429, 429]
    for reply in refused:
        assert 1 <= int(reply.headers["retry-after"]) <= 60
        assert reply.headers["ratelimit-policy"] == '"siphonwatch";q=6;w=60'
        assert reply.headers["ratelimit"].startswith('"siphonwatch";r=0;t=')
    before = len(model.asked)
    blocked = post("bad")
    assert blocked.status == 403
    assert len(model.asked) == before, "a blocked request must not reach the model"
    sidecar.stop()
    try:
        wanted = 200 if open_when_down else (403, 500, 502, 503)
        found = post("good").status
        assert found == wanted or (isinstance(wanted, tuple) and found in wanted), found
    finally:
        sidecar.start()
