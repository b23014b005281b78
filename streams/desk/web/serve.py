"""``siphonwatch desk``: the pages over a live store, or over a finished replay."""

from __future__ import annotations

import hashlib
import ipaddress
from pathlib import Path
from urllib.parse import urlsplit

import click
import uvicorn
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.signals import stop_on_signals
from siphonwatch.streams.desk import audit
from siphonwatch.streams.desk.book import Input, Origin
from siphonwatch.streams.desk.kept import KeptBook
from siphonwatch.streams.desk.web.access import Access
from siphonwatch.streams.desk.web.app import application
from siphonwatch.streams.desk.web.guard import Guard
from siphonwatch.streams.desk.web.room import Room
from siphonwatch.streams.stores import Store, configured_store

PARTITIONS = 256  # of a topic, at most, whose offsets a report names


def room(config: Config, replay: Path | None) -> Room:
    """The book of a configuration, and what goes with it; ``Unavailable`` where its store does not answer."""
    shadow = prior.load(config.shadow_prior) if config.shadow_prior else None
    book = open_book(config, replay)

    def origin() -> Origin:
        return book.origin if isinstance(book, KeptBook) else _live(book, config.decision_topic)

    made = Room(book, prior.load(config.prior), shadow, config, origin)
    _note_settings(made)
    _ = made.strongest, made.findings  # what is slow to read for the first time
    return made


def open_book(config: Config, replay: Path | None) -> Store:
    """A live store, or the folder of a finished replay."""
    if replay is not None:
        return KeptBook(replay, prior.load(config.prior), config.detection())
    store = configured_store(config, config.decision_topic)
    store.ping()
    return store


def _live(store: Store, topic: str) -> Origin:
    positions = enumerate(position for position, *_ in store.positions(PARTITIONS))
    return Origin("live", topic, [Input(f"{topic}:{number}", position.offset) for number, position in positions if position])


def digests(config: Config) -> dict[str, str]:
    """SHA-256 of what steers verdicts: the prior and the settings of the detection."""
    from siphonwatch.streams.desk.case.facts import prior_digest

    settings = hashlib.sha256(repr(config.detection()).encode()).hexdigest()
    return {"prior": prior_digest(config), "settings": settings}


def _note_settings(made: Room) -> None:
    """A line in the audit log where what steers verdicts is not what it was at the last start: heights follow from it."""
    now = digests(made.config) | {"throttle_rpm": str(made.config.throttle_rpm), "degrade": made.config.decision_degrade}
    before = next((line.more for line in reversed(audit.read(made.book)) if line.did == "settings"), None)
    if now != before:
        audit.write(made.book, "siphonwatch desk", "settings", "what steers verdicts", **now)


def hosts(config: Config) -> set[str]:
    """Names that the desk answers to: others are somebody's page that was pointed at this address."""
    known = {"127.0.0.1", "localhost", "::1", config.desk_host}
    if config.desk_url:
        known.add(urlsplit(config.desk_url).hostname or "")
    return known - {""}


def loopback(host: str) -> bool:
    """Whether only this machine reaches it."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def assemble(config: Config, made: Room) -> tuple[Guard, Access]:
    """The application, and who may."""
    access = Access(config, loopback(config.desk_host))
    return application(made, access, hosts(config)), access


def server(config: Config, app: Guard) -> uvicorn.Server:
    """Serves it; one line of a request is logged nowhere, as addresses hold account ids."""
    return uvicorn.Server(
        uvicorn.Config(
            app, host=config.desk_host, port=config.desk_port, log_level="warning", access_log=False, server_header=False, lifespan="off",
            proxy_headers=False, limit_concurrency=200, timeout_graceful_shutdown=3,
        )
    )  # fmt: skip


def address(config: Config, access: Access) -> str:
    """Where a person goes: with the token of this start where no other way in is set."""
    base = config.desk_url.rstrip("/") or f"http://{config.desk_host}:{config.desk_port}"
    return f"{base}/sign-in?token={access.first}" if access.first else base


def serve(config: Config, replay: Path | None) -> None:
    """Serve until a signal says stop."""
    app, access = assemble(config, room(config, replay))
    running = server(config, app)

    def stop() -> None:
        running.should_exit = True

    stop_on_signals(stop)
    click.echo(f"the desk is at {address(config, access)}")
    running.run()
