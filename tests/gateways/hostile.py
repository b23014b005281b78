"""A client that says in every way it knows who it is, which model it wants, and what its request is called."""

from __future__ import annotations

import json
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import h2.connection
import h2.events

from tests.services.upstream import Upstream

Fields = list[tuple[str, str]]
CLAIMED = ("x-account-id", "x-model", "x-request-id")
BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "what is it?"}]}).encode()


@dataclass(frozen=True)
class Way:
    """One way of claiming: the fields that are sent for what is claimed, before the body or after it."""

    name: str
    head: Callable[[Fields], Fields]
    trailing: bool = False
    odd: bool = False  # a gateway may refuse it or hang up on whoever sends it
    only: int = 0  # of HTTP 1 or 2; 0 for both


def _underscored(claims: Fields) -> Fields:
    return [(name.replace("-", "_"), value) for name, value in claims] + [(name.replace("-", "_", 1), value) for name, value in claims]


WAYS = (
    Way("plain", lambda claims: claims),
    Way("twice", lambda claims: [*claims, *claims]),
    Way("twice, first another", lambda claims: [*((name, "nobody") for name, _ in claims), *claims]),
    Way("twice, then another", lambda claims: [*claims, *((name, "nobody") for name, _ in claims)]),
    Way("empty, then claimed", lambda claims: [*((name, "") for name, _ in claims), *claims]),
    Way("upper case", lambda claims: [(name.upper(), value) for name, value in claims], only=1),
    Way("underscores", _underscored),
    Way("hop by hop", lambda claims: [("connection", ", ".join(name for name, _ in claims)), *claims], only=1),
    Way("hop by hop, nothing claimed", lambda claims: [("connection", "close, " + ", ".join(name for name, _ in claims))], only=1),
    Way("a space before the colon", lambda claims: [(f"{name} ", value) for name, value in claims], odd=True, only=1),
    Way("trailers", lambda claims: claims, trailing=True, odd=True),
)


def _head(account: str | None) -> Fields:
    return [("content-type", "application/json"), *([("authorization", f"Bearer key-of-{account}")] if account else [])]


def over_http1(port: int, way: Way, account: str | None, claims: Fields) -> int:
    """The status that a request with the key of ``account`` gets; 0 where the gateway hangs up."""
    said, after = ([], way.head(claims)) if way.trailing else (way.head(claims), [])
    fields = [("host", "x"), *_head(account), *said]
    if after:
        fields += [("transfer-encoding", "chunked"), ("trailer", ", ".join(name for name, _ in after))]
        body = b"%x\r\n%s\r\n0\r\n" % (len(BODY), BODY) + b"".join(f"{name}: {value}\r\n".encode() for name, value in after) + b"\r\n"
    else:
        fields.append(("content-length", str(len(BODY))))
        body = BODY
    lines = b"".join(f"{name}: {value}\r\n".encode() for name, value in fields)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n" + lines + b"\r\n" + body)
        try:
            heard = connection.recv(65536)
        except ConnectionError:
            heard = b""
    return int(heard.split(b" ")[1]) if heard else 0


def over_http2(port: int, way: Way, account: str | None, claims: Fields) -> int:
    """The same over HTTP/2 without TLS, by prior knowledge; 0 where the stream is reset."""
    said, after = ([], way.head(claims)) if way.trailing else (way.head(claims), [])
    first = [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/v1/chat/completions")]
    h = h2.connection.H2Connection(h2.connection.H2Configuration(validate_outbound_headers=False, normalize_outbound_headers=False))
    h.initiate_connection()
    h.send_headers(1, [*first, *_head(account), *said])
    h.send_data(1, BODY, end_stream=not after)
    if after:
        h.send_headers(1, after, end_stream=True)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(h.data_to_send())
        while heard := connection.recv(65536):
            for event in h.receive_data(heard):
                if isinstance(event, h2.events.ResponseReceived):
                    return int(dict(event.headers)[b":status"])
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return 0
            connection.sendall(h.data_to_send())
    return 0


@dataclass
class Hostile:
    """Sends everything to one gateway, and remembers what was answered, so that a log can be held against it."""

    model: Upstream
    http1: int
    http2: int
    sent: Counter[str] = field(default_factory=Counter)  # requests by whose key they showed
    answered: Counter[str] = field(default_factory=Counter)  # those that a gateway did not refuse as malformed
    _numbers: count[int] = field(default_factory=count)

    def send(self, version: int, way: Way, account: str | None, claims: Fields) -> int:
        """One request; its status."""
        status = over_http1(self.http1, way, account, claims) if version == 1 else over_http2(self.http2, way, account, claims)
        if account:
            self.sent[account] += 1
            self.answered[account] += status not in (0, 400)
        return status

    def everything(self) -> None:
        """Nothing that is claimed is believed, and nothing claimed gets through to the model under a name that a model may read."""
        for version in (1, 2):
            for way in WAYS:
                if way.only not in (0, version):
                    continue
                what = f"{way.name} over HTTP/{version}"
                self._as_another(version, way, what)
                self._as_nobody(version, way, what)
                self._many_models(version, way, what)

    def _as_another(self, version: int, way: Way, what: str) -> None:
        before = len(self.model.heard)
        status = self.send(version, way, "bad", claims("good"))
        assert 400 <= status < 500 or (not status and way.odd), f"a blocked account passed as another: {what}: {status}"
        assert len(self.model.heard) == before, what
        status = self.send(version, way, "good", claims("bad"))
        if way.odd and status in (0, 400):
            return
        assert status == 200, f"an account was taken for the one that it named: {what}: {status}"
        said = [(name.replace("_", "-"), value) for name, value in self.model.heard[-1]]
        assert [value for name, value in said if name == "x-account-id"] == ["good"], what
        assert not [value for name, value in said if name == "x-model" and value], what
        assert "claimed" not in [value for name, value in said if name == "x-request-id"], what

    def _as_nobody(self, version: int, way: Way, what: str) -> None:
        before = len(self.model.heard)
        assert self.send(version, way, None, claims("good")) in (0, 400, 401, 403), f"no key at all: {what}"
        assert self.send(version, way, "stranger", claims("good")) in (0, 400, 401, 403), f"a key of nobody's: {what}"
        assert len(self.model.heard) == before, what

    def _many_models(self, version: int, way: Way, what: str) -> None:
        passed = [self.send(version, way, "slow", claims("slow", f"m{next(self._numbers)}")) for _ in range(4)].count(200)
        assert passed <= 1, f"a new model's name bought a new allowance: {what}"


def claims(account: str, model: str = "claimed") -> Fields:
    """What is claimed: somebody, some model, and one name for all requests."""
    return list(zip(CLAIMED, (account, model, "claimed"), strict=True))
