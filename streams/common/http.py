"""The worker's HTTP side: ``/metrics`` for Prometheus, ``/healthz`` and ``/readyz`` for whoever restarts it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import msgspec
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


def application(registry: CollectorRegistry, health: Callable[[], object]) -> Starlette:
    """The three pages.

    ``health`` answers an object with ``ready``, which is what ``/readyz`` shows; and, where a part of the process can end while the rest
    goes on, with ``alive``, which is what ``/healthz`` says.
    """

    def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    def alive(_: Request) -> Response:
        if getattr(health(), "alive", True):
            return Response("ok\n", media_type="text/plain")
        return Response("a part of this process has ended: restart it\n", 503, media_type="text/plain")

    def ready(_: Request) -> Response:
        found = health()
        status = 200 if getattr(found, "ready", False) else 503
        return Response(msgspec.json.encode(found), status, media_type="application/json")

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", alive), Route("/readyz", ready)])


class HttpServer:
    """Serves an application from a thread of its own."""

    def __init__(self, app: Any, host: str, port: int) -> None:
        self._server = uvicorn.Server(
            uvicorn.Config(app, host=host, port=port, log_level="warning", access_log=False, server_header=False, lifespan="off")
        )
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Listen; returns at once."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.should_exit = True
        self._thread.join(timeout=3)
