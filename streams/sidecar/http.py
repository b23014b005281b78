"""The sidecar's HTTP side, plain ASGI: the decision is a dictionary look-up, and what surrounds it should cost no more.

- ``GET /v1/decision?account=…[&model=…]``: always 200, the decision as JSON;
- ``/v1/forward-auth`` (Traefik, APISIX, Caddy, HAProxy) and ``/v1/ext-authz…`` (Envoy's HTTP ext_authz): 200, 429 or 403;
- ``/v1/auth-request`` (nginx, whose auth_request knows only 2xx, 401 and 403): 200 or 403, with the status meant in a header;
- ``/v1/accounts/…``, ``/v1/campaigns/…``, ``/v1/findings``: for a person's dashboard;
- ``/healthz``, ``/readyz``: without a token.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from siphonwatch.streams.sidecar.decisions import Decider, answered
from siphonwatch.streams.sidecar.guard import BODY_LIMIT, Pace, Tokens
from siphonwatch.streams.sidecar.metrics import SidecarMetrics

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

JSON: tuple[bytes, bytes] = (b"content-type", b"application/json")
MESSAGES = {
    "throttle": b'{"error":{"type":"rate_limit_exceeded","message":"Too many requests for this account; retry later."}}',
    "block": b'{"error":{"type":"access_denied","message":"This account may not use the API; contact the provider."}}',
    "unavailable": b'{"error":{"type":"unavailable","message":"The request could not be checked; retry later."}}',
    "allow": b"",
}


class Answer(msgspec.Struct, frozen=True):
    """What ``/v1/decision`` answers."""

    account: str
    action: str
    status: int
    why: str
    level: str
    campaign: str | None
    retry_after: int
    headers: dict[str, str]
    dry_run: bool


class SidecarApp:
    """The ASGI application. ``pages`` answers what a person asks; it may block and runs elsewhere."""

    def __init__(
        self, decider: Decider, tokens: Tokens, pace: Pace, metrics: SidecarMetrics, account_header: str, pages: App
    ) -> None:  # fmt: skip
        self._decider, self._tokens, self._pace, self._metrics, self._pages = decider, tokens, pace, metrics, pages
        self._header = account_header.lower().encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            return
        path, headers = scope["path"], dict(scope["headers"])
        if path == "/healthz":
            return await reply(send, 200, [(b"content-type", b"text/plain")], b"ok\n")
        if path == "/readyz":
            return await self._ready(send)
        if not self._tokens.accepts(headers):
            self._metrics.refused.labels("unauthorised").inc()
            return await reply(send, 401, [JSON, (b"www-authenticate", b"Bearer")], b'{"error":"show the token of this sidecar"}')
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > BODY_LIMIT:
            self._metrics.refused.labels("too_large").inc()
            return await reply(send, 413, [JSON, (b"connection", b"close")], b'{"error":"send no body"}')
        if not self._pace.allows(time.monotonic()):
            self._metrics.refused.labels("pace").inc()
            return await reply(send, 503, [JSON, (b"retry-after", b"1")], b'{"error":"more checks a second than configured"}')
        if path == "/v1/decision":
            return await self._tell(scope, send)
        if path in ("/v1/forward-auth", "/v1/auth-request") or path.startswith("/v1/ext-authz"):
            return await self._enforce(path, headers, send)
        return await self._pages(scope, receive, send)

    async def _ready(self, send: Send) -> None:
        knowledge, policy = self._decider.knowledge, self._decider.policy
        fresh = knowledge.age <= policy.stale_seconds
        told = {"ready": fresh, "accounts_not_clear": knowledge.accounts, "fail": policy.fail, "dry_run": policy.dry_run,
                "age_seconds": round(knowledge.age, 1) if fresh else None}  # fmt: skip
        await reply(send, 200 if fresh else 503, [JSON], msgspec.json.encode(told))

    async def _tell(self, scope: Scope, send: Send) -> None:
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        account = query.get("account", "")
        if not account:
            return await reply(send, 400, [JSON], b'{"error":"name an account: /v1/decision?account=ID"}')
        made = answered(self._decider, self._metrics, account, query.get("model", ""))
        fields = dict(made.headers)
        answer = Answer(
            account, made.action, made.status, made.why, made.level, made.campaign, made.retry_after, fields, self._decider.policy.dry_run
        )
        await reply(send, 200, [JSON], msgspec.json.encode(answer))

    async def _enforce(self, path: str, headers: dict[bytes, bytes], send: Send) -> None:
        account = headers.get(self._header, b"")
        if self._header == b"authorization":  # a bearer key: known by its SHA-256, as LiteLLM knows it
            account = hashlib.sha256(account.partition(b" ")[2]).hexdigest().encode() if account else b""
        name, model = (value.decode("utf-8", "replace") for value in (account, headers.get(b"x-model", b"")))
        decision = answered(self._decider, self._metrics, name, model)
        fields = [(name.encode(), value.encode()) for name, value in decision.headers]
        status = decision.status
        if path == "/v1/auth-request" and status != 200:
            fields.append((b"x-siphonwatch-status", str(status).encode()))
            status = 403
        body = MESSAGES[decision.action]
        await reply(send, status, [JSON, *fields] if body else fields, body)


async def reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """One whole response."""
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"content-length", str(len(body)).encode())]})
    await send({"type": "http.response.body", "body": body})
