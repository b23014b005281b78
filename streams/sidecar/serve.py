"""``siphonwatch sidecar``: knowledge, decisions and their two servers, put together from the configuration."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.common.http import HttpServer, application
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.sidecar.decisions import Decider, Policy
from siphonwatch.streams.sidecar.grpc import EnvoyServices
from siphonwatch.streams.sidecar.guard import GuardedProtocol, Pace, Tokens
from siphonwatch.streams.sidecar.http import SidecarApp
from siphonwatch.streams.sidecar.knowledge import Knowledge
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.sidecar.pages import Pages
from siphonwatch.streams.stores import Store, configured_store

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/readyz`` tells."""

    ready: bool
    accounts_not_clear: int


class Sidecar:
    """One sidecar. ``run`` returns after ``stop``."""

    def __init__(self, config: Config, store: Store) -> None:
        checked(config)
        self._config = config
        self.metrics = SidecarMetrics()
        self.knowledge = Knowledge(store, config.decision_refresh_seconds)
        key = config.privacy_account_key.get_secret_value()
        policy = Policy(
            config.decision_stale_seconds,
            config.decision_fail,
            config.decision_dry_run,
            config.throttle_rpm,
            key,
            config.decision_degrade,
            config.decision_degrade_tokens,
        )
        self._decider = Decider(self.knowledge, policy)
        self.knowledge.also = self._decider.buckets.exchange
        self.metrics.follow(self.knowledge, config.decision_dry_run)
        self._tokens = Tokens(config.decision_token.get_secret_value())
        pages = Pages(store, prior.load(config.prior), config.detection(), key).app()
        self._app = SidecarApp(
            self._decider, self._tokens, Pace(config.decision_rate_limit), self.metrics, config.decision_account_header, pages
        )
        self._grpc = (
            EnvoyServices(self._decider, self._tokens, self.metrics, config.decision_account_header) if config.decision_grpc_port else None
        )
        self._server = uvicorn.Server(self._uvicorn())

    def _uvicorn(self) -> uvicorn.Config:
        config = self._config
        return uvicorn.Config(
            self._app, host=config.decision_host, port=config.decision_port, http=GuardedProtocol, loop="uvloop", lifespan="off",
            log_level="warning", access_log=False, server_header=False, date_header=False, timeout_keep_alive=75, limit_concurrency=2000,
            backlog=2048, timeout_graceful_shutdown=3,
            ssl_certfile=config.decision_tls_cert, ssl_keyfile=config.decision_tls_key,
            ssl_ca_certs=str(config.decision_tls_client_ca) if config.decision_tls_client_ca else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if config.decision_tls_client_ca else ssl.CERT_NONE,
        )  # fmt: skip

    @property
    def _health(self) -> Health:
        return Health(self.knowledge.age <= self._config.decision_stale_seconds, self.knowledge.accounts)

    def stop(self) -> None:
        """Finish what is being answered, and leave. Safe in a signal handler."""
        self._server.should_exit = True

    def run(self) -> None:
        """Serve until stopped."""
        config = self._config
        http = (
            HttpServer(application(self.metrics.registry, lambda: self._health), config.http_host, config.http_port)
            if config.http_port
            else None
        )
        if http:
            http.start()
        self.knowledge.start()
        try:
            with asyncio.Runner(loop_factory=_uvloop) as runner:
                runner.run(self._serve())
        finally:
            self.knowledge.stop()
            if http:
                http.stop()

    async def _serve(self) -> None:
        config = self._config
        if self._grpc:
            await self._grpc.start(config.decision_host, config.decision_grpc_port, _credentials(config))
        log.info("deciding", host=config.decision_host, port=config.decision_port, grpc_port=config.decision_grpc_port or None,
                 dry_run=config.decision_dry_run, fail=config.decision_fail)  # fmt: skip
        await self._server.serve()
        if self._grpc:
            await self._grpc.stop()


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _credentials(config: Config) -> tuple[bytes, bytes, bytes] | None:
    if not config.decision_tls_client_ca:
        return None
    paths = (config.decision_tls_key, config.decision_tls_cert, config.decision_tls_client_ca)
    key, certificate, authority = (Path(str(path)).read_bytes() for path in paths)
    return key, certificate, authority


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
    known = bool(config.decision_token.get_secret_value() or config.decision_tls_client_ca)
    if not known and not _loopback(config.decision_host):
        raise UsageError(
            f"decision_host {config.decision_host} is open to the network: set decision_token, or decision_tls_client_ca for mutual TLS"
        )


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(config: Config) -> None:
    """Decide until a signal says stop."""
    store = configured_store(config, config.decision_topic)
    sidecar = Sidecar(config, store)
    stop_on_signals(sidecar.stop)
    try:
        sidecar.run()
    finally:
        store.close()
