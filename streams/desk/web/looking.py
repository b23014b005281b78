"""The pages that only look."""

from __future__ import annotations

from dataclasses import replace

from siphonwatch.detector.scoring.features import FEATURES
from siphonwatch.detector.verdicts.account import Level
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.desk import audit
from siphonwatch.streams.desk.views.account import account_view
from siphonwatch.streams.desk.views.campaign import campaign_view
from siphonwatch.streams.desk.views.overview import overview
from siphonwatch.streams.desk.views.search import found
from siphonwatch.streams.desk.views.strongest import beside, what_if
from siphonwatch.streams.desk.web.app import Visit
from starlette.responses import Response

SEEN = "siphonwatch_desk_seen"  # cookie: event time up to which the person has seen what is new
ROWS = 200  # of a table
YEAR = 365 * 86_400


def overview_page(visit: Visit) -> Response:
    """What is new since the person was last here, and how everything is."""
    seen = visit.request.cookies.get(SEEN, "")
    since = float(seen) if seen.replace(".", "", 1).isdigit() else 0.0
    shown = overview(visit.desk, visit.room.strongest, visit.room.findings, since)
    answer = visit.page("overview.html", shown=shown, since=since)
    if visit.asked("seen"):
        answer = visit.to("/")
        answer.set_cookie(SEEN, f"{shown.judged_to:.0f}", max_age=YEAR, httponly=True, samesite="strict")
    return answer


def queue_page(visit: Visit) -> Response:
    """Whom to look at next."""
    done = visit.asked("done")
    last = next((one for one in visit.desk.rulings() if one.id == done and not one.withdrawn), None)
    return visit.page("queue.html", cards=visit.desk.queue, last=last, taken_back=visit.asked("undone"))


def account_page(visit: Visit) -> Response:
    """One account."""
    desk, name = visit.desk, visit.asked("id")
    name = desk.named(name)
    standing = visit.room.book.standings().get(name)
    shown = account_view(desk, name, standing, visit.room.about(name), visit.room.config.desk_price)
    return visit.page("account.html", shown=shown, done=visit.asked("done"))


def campaigns_page(visit: Visit) -> Response:
    """All campaigns."""
    rows = [(one, Level(one.level).word) for one in sorted(visit.desk.context.campaigns, key=lambda one: -one.evidence)]
    return visit.page("campaigns.html", rows=rows[:ROWS], count=len(rows))


def campaign_page(visit: Visit) -> Response:
    """One campaign."""
    shown = campaign_view(visit.desk, visit.asked("name"), visit.room.config.desk_price)
    ruled = [one for one in visit.desk.rulings() if one.subject == shown.campaign.name]
    return visit.page("campaign.html", shown=shown, rulings=ruled, done=visit.asked("done"))


def what_if_page(visit: Visit) -> Response:
    """What other heights would have said."""
    desk, settings = visit.desk, visit.desk.scorer.settings
    try:
        height = float(visit.asked("height") or round(desk.context.height, 2))
        block = float(visit.asked("block") or settings.block_margin)
        watch = float(visit.asked("watch") or settings.watch_margin)
        replace(settings, flag_odds=height, block_margin=block, watch_margin=watch)
    except ValueError as error:
        raise UsageError(f"heights are numbers, in log-odds: {error}") from error
    among, shadow = visit.room.strongest, visit.room.shadow
    shown = what_if(desk, among, height, block, watch)
    differ = beside(desk, among, shadow)[:ROWS] if shadow is not None else []
    template = "what_if_result.html" if visit.partial else "what_if.html"
    return visit.page(template, shown=shown, height=height, block=block, watch=watch, differ=differ, rows=ROWS)


def search_page(visit: Visit) -> Response:
    """Find somebody. The words come in a form's body, so that no address stands in an address."""
    wanted = visit.form.get("q", "")
    names = found(visit.desk, wanted, visit.room.strongest) if wanted else []
    if len(names) == 1:
        return visit.to("/campaign", name=names[0]) if names[0].startswith("campaign-") else visit.to("/account", id=names[0])
    return visit.page("search.html", wanted=wanted, names=names[:ROWS], count=len(names), looked_at=len(visit.room.strongest.names))


def rulings_page(visit: Visit) -> Response:
    """What was ruled."""
    rulings = list(reversed(visit.desk.rulings()))
    return visit.page("rulings.html", rulings=rulings[:ROWS], count=len(rulings), done=visit.asked("done"))


def audit_page(visit: Visit) -> Response:
    """The audit log, and whether its chain holds."""
    try:
        head, broken = audit.verify(visit.room.book.trail()), ""
    except audit.Broken as error:
        head, broken = "", str(error)
    lines = list(reversed(audit.read(visit.room.book)))
    return visit.page("audit.html", lines=lines[:ROWS], count=len(lines), head=head, broken=broken)


WHY = {one.name: one.why for one in FEATURES}
