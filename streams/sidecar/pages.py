"""What a person's dashboard asks the sidecar for: accounts, campaigns and findings, read from the store when asked."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import Settings
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.detector.verdicts.campaign import Campaign, tie_words
from siphonwatch.streams.common.errors import Unavailable, UsageError
from siphonwatch.streams.common.times import rfc3339
from siphonwatch.streams.desk.desk import AccountReport, Desk
from siphonwatch.streams.sidecar.asked import Malformed, query, text, whole
from siphonwatch.streams.stores.base import Store
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FRESH = 5.0  # seconds that what was read of the judging's context serves
MOST = 1000  # rows of one answer


class Pages:
    """Reads for a person: may block, so every page runs in a thread of its own."""

    def __init__(self, store: Store, prior: Prior, settings: Settings, account_key: str) -> None:
        self._store, self._prior, self._settings, self._key = store, prior, settings, account_key
        self._desk: Desk | None = None
        self._read = 0.0

    def app(self) -> Starlette:
        """The pages as an application."""
        routes = [
            Route("/v1/accounts", self.accounts),
            Route("/v1/accounts/{account:path}", self.account),
            Route("/v1/campaigns", self.campaigns),
            Route("/v1/campaigns/{name}", self.campaign),
            Route("/v1/findings", self.findings),
        ]
        return Starlette(routes=routes, exception_handlers={Malformed: _malformed, UsageError: _absent, Unavailable: _away})

    def desk(self) -> Desk:
        """The judging as it stood at most ``FRESH`` seconds ago."""
        if self._desk is None or time.monotonic() - self._read > FRESH:
            self._desk, self._read = Desk(self._store, self._prior, self._settings, self._key), time.monotonic()
        return self._desk

    def accounts(self, request: Request) -> Response:
        """The accounts of strongest evidence."""
        return _json([_row(one) for one in self.desk().top(_count(_query(request)))])

    def account(self, request: Request) -> Response:
        """One account, by its id as in the log."""
        report = self.desk().account(text(request.path_params["account"], "the account"))
        features = [msgspec.to_builtins(line) for line in report.features]
        reasons = [msgspec.to_builtins(reason) for reason in report.verdict.reasons] if report.verdict else []
        return _json({**_row(report), "reasons": reasons, "features": features})

    def campaigns(self, _: Request) -> Response:
        """Every campaign."""
        return _json([_campaign(one) for one in self.desk().context.campaigns])

    def campaign(self, request: Request) -> Response:
        """One campaign with its members."""
        found = self.desk().campaign(text(request.path_params["name"], "the campaign"))
        return _json({**_campaign(found), "members": found.members, "ties": found.ties})

    def findings(self, request: Request) -> Response:
        """The newest findings, of all or of one ``subject``."""
        given = _query(request)
        subject = given.get("subject")
        if subject is not None and not subject.startswith("campaign-"):
            subject = self.desk().named(subject)
        found = self._store.findings(_count(given), subject)
        return Response(b"[" + b",".join(found) + b"]", media_type="application/json")


def _query(request: Request) -> dict[str, str]:
    return query(request.scope["query_string"])


def _count(given: dict[str, str]) -> int:
    return whole(given.get("count", "100"), "count", 1, MOST)


def _row(report: AccountReport) -> dict[str, Any]:
    known = report.facts
    return {
        "account": known.account_id, "level": known.level, "score": round(known.score, 4), "flagged_at": rfc3339(known.flagged_at) or None,
        "requests": known.requests, "tokens_out": known.tokens_out, "campaign": known.campaign, "allowed": known.allowed,
        "why": report.verdict.reasons[0].text if report.verdict and report.verdict.reasons else "",
    }  # fmt: skip


def _campaign(one: Campaign) -> dict[str, Any]:
    return {
        "campaign": one.name, "level": Level(one.level).word, "size": len(one.members), "since": one.since / 1000,
        "evidence": round(one.evidence, 3), "requests": one.requests, "tokens_out": one.tokens_out, "tied_by": tie_words(one.ties),
    }  # fmt: skip


def _json(value: Any) -> Response:
    return Response(msgspec.json.encode(value), media_type="application/json")


def _malformed(_: Request, error: Exception) -> Response:
    return Response(msgspec.json.encode({"error": str(error)}), 400, media_type="application/json")


def _absent(_: Request, error: Exception) -> Response:
    return Response(msgspec.json.encode({"error": str(error)}), 404, media_type="application/json")


def _away(_: Request, error: Exception) -> Response:
    return Response(msgspec.json.encode({"error": str(error)}), 503, media_type="application/json")
