"""What a person decides: rulings, taking them back, reports, erasing."""

from __future__ import annotations

from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.desk.web.app import Visit
from starlette.responses import Response

SAID: dict[str, bool | None] = {"harvest": True, "benign": False, "allow": None}
NOTE = 2000  # characters of a note
BACK = ("/queue", "/account", "/campaign", "/rulings")


def rule(visit: Visit) -> Response:
    """Rule on an account, on all that are alike, or on a campaign."""
    form, desk = visit.form, visit.desk
    subject, said, scope = form.get("subject", ""), form.get("ruling", ""), form.get("scope", "one")
    if said not in SAID:
        raise UsageError("a ruling is harvest, benign or allow")
    try:
        days = float(form.get("days") or 30) if said == "allow" else None
    except ValueError as error:
        raise UsageError("days is a number") from error
    if days is not None and not 0 < days <= 365:
        raise UsageError("an account is allowed for 365 days at most")
    card = next((one for one in desk.queue if one.account == subject), None)
    others = card.accounts if scope == "alike" and card else []
    if scope == "group":
        group = next((one for one in desk.context.campaigns if subject in one.members), None)
        if group is None:
            raise UsageError(f"{subject} is in no campaign: rule on it alone")
        subject = group.name
    made = desk.rule(subject, SAID[said], visit.session.person.name, form.get("note", "")[:NOTE], days, others)
    visit.room.forget()
    if visit.partial:
        return visit.page("ruled.html", ruling=made, said=said)
    return _back(visit, done=made.id)


def undo(visit: Visit) -> Response:
    """Take a ruling back."""
    taken = visit.desk.take_back(visit.form.get("id", ""), visit.session.person.name)
    visit.room.forget()
    if not taken:
        raise UsageError("no such ruling, or it was taken back already")
    if visit.partial:
        return visit.page("undone.html")
    return _back(visit, undone="1")


def report(visit: Visit) -> Response:
    """The case as a signed file."""
    from siphonwatch.streams.desk.case.export import export

    subject, form = visit.form.get("subject", ""), visit.form.get("as", "html")
    made = export(visit.room, subject, visit.session.person.name)
    body, media = (made.html, "text/html; charset=utf-8") if form == "html" else (made.json, "application/json")
    name = f'attachment; filename="{made.name}.{form if form in ("html", "json") else "html"}"'
    return Response(body, media_type=media, headers={"content-disposition": name})


def erase(visit: Visit) -> Response:
    """Erase an account, once its name was typed again."""
    account = visit.form.get("account", "")
    if visit.form.get("again", "") != account or not account:
        raise UsageError("type the account's name to erase it: nothing was erased")
    done = visit.desk.erase(account, visit.session.person.name)
    visit.room.forget()
    return visit.page("erased.html", done=done)


def _back(visit: Visit, **query: str) -> Response:
    to = visit.form.get("back", "/queue")
    path, _, asked = to.partition("?")
    if path not in BACK:
        return visit.to("/queue", **query)
    given = "&".join(f"{name}={value}" for name, value in query.items())
    return visit.to(f"{path}?{asked}&{given}" if asked else f"{path}?{given}")
