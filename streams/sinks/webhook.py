"""Findings to a webhook, signed, tried again, and never in the way.

Signatures follow Standard Webhooks (https://www.standardwebhooks.com, read 2026-11-24): any of its libraries checks them. A receiver
that is away costs nobody anything: findings wait in a bounded queue of a thread's own, are tried again with growing pauses, and then
dropped and counted. What must not be lost goes to Kafka or to a file.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import queue
import threading
import time
from collections.abc import Callable

import structlog
import urllib3
from siphonwatch.detector.verdicts.finding import decode
from siphonwatch.streams.common.deadletters import DeadLetter
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.secret import parsed, scheme_of
from urllib3.util import Retry

log = structlog.get_logger()

WAITING = 1000  # findings in the queue
TRIES = 6  # of one finding: with doubling pauses from a half second, half a minute in all
TIMEOUT = urllib3.Timeout(connect=3.0, read=10.0)


def secret_bytes(secret: str) -> bytes:
    """The key of a secret: ``whsec_`` and base64, as Standard Webhooks writes it, or any other text as it is."""
    if secret.startswith("whsec_"):
        try:
            return base64.b64decode(secret[6:], validate=True)
        except ValueError as error:
            raise UsageError("webhook_secret is whsec_ and base64, or any other text") from error
    return secret.encode()


def sign(key: bytes, name: str, timestamp: int, body: bytes) -> str:
    """The signature of one message."""
    return "v1," + base64.b64encode(hmac.new(key, f"{name}.{timestamp}.".encode() + body, hashlib.sha256).digest()).decode()


class WebhookSink:
    """See :class:`siphonwatch.streams.sinks.base.Sink`; never unavailable."""

    def __init__(self, url: str, secret: str, form: Callable[[bytes], bytes], dropped: Callable[[], None], pause: float = 0.5) -> None:
        if scheme_of(url) not in ("http", "https") or not parsed(url, "webhook_url").hostname:
            raise UsageError("webhook_url is no http:// or https:// address")
        if not secret:
            raise UsageError("webhook_secret is missing: findings are never sent unsigned")
        self._url, self._key, self._form, self._dropped = url, secret_bytes(secret), form, dropped
        retry = Retry(
            total=TRIES - 1, backoff_factor=pause, status_forcelist=(408, 409, 425, 429, 500, 502, 503, 504), allowed_methods=("POST",),
            respect_retry_after_header=True, raise_on_status=False, redirect=False, backoff_max=30,
        )  # fmt: skip
        self._pool = urllib3.PoolManager(retries=retry, timeout=TIMEOUT)
        self._queue: queue.Queue[bytes | None] = queue.Queue(WAITING)
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def verdicts(self, findings: list[bytes]) -> None:
        """See the protocol."""
        for finding in findings:
            try:
                self._queue.put_nowait(finding)
            except queue.Full:
                self._lost("the queue is full")

    def dead(self, letters: list[DeadLetter]) -> None:
        """Dead letters go to Kafka and to the logs."""

    def close(self) -> None:
        """Give what waits a few seconds, then leave."""
        try:
            self._queue.put(None, timeout=1)
        except queue.Full:
            return
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while (finding := self._queue.get()) is not None:
            self._post(finding)

    def _post(self, finding: bytes) -> None:
        name, now, body = decode(finding).id, int(time.time()), self._form(finding)
        headers = {
            "content-type": "application/json", "user-agent": "siphonwatch", "webhook-id": name, "webhook-timestamp": str(now),
            "webhook-signature": sign(self._key, name, now, body),
        }  # fmt: skip
        try:
            status = self._pool.request("POST", self._url, body=body, headers=headers).status
        except urllib3.exceptions.HTTPError as error:
            self._lost(type(error).__name__)
        else:
            if status >= 300:
                self._lost(f"answered {status}")

    def _lost(self, why: str) -> None:
        self._dropped()
        log.warning("a finding did not reach the webhook", why=why)
