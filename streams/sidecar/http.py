"""The sidecar's HTTP side, plain ASGI: the decision is a dictionary look-up, and what surrounds it should cost no more.

- ``GET /v1/decision?account=…[&model=…]``: always 200, the decision as JSON;
- ``/v1/forward-auth`` (Traefik, APISIX, Caddy, HAProxy) and ``/v1/ext-authz…`` (Envoy's HTTP ext_authz): 200, 429 or 403;
- ``/v1/auth-request`` (nginx, whose auth_request knows only 2xx, 401 and 403): 200 or 403, with the status meant in a header;
- ``/v1/accounts/…``, ``/v1/campaigns/…``, ``/v1/findings``: for a person's dashboard;
- ``/healthz``, ``/readyz``: without a token.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec
from siphonwatch.streams.sidecar.asked import Asked, Malformed, by_headers, by_query, once, whole
from siphonwatch.streams.sidecar.decisions import Decider, answered
from siphonwatch.streams.sidecar.guard import BODY_LIMIT, KNOWN, Pace, Tokens
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
        self._header = account_header.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            return
        path = scope["path"]
        if path == "/healthz":
            return await self._healthy(send)
        if path == "/readyz":
            return await self._ready(send)
        if not self._tokens.accepts(scope["headers"]):
            self._metrics.refused.labels("unauthorised").inc()
            return await reply(send, 401, [JSON, (b"www-authenticate", b"Bearer")], b'{"error":"show the token of this sidecar"}')
        scope[KNOWN] = True  # the connection is a gateway's: the last to go when there are too many
        try:
            whole(once(scope["headers"], b"content-length") or b"0", "content-length", 0, BODY_LIMIT)
        except Malformed:
            self._metrics.refused.labels("too_large").inc()
            return await reply(send, 413, [JSON, (b"connection", b"close")], b'{"error":"send no body"}')
        if not self._pace.allows(time.monotonic()):
            self._metrics.refused.labels("pace").inc()
            return await reply(send, 503, [JSON, (b"retry-after", b"1")], b'{"error":"more checks a second than configured"}')
        try:
            if path == "/v1/decision":
                return await self._tell(by_query(scope["query_string"]), send)
            if path in ("/v1/forward-auth", "/v1/auth-request") or path.startswith("/v1/ext-authz"):
                return await self._enforce(path, by_headers(scope["headers"], self._header), send)
        except Malformed as error:
            self._metrics.refused.labels("malformed").inc()
            return await reply(send, 400, [JSON], msgspec.json.encode({"error": str(error)}))
        return await self._pages(scope, receive, send)

    async def _healthy(self, send: Send) -> None:
        alive = self._decider.knowledge.alive
        told = b"ok\n" if alive else b"nobody refreshes what is known any more: restart this sidecar\n"
        await reply(send, 200 if alive else 503, [(b"content-type", b"text/plain")], told)

    async def _ready(self, send: Send) -> None:
        knowledge, policy = self._decider.knowledge, self._decider.policy
        fresh = knowledge.alive and knowledge.age <= policy.stale_seconds
        told = {"ready": fresh, "accounts_not_clear": knowledge.accounts, "fail": policy.fail, "dry_run": policy.dry_run,
                "age_seconds": round(knowledge.age, 1) if fresh else None, "standings_unread": knowledge.unread,
                "wrong": knowledge.wrong.partition(":")[0]}  # fmt: skip
        await reply(send, 200 if fresh else 503, [JSON], msgspec.json.encode(told))

    async def _tell(self, asked: Asked, send: Send) -> None:
        made = answered(self._decider, self._metrics, asked)
        fields = dict(made.headers)
        answer = Answer(
            asked.account, made.action, made.status, made.why, made.level, made.campaign, made.retry_after, fields,
            self._decider.policy.dry_run,
        )  # fmt: skip
        await reply(send, 200, [JSON], msgspec.json.encode(answer))

    async def _enforce(self, path: str, asked: Asked, send: Send) -> None:
        decision = answered(self._decider, self._metrics, asked)
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
