"""Making a report of an account or a campaign, as HTML and JSON."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from importlib import resources
from typing import Any

import msgspec
from siphonwatch.detector.verdicts import finding
from siphonwatch.streams.common.times import rfc3339
from siphonwatch.streams.desk import audit
from siphonwatch.streams.desk.case import sign
from siphonwatch.streams.desk.case.facts import CAN, CANNOT, false_alarms, rests_on
from siphonwatch.streams.desk.views.account import AccountView, account_view
from siphonwatch.streams.desk.views.campaign import CampaignView, campaign_view
from siphonwatch.streams.desk.web.room import Room
from siphonwatch.streams.desk.web.templates import environment

FORMAT = "siphonwatch-report-1"


@dataclass(frozen=True, slots=True)
class Report:
    """Both files, signed by one key."""

    name: str  # of the files, without their ending
    html: bytes
    json: bytes
    fingerprint: str


def export(room: Room, subject: str, who: str) -> Report:
    """The report on ``subject``, noted in the audit log; ``UsageError`` where it is not known."""
    desk, price = room.desk, room.config.desk_price
    view: AccountView | CampaignView
    if subject.startswith("campaign-"):
        view = campaign_view(desk, subject, price)
        told = [finding.decode(one) for one in room.about(subject)]
        found = _campaign(view)
    else:
        subject = desk.named(subject)
        view = account_view(desk, subject, room.book.standings().get(subject), room.about(subject), price)
        told, found = view.findings, _account(view)
    origin, now = room.origin(), time.time()
    audit.write(room.book, who, "export", subject, format=FORMAT)
    case: dict[str, Any] = {
        "format": FORMAT, "subject": subject, "kind": "campaign" if isinstance(view, CampaignView) else "account",
        "made_at": rfc3339(now), "made_by": who, "currency": room.config.desk_currency, "price_of_a_million_tokens": price,
        "found": found, "findings": [msgspec.to_builtins(one) for one in told],
        "rulings": [_ruling(one) for one in desk.rulings() if subject in (one.subject, *one.others, *one.accounts)],
        "shows": CAN, "cannot_show": CANNOT, "false_alarms": false_alarms(room.config),
        "rests_on": rests_on(room.config, origin, audit.head(room.book.trail(-1))),
        "command": origin.command or ["siphonwatch", "report", subject, "--topic", origin.topic],
    }  # fmt: skip
    key = sign.private_key(room.config.report_key)
    fingerprint = sign.fingerprint(sign.public_bytes(key))
    style = resources.files("siphonwatch.streams.desk.web").joinpath("static", "desk.css").read_text(encoding="utf-8")
    body = environment.get_template("report.html").render(
        case=case, shown=view, told=told, style=style, fingerprint=fingerprint, own_key=room.config.report_key is not None,
        commands=_typed(case["command"]),
    )  # fmt: skip
    name = "siphonwatch-" + re.sub(r"[^A-Za-z0-9_-]+", "-", subject)[:60].strip("-")
    return Report(name, sign.signed_html(body.encode(), key), sign.signed_json(msgspec.json.encode(case), key), fingerprint)


def _typed(command: list[str]) -> str:
    import shlex

    return shlex.join(command)


def _ruling(one: Any) -> dict[str, Any]:
    kept: dict[str, Any] = msgspec.to_builtins(one)
    return {name: value for name, value in kept.items() if name != "examples"}


def _account(view: AccountView) -> dict[str, Any]:
    return {
        "facts": msgspec.to_builtins(view.facts), "reference": view.reference, "height": view.height, "sidecar": view.sidecar,
        "reasons": [msgspec.to_builtins(one) for one in view.reasons],
        "reasons_at_flag": [msgspec.to_builtins(one) for one in view.verdict.reasons] if view.verdict else [],
        "features_off": view.features_off, "limits": view.limits, "how_it_asks": dict(view.parameters),
        "taken": [{"when": one.when, "requests": one.requests, "tokens": one.tokens, "cost": round(one.cost, 2)} for one in view.taken],
        "timeline": [{"until": rfc3339(at), "evidence": value} for at, value in view.points],
        "events": [{"at": rfc3339(mark.at), "kind": mark.kind, "words": mark.words} for mark in view.marks], "linked": view.linked,
    }  # fmt: skip


def _campaign(view: CampaignView) -> dict[str, Any]:
    one = view.campaign
    return {
        "level": view.level, "score": view.score, "evidence": one.evidence, "since": rfc3339(one.since / 1000), "requests": one.requests,
        "tokens_out": one.tokens_out, "cost": round(view.cost, 2), "ties": one.ties, "limits": view.limits,
        "reasons": [msgspec.to_builtins(reason) for reason in one.reasons], "shared": dict(view.hubs),
        "members": [
            {**msgspec.to_builtins(member.facts), "share_of_work": round(member.share, 4), "own_evidence": round(member.evidence, 3)}
            for member in view.members
        ],
    }  # fmt: skip
