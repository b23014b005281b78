"""Who may ask, how much at a time, and how fast: what stands between the network and the decisions."""

from __future__ import annotations

import hmac
from asyncio import TimerHandle, Transport
from collections.abc import Callable, Iterable
from typing import Any

from siphonwatch.streams.sidecar.asked import Malformed, once
from siphonwatch.streams.sidecar.gcra import conform
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 16 << 10  # bytes of a request's line and headers
BODY_LIMIT = 64 << 10  # bytes of a body, which nothing here reads
HEAD_SECONDS = 5.0  # from a request's first byte, or a connection's start, to the end of its headers
CONNECTIONS = 1024  # open at a time; gateways keep some dozens
KNOWN = "siphonwatch.known"  # of a request's scope: it showed the token


class Crowd:
    """The connections that wait for their next request, and which of them goes when there are too many.

    Whoever never asked anything that was answered goes first, then whoever has been silent longest: so thousands of idle connections
    cost the others nothing, and a gateway at work loses none.
    """

    def __init__(self, most: int = CONNECTIONS, crowded: Callable[[], None] = lambda: None) -> None:
        self._most, self._crowded = most, crowded
        self._strangers: dict[Any, None] = {}  # in the order of their silence; a dictionary keeps it
        self._known: dict[Any, None] = {}
        self._open = 0

    def opened(self, connection: Any) -> None:
        """Another connection; the longest idle one is closed where it is one too many."""
        self._open += 1
        self._strangers[connection] = None
        if self._open > self._most:
            oldest = next(iter(self._strangers or self._known), None)
            if oldest is not None:
                self.busy(oldest)
                self._crowded()
                oldest.transport.close()

    def closed(self, connection: Any) -> None:
        """It is gone."""
        self.busy(connection)
        self._open -= 1

    def busy(self, connection: Any) -> None:
        """It is being answered, or gone."""
        self._strangers.pop(connection, None)
        self._known.pop(connection, None)

    def idle(self, connection: Any, known: bool) -> None:
        """It was answered and may ask again."""
        (self._known if known else self._strangers)[connection] = None


class GuardedProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol with an end to patience: a head that is too large or too slow closes its connection."""

    crowd = Crowd()
    _deadline: TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Asyncio's."""
        super().connection_made(transport)
        self._expect()
        self.crowd.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's."""
        self._done()
        self.crowd.closed(self)
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
        self.crowd.busy(self)
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        """The server's."""
        super().on_response_complete()
        if self.cycle.response_complete and not self.transport.is_closing():  # nothing in the pipeline
            self.crowd.idle(self, KNOWN in self.scope)

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


def guarded(crowd: Crowd) -> type[GuardedProtocol]:
    """The protocol of one server, with its own crowd."""
    return type("Guarded", (GuardedProtocol,), {"crowd": crowd})


class Tokens:
    """The shared secret that gateways show; compared in constant time."""

    def __init__(self, token: str) -> None:
        self._token = token.encode()

    def accepts(self, headers: Iterable[tuple[bytes, bytes]]) -> bool:
        """Whether ``x-siphonwatch-token``, or else the bearer token, is the secret; everybody where there is none.

        A forward-auth request carries the client's own ``authorization`` header: then the gateway adds the other one. What is shown twice
        is not shown.
        """
        if not self._token:
            return True
        try:
            shown = once(headers, b"x-siphonwatch-token")
            if shown is None:
                scheme, _, shown = (once(headers, b"authorization") or b"").partition(b" ")
                if scheme.lower() != b"bearer":
                    shown = b""
        except Malformed:
            shown = b""
        return hmac.compare_digest(shown, self._token)

    def accepts_metadata(self, metadata: Iterable[tuple[str, Any]]) -> bool:
        """The same for gRPC metadata."""
        return self.accepts([(key.encode(), value if isinstance(value, bytes) else value.encode()) for key, value in metadata])


class Pace:
    """A limit on all requests together, so that a loop gone wild does not take the gateway's machine with it."""

    def __init__(self, rate: float) -> None:
        self._rate, self._burst, self._tat = rate, max(int(rate), 1), 0.0

    def allows(self, now: float) -> bool:
        """Whether one more request may be answered now."""
        found = conform(self._tat, now, self._rate, self._burst)
        self._tat = found.tat
        return found.allowed
