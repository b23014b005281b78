"""LiteLLM's proxy: one line of its configuration makes it ask the sidecar and write its log to Kafka.

    litellm_settings: {callbacks: siphonwatch.streams.gateways.litellm.siphonwatch}

Before each call the sidecar is asked about the virtual key: 429 or 403 goes back to the client where it says so. After each call,
failed ones too, the ``StandardLoggingPayload`` goes to Kafka. Neither ever breaks a call: a sidecar that does not answer in time is
an open door (or a shut one, where ``SIPHONWATCH_DECISION_FAIL`` is ``closed``), and payloads that Kafka does not take are dropped and
counted.

Environment: ``SIPHONWATCH_SOURCE`` (kafka://HOST:PORT/TOPIC), ``SIPHONWATCH_DECISION_URL`` (http://127.0.0.1:9107; empty asks
nobody), ``SIPHONWATCH_DECISION_TOKEN``, ``SIPHONWATCH_DECISION_FAIL``. Written against litellm 1.108.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
from fastapi import HTTPException
from kafka import KafkaProducer
from kafka.errors import KafkaError
from litellm.integrations.custom_logger import CustomLogger
from siphonwatch.streams.sources.kafka import parse

log = logging.getLogger("siphonwatch")
ASK_SECONDS = 0.05  # a decision takes a millisecond; what takes longer is not worth a client's time
BLOCK_SECONDS = 2.0  # that a thread of our own may wait for a broker; the call itself never does
MODEL_LIMIT = 256  # characters of a model's name that the sidecar is asked about
QUEUE = 1000  # payloads that wait for that thread before more are dropped
MESSAGES = {
    429: "Too many requests for this key; retry later.",
    403: "This key may not use the API.",
    503: "The request could not be checked.",
}


DEAR = ("logprobs", "top_logprobs", "reasoning", "reasoning_effort", "thinking", "best_of", "include")  # what a harvest is after
LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def degrade(data: dict[str, Any], tokens: int) -> None:
    """Take from a request what a harvest is after: log-probabilities, samples, reasoning, and answers of more than ``tokens``."""
    for name in DEAR:
        data.pop(name, None)
    if data.get("n") not in (None, 1):
        data["n"] = 1
    named = [name for name in LIMITS if data.get(name) is not None]
    for name in named or ["max_tokens"]:
        asked = data.get(name)
        data[name] = min(asked, tokens) if isinstance(asked, int) and asked > 0 else tokens


class Siphonwatch(CustomLogger):  # type: ignore[misc]
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        self._source = os.environ.get("SIPHONWATCH_SOURCE", "")
        self._ask = os.environ.get("SIPHONWATCH_DECISION_URL", "http://127.0.0.1:9107")
        self._closed = os.environ.get("SIPHONWATCH_DECISION_FAIL", "open") == "closed"
        token = os.environ.get("SIPHONWATCH_DECISION_TOKEN", "")
        self._headers = {"x-siphonwatch-token": token} if token else {}
        self._client: httpx.AsyncClient | None = None
        self._producer: Any = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="siphonwatch")
        self._waiting = 0
        self.dropped = 0

    # ----------------------------------------------------------------------------------------------- before a call

    async def async_pre_call_hook(self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str) -> None:
        """Ask the sidecar; raise what the client is to get."""
        account = getattr(user_api_key_dict, "api_key", None)
        if not self._ask or not account:
            return
        try:
            if self._client is None:
                self._client = httpx.AsyncClient(base_url=self._ask, headers=self._headers, timeout=ASK_SECONDS)
            model = str(data.get("model") or "")[:MODEL_LIMIT].encode("utf-8", "replace").decode()  # the client's to choose
            answer = await self._client.get("/v1/decision", params={"account": account, "model": model})
            answer.raise_for_status()
            told = answer.json()
        except (httpx.HTTPError, ValueError) as error:
            log.warning(
                "the sidecar did not answer (%s): the call is %s", type(error).__name__, "refused" if self._closed else "let through"
            )
            told = {"status": 503, "headers": {"retry-after": "5"}} if self._closed else {"status": 200}
        if told["status"] != 200:
            detail = {"error": {"message": MESSAGES.get(told["status"], "refused"), "type": "siphonwatch", "code": str(told["status"])}}
            reference = (told.get("headers") or {}).get("x-siphonwatch-reference")
            if reference:
                detail["error"]["reference"] = reference
            raise HTTPException(status_code=told["status"], detail=detail, headers=told.get("headers") or {})
        wanted = (told.get("headers") or {}).get("x-siphonwatch-degrade", "")
        limit = re.search(r"max_tokens=(\d+)", wanted)
        if limit:
            degrade(data, int(limit.group(1)))

    # ------------------------------------------------------------------------------------------------ after a call

    async def async_log_success_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """LiteLLM's, once for each call that worked."""
        self._log(kwargs)

    async def async_log_failure_event(self, kwargs: dict[str, Any], response_obj: Any, start_time: Any, end_time: Any) -> None:
        """LiteLLM's, once for each call that failed."""
        self._log(kwargs)

    def _log(self, kwargs: dict[str, Any]) -> None:
        payload = kwargs.get("standard_logging_object")
        if not payload or not self._source:
            return
        if self._waiting >= QUEUE:
            self._drop("the queue is full")
            return
        self._waiting += 1
        record = json.dumps(payload, default=str).encode()
        key = (payload.get("metadata") or {}).get("user_api_key_hash")
        future = asyncio.get_running_loop().run_in_executor(self._writer, self._send, key.encode() if key else None, record)
        future.add_done_callback(lambda _: self._sent())

    def _sent(self) -> None:
        self._waiting -= 1

    def _send(self, key: bytes | None, record: bytes) -> None:
        try:
            servers, topic, settings = parse(self._source)
            if self._producer is None:
                self._producer = KafkaProducer(
                    bootstrap_servers=servers.split(","), client_id="siphonwatch-litellm", acks=1, linger_ms=50,
                    max_block_ms=int(BLOCK_SECONDS * 1000), **settings,
                )  # fmt: skip
            self._producer.send(topic, value=record, key=key).add_errback(lambda error: self._drop(type(error).__name__))
        except (KafkaError, OSError, AssertionError, ValueError) as error:
            self._drop(type(error).__name__)

    def _drop(self, why: str) -> None:
        self.dropped += 1
        if self.dropped & (self.dropped - 1) == 0:  # the first, the second, the fourth …: enough to see it, too few to flood
            log.warning("%d payloads did not reach Kafka (%s)", self.dropped, why)


siphonwatch = Siphonwatch()
