"""Who may reach the sidecar, and how: a combination of address, token and TLS that cannot be honoured does not start.

| certificate and key | client authority | HTTP and gRPC alike |
| --- | --- | --- |
| no | no | plain text; beyond loopback only with a token |
| yes | no | TLS; beyond loopback only with a token |
| yes | yes | TLS, and only clients whose certificate that authority signed; a token is asked for as well where one is set |
"""

from __future__ import annotations

import ipaddress
import ssl
from dataclasses import dataclass, field

from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError


@dataclass(frozen=True, slots=True)
class Credentials:
    """What gRPC serves TLS with, in PEM; without an ``authority`` every client may connect."""

    key: bytes = field(repr=False)
    certificate: bytes
    authority: bytes | None


def credentials(config: Config) -> Credentials | None:
    """Those of the settings; ``None`` for plain text."""
    if not config.decision_tls_cert or not config.decision_tls_key:
        return None
    authority = config.decision_tls_client_ca.read_bytes() if config.decision_tls_client_ca else None
    return Credentials(config.decision_tls_key.read_bytes(), config.decision_tls_cert.read_bytes(), authority)


def checked(config: Config) -> None:
    """``UsageError`` where the sidecar would be open to the network, or half configured."""
    tls = (config.decision_tls_cert, config.decision_tls_key)
    if any(tls) and not all(tls):
        raise UsageError("TLS needs both decision_tls_cert and decision_tls_key")
    if config.decision_tls_client_ca and not all(tls):
        raise UsageError("decision_tls_client_ca needs decision_tls_cert and decision_tls_key too")
    for path in (*tls, config.decision_tls_client_ca):
        if path and not path.is_file():
            raise UsageError(f"{path} does not exist: decision_tls_* name PEM files")
    _readable(config)
    if config.decision_grpc_port and config.decision_grpc_port in (config.decision_port, config.http_port):
        raise UsageError("decision_grpc_port is the port of another page: give it one of its own")
    known = bool(config.decision_token.get_secret_value() or config.decision_tls_client_ca)
    if not known and not _loopback(config.decision_host):
        raise UsageError(
            f"decision_host {config.decision_host} is open to the network: set decision_token, or decision_tls_client_ca for mutual TLS"
        )


def _readable(config: Config) -> None:
    """Both servers read the files when they start, each with an error of its own: here they are read once, with one sentence."""
    if not config.decision_tls_cert or not config.decision_tls_key:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(config.decision_tls_cert, config.decision_tls_key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            "decision_tls_cert and decision_tls_key must be a certificate in PEM and its own key, without a passphrase, readable here "
            f"({getattr(error, 'reason', None) or type(error).__name__})"
        ) from None
    try:
        if config.decision_tls_client_ca:
            context.load_verify_locations(config.decision_tls_client_ca)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(
            f"decision_tls_client_ca must hold certificates in PEM ({getattr(error, 'reason', None) or type(error).__name__})"
        ) from None


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
