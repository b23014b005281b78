"""What stands before every request: the host it was sent to, how many there are, who asks, and whether it was meant; and the headers after.

No script or style stands in a page, nothing is fetched from elsewhere, and no other page may hold one of ours in a frame.
"""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs, urlsplit

from siphonwatch.streams.desk.web.access import Access, Session, Sessions

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "siphonwatch_desk"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
]
BODY = 64 * 1024  # bytes of a form
OPEN = ("/static/", "/healthz", "/sign-in")
BURST, A_SECOND = 120.0, 20.0  # requests of one address
TRIES, A_MINUTE = 10.0, 10.0  # sign-ins of one address
WATCHED = 10_000  # addresses whose pace is remembered


class Pace:
    """Token buckets by name."""

    def __init__(self, burst: float, a_second: float, now: Callable[[], float] = time.monotonic) -> None:
        self._burst, self._rate, self._now = burst, a_second, now
        self._left: dict[str, tuple[float, float]] = {}

    def allows(self, name: str) -> bool:
        """Take one."""
        now = self._now()
        if len(self._left) > WATCHED:
            self._left.clear()
        left, at = self._left.get(name, (self._burst, now))
        left = min(self._burst, left + (now - at) * self._rate)
        self._left[name] = (max(left - 1.0, 0.0), now)
        return left >= 1.0


class Guard:
    """ASGI middleware; the pages find ``session`` and ``form`` in the scope."""

    def __init__(self, app: App, access: Access, sessions: Sessions, hosts: set[str]) -> None:
        self._app, self._access, self.sessions, self._hosts = app, access, sessions, hosts
        self._pace, self._tries = Pace(BURST, A_SECOND), Pace(TRIES, A_MINUTE / 60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI's entry."""
        if scope["type"] != "http":
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        path, peer = scope["path"], (scope.get("client") or ("", 0))[0]

        async def sending(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                kept = b"public, max-age=3600" if path.startswith("/static/") else b"no-store"
                message["headers"] = [*message.get("headers", []), *HEADERS, (b"cache-control", kept)]
            await send(message)

        async def refuse(status: int, words: str, *more: tuple[bytes, bytes]) -> None:
            await sending(
                {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain; charset=utf-8"), *more]}
            )
            await sending({"type": "http.response.body", "body": words.encode()})

        if urlsplit(f"//{headers.get('host', '')}").hostname not in self._hosts:
            return await refuse(421, "this desk is not known by that name: set desk_url to the address that people use")
        name, session = _cookie(headers), None
        session = self.sessions.find(name) if name else None
        person = self._access.by_header(headers, peer)
        asking = f"{peer} {person.name}" if person else peer  # behind a proxy all come from one address
        if not path.startswith("/static/") and not self._pace.allows(asking):
            return await refuse(429, "too many requests: wait a few seconds", (b"retry-after", b"5"))
        if person is not None and (session is None or session.person != person):
            name, session = self.sessions.open(person)
            scope["fresh"] = name
        scope["session"], scope["session_name"], scope["form"] = session, name, {}
        if session is None and not path.startswith(OPEN):
            return await refuse(303, "sign in first", (b"location", b"/sign-in"))
        if scope["method"] not in ("GET", "HEAD"):
            body = await _body(receive)
            if body is None:
                return await refuse(413, "the form is too large")
            form = {key: values[0] for key, values in parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True).items()}
            scope["form"] = form
            if not _meant(headers, form, session, path):
                return await refuse(403, "this form is not from the desk, or too old: load the page again")
            if path == "/sign-in" and not self._tries.allows(peer):
                return await refuse(429, "too many tries: wait a minute", (b"retry-after", b"60"))
        if scope["path"] == "/sign-in" and scope["method"] == "GET" and scope["query_string"] and not self._tries.allows(peer):
            return await refuse(429, "too many tries: wait a minute", (b"retry-after", b"60"))
        return await self._app(scope, receive, self._giving(scope, headers, sending))

    @staticmethod
    def _giving(scope: Scope, headers: dict[str, str], send: Send) -> Send:
        """Give the cookie of a session that a proxy's header opened."""
        if "fresh" not in scope:
            return send

        async def giving(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), (b"set-cookie", cookie(scope["fresh"], secure(scope, headers)).encode())]
            await send(message)

        return giving


def secure(scope: Scope, headers: dict[str, str]) -> bool:
    """Whether the person's browser speaks TLS, with us or with the proxy."""
    return scope.get("scheme") == "https" or headers.get("x-forwarded-proto") == "https"


def cookie(name: str, over_tls: bool) -> str:
    """The header that gives a session's secret; an empty one takes it away."""
    life = "" if name else "; Max-Age=0"
    return f"{COOKIE}={name}; Path=/; HttpOnly; SameSite=Strict{life}" + ("; Secure" if over_tls else "")


def _cookie(headers: dict[str, str]) -> str:
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _body(receive: Receive) -> bytes | None:
    parts, size = [], 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > BODY:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


def _meant(headers: dict[str, str], form: dict[str, str], session: Session | None, path: str) -> bool:
    """Whether a form was sent from one of our pages by whoever signed in."""
    origin = headers.get("origin")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return False
    if origin is not None and urlsplit(str(origin)).netloc != headers.get("host"):
        return False
    if session is None:
        return path == "/sign-in"
    given = headers.get("x-csrf-token") or form.get("csrf", "")
    return path == "/sign-in" or hmac.compare_digest(given.encode(), session.csrf.encode())
