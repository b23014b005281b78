"""LiteLLM itself: its proxy asks the sidecar before each call and writes every call to Kafka; siphonwatch reads what it wrote."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from siphonwatch.streams.formats import decoder

from tests.gateways.conftest import ROOT, TOKEN, RunningSidecar, verdict
from tests.services.kafka import Broker
from tests.services.process import Program, free_port, wait_until
from tests.services.upstream import Upstream

BINARY = ROOT / ".cache" / "peers" / "bin" / "litellm"
KEY = "sk-for-tests-only"


class Proxy:
    """LiteLLM's proxy on the recipe of the repository."""

    def __init__(self, folder: Path, broker: Broker, sidecar: RunningSidecar, model: Upstream) -> None:
        assert BINARY.exists(), "no LiteLLM: run `make services`"
        self.port, self.topic = free_port(), f"litellm-{uuid.uuid4().hex[:8]}"
        broker.create(self.topic, 1)
        config = folder / "config.yaml"
        text = (ROOT / "deploy" / "gateways" / "litellm" / "config.yaml").read_text()
        config.write_text(text.replace("http://127.0.0.1:8000/v1", model.url))
        environment = {
            **os.environ, "OPENAI_API_KEY": "sk-upstream", "LITELLM_MASTER_KEY": KEY, "LITELLM_TELEMETRY": "False",
            "SIPHONWATCH_SOURCE": broker.url(self.topic), "SIPHONWATCH_DECISION_URL": f"http://127.0.0.1:{sidecar.port}",
            "SIPHONWATCH_DECISION_TOKEN": TOKEN, "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }  # fmt: skip
        command = [str(BINARY), "--config", str(config), "--host", "127.0.0.1", "--port", str(self.port), "--num_workers", "1"]
        self.program = Program(command, folder / "litellm.log", environment)
        wait_until(self.answers, 120, "LiteLLM to listen")

    def answers(self) -> bool:
        assert self.program.running, self.program.tail()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def chat(self, text: str, **more: object) -> httpx.Response:
        body = {"model": "large", "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}], **more}
        return httpx.post(
            f"http://127.0.0.1:{self.port}/v1/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"}, timeout=30
        )


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, broker: Broker, sidecar: RunningSidecar, model: Upstream) -> Iterator[Proxy]:
    made = Proxy(tmp_path_factory.mktemp("litellm"), broker, sidecar, model)
    yield made
    made.program.stop(30)


def test_calls_are_logged_asked_for_and_refused(proxy: Proxy, broker: Broker, sidecar: RunningSidecar, model: Upstream) -> None:
    assert proxy.chat("What is a lighthouse?", temperature=0.7, max_tokens=4096, user="customer-1").status_code == 200
    assert proxy.chat("And a ferry?", stream=True, stream_options={"include_usage": True}).status_code == 200
    assert proxy.chat("please fail", num_retries=0).status_code >= 500
    wait_until(lambda: len(broker.read(proxy.topic)) >= 3, 30, "three payloads to arrive")
    found = decoder("auto").decode(broker.read(proxy.topic))
    assert not found.dead
    first, streamed, failed = found.requests[:3]
    assert {request.account_id for request in found.requests} == {"litellm_proxy_master_key"}  # a virtual key is its SHA-256
    assert first.messages is not None
    assert [turn.content for turn in first.messages] == ["Be brief.", "What is a lighthouse?"]
    assert (first.parameters.temperature, first.parameters.max_tokens) == (0.7, 4096)
    assert (first.usage.prompt_tokens, first.usage.completion_tokens, first.usage.cached_tokens) == (9, 12, 4)
    assert (first.model, first.status, first.finish_reason, first.end_user_id) == ("large", 200, "stop", "customer-1")
    assert streamed.usage.completion_tokens
    assert failed.status >= 500

    # one that is watched gets its answers without what a harvest is after
    account = first.account_id
    sidecar.judge({account: verdict(account, "watch", 0.2)})

    def degraded() -> bool:
        assert proxy.chat("Why?", logprobs=True, top_logprobs=5, n=4, max_tokens=9000).status_code == 200
        return "logprobs" not in model.asked[-1]

    wait_until(degraded, 20, "the watched key's requests to be degraded")
    assert model.asked[-1]["max_tokens"] == 1024
    assert model.asked[-1].get("n", 1) == 1
    assert "top_logprobs" not in model.asked[-1]

    # the account as LiteLLM names it is flagged: the next calls are refused, and never reach the model
    before = len(model.asked)
    sidecar.judge({account: verdict(account, "throttle", 1.0)})

    def refused() -> bool:
        return proxy.chat("Is it refused?").status_code == 429

    wait_until(refused, 20, "the throttled key to be answered 429")
    reply = proxy.chat("Still?")
    assert reply.status_code == 429
    assert int(reply.headers["retry-after"]) >= 1
    assert len(reply.headers["x-siphonwatch-reference"]) == 10
    sidecar.judge({account: verdict(account, "block", 4.0)})
    wait_until(lambda: proxy.chat("Blocked?").status_code == 403, 20, "the blocked key to be answered 403")
    asked = [str(each) for each in model.asked[before:]]
    assert not any("Still?" in each or "Blocked?" in each for each in asked)

    # and a sidecar that is away is an open door
    sidecar.judge({account: None})
    sidecar.stop()
    try:
        assert proxy.chat("Nobody decides").status_code == 200
    finally:
        sidecar.start()
