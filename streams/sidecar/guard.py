"""Who may ask, how much at a time, and how fast: what stands between the network and the decisions."""

from __future__ import annotations

import hmac
from asyncio import TimerHandle, Transport
from collections.abc import Iterable
from typing import Any

from siphonwatch.streams.sidecar.gcra import conform
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 16 << 10  # bytes of a request's line and headers
BODY_LIMIT = 64 << 10  # bytes of a body, which nothing here reads
HEAD_SECONDS = 5.0  # from a request's first byte, or a connection's start, to the end of its headers
NAME_LIMIT = 512  # characters of an account id or a model


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with an end to patience: a head that is too large or too slow closes its connection."""

    _deadline: TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Asyncio's."""
        super().connection_made(transport)
        self._expect()

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's."""
        self._done()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Asyncio's."""
        if self._deadline is None and self._head == 0 and (self.cycle is None or self.cycle.response_complete):
            self._expect()
        if self._deadline is not None:
            self._head += len(data)
            if self._head > HEAD_LIMIT + BODY_LIMIT or (self._head > HEAD_LIMIT and b"\r\n\r\n" not in data):
                self._refuse(b"431 Request Header Fields Too Large")
                return
        super().data_received(data)

    def on_headers_complete(self) -> None:
        """The parser's."""
        self._done()
        super().on_headers_complete()

    def _expect(self) -> None:
        self._done()
        self._deadline = self.loop.call_later(HEAD_SECONDS, self._refuse, b"408 Request Timeout")

    def _done(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline, self._head = None, 0

    def _refuse(self, status: bytes) -> None:
        self._done()
        if not self.transport.is_closing():
            self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


class Tokens:
    """The shared secret that gateways show; compared in constant time."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def accepts(self, headers: dict[bytes, bytes]) -> bool:
        """Whether ``x-siphonwatch-token``, or else the bearer token, is the secret; everybody where there is none.

        A forward-auth request carries the client's own ``authorization`` header: then the gateway adds the other one.
        """
        if not self._token:
            return True
        shown = headers.get(b"x-siphonwatch-token")
        if shown is None:
            scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer":
                shown = b""
        return hmac.compare_digest(shown, self._token)

    def accepts_metadata(self, metadata: Iterable[tuple[str, Any]]) -> bool:
        """The same for gRPC metadata."""
        return self.accepts({key.encode(): value if isinstance(value, bytes) else value.encode() for key, value in metadata})


class Pace:
    """A limit on all requests together, so that a loop gone wild does not take the gateway's machine with it."""

    def __init__(self, rate: float) -> None:
        self._rate, self._burst, self._tat = rate, max(int(rate), 1), 0.0

    def allows(self, now: float) -> bool:
        """Whether one more request may be answered now."""
        found = conform(self._tat, now, self._rate, self._burst)
        self._tat = found.tat
        return found.allowed
