"""``siphonwatch sidecar``: knowledge, decisions and their two servers, put together from the configuration."""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass

import structlog
import uvicorn
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.http import HttpServer, application
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.sidecar.decisions import Decider, Policy
from siphonwatch.streams.sidecar.grpc import EnvoyServices
from siphonwatch.streams.sidecar.guard import CONNECTIONS, Crowd, Pace, Tokens, guarded
from siphonwatch.streams.sidecar.http import SidecarApp
from siphonwatch.streams.sidecar.knowledge import Knowledge
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.sidecar.pages import Pages
from siphonwatch.streams.sidecar.tls import checked, credentials
from siphonwatch.streams.stores import Store, configured_store

log = structlog.get_logger()
FILES = 65_536  # open files, at most


@dataclass(frozen=True, slots=True)
class Health:
    """What ``/readyz`` tells."""

    ready: bool
    accounts_not_clear: int
    alive: bool = True
    standings_unread: int = 0
    wrong: str = ""  # what keeps knowledge from being fresh


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
        self._crowd = Crowd(CONNECTIONS, self.metrics.refused.labels("crowded").inc)
        self._server = uvicorn.Server(self._uvicorn())

    def _uvicorn(self) -> uvicorn.Config:
        config = self._config
        return uvicorn.Config(
            self._app, host=config.decision_host, port=config.decision_port, http=guarded(self._crowd), ws="none", loop="uvloop",
            lifespan="off", log_level="error", access_log=False, server_header=False, date_header=False, timeout_keep_alive=75,
            backlog=2048, timeout_graceful_shutdown=3,
            ssl_certfile=config.decision_tls_cert, ssl_keyfile=config.decision_tls_key,
            ssl_ca_certs=str(config.decision_tls_client_ca) if config.decision_tls_client_ca else None,
            ssl_cert_reqs=ssl.CERT_REQUIRED if config.decision_tls_client_ca else ssl.CERT_NONE,
        )  # fmt: skip

    @property
    def _health(self) -> Health:
        knowledge = self.knowledge
        fresh = knowledge.age <= self._config.decision_stale_seconds
        return Health(fresh and knowledge.alive, knowledge.accounts, knowledge.alive, knowledge.unread, knowledge.wrong)

    def stop(self) -> None:
        """Finish what is being answered, and leave. Safe in a signal handler."""
        self._server.should_exit = True

    def run(self) -> None:
        """Serve until stopped."""
        config = self._config
        _open_files()
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
            await self._grpc.start(config.decision_host, config.decision_grpc_port, credentials(config))
        log.info("deciding", host=config.decision_host, port=config.decision_port, grpc_port=config.decision_grpc_port or None,
                 dry_run=config.decision_dry_run, fail=config.decision_fail)  # fmt: skip
        await self._server.serve()
        if self._grpc:
            await self._grpc.stop()


def _uvloop() -> asyncio.AbstractEventLoop:
    import uvloop

    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def _open_files() -> None:
    """As many open files as this process may have: idle connections cost one each, and the ordinary limit is a thousand."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def serve(config: Config) -> None:
    """Decide until a signal says stop."""
    store = configured_store(config, config.decision_topic)
    sidecar = Sidecar(config, store)
    stop_on_signals(sidecar.stop)
    try:
        sidecar.run()
    finally:
        store.close()
