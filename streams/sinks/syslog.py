"""Findings to syslog: RFC 5424 messages over UDP (RFC 5426), TCP (RFC 6587, octet counting) or TLS (RFC 5425)."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import parse_qs

from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.printable import printable
from siphonwatch.streams.common.secret import parsed, shown
from siphonwatch.streams.sinks.forms import form_of
from siphonwatch.streams.sinks.sending import SendingSink

FACILITY = 13  # log audit
WARNING = 4
PORTS = {"syslog": 514, "syslog+tcp": 601, "syslog+tls": 6514}
UDP_MOST = 65_000  # bytes of a datagram


class SyslogSink(SendingSink):
    """See :class:`siphonwatch.streams.sinks.sending.SendingSink`."""

    def __init__(self, scheme: str, host: str, port: int, form: Callable[[bytes], bytes], pause: float = 0.5) -> None:
        self._scheme, self._address = scheme, (host, port)
        self._socket: socket.socket | None = None
        self._host = socket.gethostname() or "-"
        super().__init__("syslog", form, pause)

    def deliver(self, batch: list[tuple[str, bytes]]) -> None:
        """See the base."""
        if self._socket is None:
            self._socket = self._connect()
        for name, body in batch:
            message = self._message(name, body)
            if self._scheme == "syslog":
                self._socket.send(message[:UDP_MOST])
            else:
                self._socket.sendall(str(len(message)).encode() + b" " + message)

    def disconnect(self) -> None:
        """See the base."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connect(self) -> socket.socket:
        if self._scheme == "syslog":
            family = socket.getaddrinfo(*self._address, type=socket.SOCK_DGRAM)[0][0]
            made = socket.socket(family, socket.SOCK_DGRAM)
            made.connect(self._address)
            return made
        made = socket.create_connection(self._address, timeout=10)
        if self._scheme == "syslog+tls":
            made = ssl.create_default_context().wrap_socket(made, server_hostname=self._address[0])
        return made

    def _message(self, name: str, body: bytes) -> bytes:
        at = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        quoted = printable(name, 200).replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")
        # 32473 is the enterprise number that RFC 5612 keeps for examples; the name before it says whose element it is
        element = f'[siphonwatch@32473 id="{quoted}"]'
        return f"<{FACILITY * 8 + WARNING}>1 {at} {self._host} siphonwatch {os.getpid()} finding {element} ".encode() + body


def open_sink(url: str) -> SyslogSink:
    """For ``syslog://HOST:PORT?format=cef``, ``syslog+tcp://…`` and ``syslog+tls://…``."""
    parts = parsed(url, "sinks")
    if not parts.hostname:
        raise UsageError(f"sinks: {shown(url)} names no host: write syslog://HOST:PORT?format=cef")
    return SyslogSink(parts.scheme, parts.hostname, parts.port or PORTS[parts.scheme], form_of(parse_qs(parts.query), "cef"))
