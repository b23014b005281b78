"""The routes: what is asked for, what it takes to be let do it, and which page answers."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from siphonwatch.streams.common.errors import SiphonwatchError, Unavailable, UsageError
from siphonwatch.streams.desk.desk import Desk
from siphonwatch.streams.desk.web.access import Access, Role, Session, Sessions
from siphonwatch.streams.desk.web.guard import Guard, cookie, secure
from siphonwatch.streams.desk.web.room import Room
from siphonwatch.streams.desk.web.templates import render
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

STATIC = Path(__file__).parent / "static"


@dataclass(frozen=True, slots=True)
class Visit:
    """One request, by somebody who signed in."""

    request: Request
    session: Session
    room: Room
    form: dict[str, str]

    @property
    def desk(self) -> Desk:
        """The judging as it stands."""
        return self.room.desk

    def asked(self, name: str, default: str = "") -> str:
        """A value of the address."""
        return self.request.query_params.get(name, default)

    @property
    def partial(self) -> bool:
        """Whether htmx asks for a part of a page."""
        return self.request.headers.get("hx-request") == "true"

    def page(self, template: str, status: int = 200, **values: Any) -> Response:
        """A template's page."""
        return render(template, status, session=self.session, role=self.session.person.role, room=self.room, visit=self, **values)

    def to(self, path: str, **query: str) -> Response:
        """Go on to another page."""
        return RedirectResponse(f"{path}?{urlencode(query)}" if query else path, 303)


Handler = Callable[[Visit], Response]


def application(room: Room, access: Access, hosts: set[str]) -> Guard:
    """The desk as an ASGI application."""
    from siphonwatch.streams.desk.web import looking, ruling

    sessions = Sessions()

    def route(path: str, handler: Handler, role: Role = Role.VIEWER, post: bool = False) -> Route:
        @functools.wraps(handler)
        async def answer(request: Request) -> Response:
            visit = Visit(request, request.scope["session"], room, request.scope["form"])
            if visit.session.person.role < role:
                return visit.page("error.html", 403, words=f"this takes the role {role.word}; yours is {visit.session.person.role.word}")
            try:
                return await run_in_threadpool(handler, visit)
            except UsageError as error:
                return visit.page("error.html", 404, words=str(error))
            except Unavailable as error:
                return visit.page("error.html", 503, words=str(error))
            except SiphonwatchError as error:
                return visit.page("error.html", 500, words=str(error))

        return Route(path, answer, methods=["POST"] if post else ["GET"])

    routes = [
        route("/", looking.overview_page),
        route("/queue", looking.queue_page),
        route("/account", looking.account_page),
        route("/campaigns", looking.campaigns_page),
        route("/campaign", looking.campaign_page),
        route("/what-if", looking.what_if_page),
        route("/search", looking.search_page),
        route("/search", looking.search_page, post=True),
        route("/rulings", looking.rulings_page),
        route("/audit", looking.audit_page, Role.ANALYST),
        route("/rule", ruling.rule, Role.ANALYST, post=True),
        route("/undo", ruling.undo, Role.ANALYST, post=True),
        route("/report", ruling.report, Role.ANALYST, post=True),
        route("/erase", ruling.erase, Role.ADMIN, post=True),
        Route("/sign-in", _sign_in(access, sessions), methods=["GET", "POST"]),
        Route("/sign-out", _sign_out(sessions), methods=["POST"]),
        Route("/healthz", lambda _: PlainTextResponse("ok\n")),
        Mount("/static", StaticFiles(directory=STATIC)),
    ]
    return Guard(Starlette(routes=routes), access, sessions, hosts)


def _sign_in(access: Access, sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def sign_in(request: Request) -> Response:
        # in an address only the token of this start may stand: others would be kept in histories and in proxies' logs
        told = request.query_params.get("token", "") if access.first else ""
        token = request.scope["form"].get("token") or told
        if request.scope["session"] is not None:
            return RedirectResponse("/", 303)
        person = access.by_token(token.strip()) if token else None
        if person is None:
            return render("sign_in.html", 403 if token else 200, wrong=bool(token), session=None)
        name, _ = sessions.open(person)
        answer = RedirectResponse("/", 303)
        answer.headers["set-cookie"] = cookie(name, secure(request.scope, dict(request.headers)))
        return answer

    return sign_in


def _sign_out(sessions: Sessions) -> Callable[[Request], Awaitable[Response]]:
    async def sign_out(request: Request) -> Response:
        sessions.close(request.scope["session_name"])
        answer = RedirectResponse("/sign-in", 303)
        answer.headers["set-cookie"] = cookie("", secure(request.scope, dict(request.headers)))
        return answer

    return sign_out
