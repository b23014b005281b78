"""Every page over a finished replay; who may do what; and what a page never holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from siphonwatch.detector.judging import trace
from siphonwatch.detector.simulate import simulate
from siphonwatch.detector.verdicts.finding import encode
from siphonwatch.streams.common import prior
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.desk.case import sign
from siphonwatch.streams.desk.views.strongest import Strongest, load
from siphonwatch.streams.desk.web.guard import A_SECOND, BURST, TRIES, Pace
from siphonwatch.streams.desk.web.serve import address, assemble
from siphonwatch.streams.stores.whole import write

from tests.services import desks
from tests.services.desks import Visitor

PAGES = ("/", "/queue", "/campaigns", "/campaign?name=campaign-1", "/what-if", "/search", "/rulings")


@pytest.fixture
def made(tmp_path: Path) -> tuple[Any, Any]:
    return desks.desk(desks.keep(tmp_path))


def flagged() -> str:
    return next(name for name, one in desks.judged()[2].items() if one.level in ("throttle", "block"))


def test_every_page_answers_and_says_that_prompts_are_never_there(made: tuple[Any, Any]) -> None:
    ada = Visitor(made[0])
    for path in (*PAGES, "/audit", f"/account?id={flagged()}"):
        answer = ada.get(path)
        assert answer.status_code == 200, (path, answer.text[:500])
        assert "Prompts and answers are never here" in answer.text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style", answer.text), path
        assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", answer.text), path
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"


def test_nothing_of_a_prompt_is_on_any_page_or_in_a_report(made: tuple[Any, Any]) -> None:
    ada = Visitor(made[0])
    account = flagged()
    shown = "".join(ada.get(path).text for path in (*PAGES, f"/account?id={account}"))
    shown += ada.fill_in("/report", subject=account).text
    mine = [request for request in simulate(desks.WORLD).requests if request.account_id == account]
    texts = [message.content for request in mine for message in request.messages or [] if isinstance(message.content, str)]
    assert len(texts) > 5
    assert not [text for text in texts if len(text) > 25 and text[:25] in shown]


def test_an_account_shows_why_since_when_and_how_much(made: tuple[Any, Any]) -> None:
    account = flagged()
    verdict = desks.judged()[2][account]
    page = Visitor(made[0]).get(f"/account?id={account}").text
    for words in (
        verdict.level,
        "flagged 20",
        "before the flag",
        "since",
        "Evidence over time",
        "A week of hours",
        "Refusals carry the reference",
    ):
        assert words in page
    assert page.count("<svg") == 3


def test_a_stranger_is_sent_to_sign_in_and_a_wrong_token_stays_out(made: tuple[Any, Any]) -> None:
    nobody = Visitor(made[0], "")
    for path in PAGES:
        answer = nobody.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "acct_" not in answer.text
    assert nobody.post("/rule", data={"subject": flagged(), "ruling": "benign"}).status_code == 303
    assert nobody.get("/healthz").text == "ok\n"
    codes = [nobody.post("/sign-in", data={"token": f"guess-{number}"}).status_code for number in range(int(TRIES) + 5)]
    assert codes[0] == 403
    assert codes[-1] == 429
    assert made[1].book.rulings() == []


def test_a_viewer_looks_an_analyst_rules_an_admin_erases(made: tuple[Any, Any]) -> None:
    app, room = made
    vic, ada, ann = Visitor(app, "vic"), Visitor(app, "ada"), Visitor(app, "ann")
    account = room.desk.queue[0].account
    assert "data-key" not in vic.get("/queue").text
    for path, form in (("/rule", {"subject": account, "ruling": "benign"}), ("/undo", {"id": "1"}), ("/report", {"subject": account})):
        assert vic.fill_in(path, **form).status_code == 403
    assert vic.get("/audit").status_code == 403
    assert room.book.rulings() == []
    assert ada.fill_in("/erase", account=account, again=account).status_code == 403
    done = ada.fill_in("/rule", subject=account, ruling="harvest", note="<b>sold</b>")
    assert done.status_code == 303
    (ruling,) = room.book.rulings()
    assert (ruling.analyst, ruling.harvest, ruling.subject) == ("ada", True, account)
    page = ada.get(done.headers["location"]).text
    assert "Take back" in page
    assert "&lt;b&gt;sold" in ada.get("/rulings").text
    assert ada.fill_in("/undo", id=ruling.id).status_code == 303
    assert ada.fill_in("/undo", id=ruling.id).status_code == 404
    room.book.settle()
    assert ann.fill_in("/erase", account=account, again="another").status_code == 404
    assert "Kafka still holds" in ann.fill_in("/erase", account=account, again=account).text
    assert ann.get(f"/account?id={account}").status_code == 404


def test_only_the_token_of_this_start_may_stand_in_an_address(made: tuple[Any, Any], tmp_path: Path) -> None:
    assert Visitor(made[0], "").get("/sign-in?token=ada-has-a-long-token").status_code == 200
    settings = Config()
    app, access = assemble(settings, made[1])
    assert Visitor(app, "").get(f"/sign-in?token={access.first}").status_code == 303
    assert address(settings, access).endswith(access.first)


def test_behind_a_proxy_each_person_has_a_pace_of_his_own(made: tuple[Any, Any]) -> None:
    settings = desks.config(
        desk_user_header="X-Forwarded-Email", desk_proxies="testclient", desk_analysts="ada@example.com", desk_tokens=""
    )
    guard = assemble(settings, made[1])[0]
    guard._pace = Pace(BURST, A_SECOND, lambda: 0.0)  # no time passes, however slow the machine
    nobody = Visitor(guard, "")
    ada, vic = {"x-forwarded-email": "ada@example.com"}, {"x-forwarded-email": "vic@example.com"}
    assert "data-key" in nobody.get("/queue", headers=ada).text
    nobody.cookies.clear()
    assert "data-key" not in nobody.get("/queue", headers=vic).text
    codes = [nobody.get("/rulings", headers=ada).status_code for _ in range(int(BURST) + 40)]
    assert codes[-1] == 429
    assert nobody.get("/rulings", headers=vic).status_code == 200


def test_a_form_from_elsewhere_does_nothing(made: tuple[Any, Any]) -> None:
    app, room = made
    ada, account = Visitor(app), room.desk.queue[0].account
    form = {"subject": account, "ruling": "benign"}
    assert ada.post("/rule", data=form).status_code == 403
    assert ada.post("/rule", data={**form, "csrf": "x" * 32}).status_code == 403
    good = {**form, "csrf": ada.csrf}
    assert ada.post("/rule", data=good, headers={"origin": "https://elsewhere.example"}).status_code == 403
    assert ada.post("/rule", data=good, headers={"sec-fetch-site": "cross-site"}).status_code == 403
    assert ada.post("/rule", data=good, headers={"host": "elsewhere.example"}).status_code == 421
    assert ada.post("/rule", content=b"x" * 100_000).status_code == 413
    assert room.book.rulings() == []
    assert ada.post("/rule", data=good).status_code == 303


def test_another_persons_csrf_is_of_no_use(made: tuple[Any, Any]) -> None:
    ada, ann = Visitor(made[0]), Visitor(made[0], "ann")
    assert ada.post("/rule", data={"subject": "campaign-1", "ruling": "benign", "csrf": ann.csrf}).status_code == 403


def test_all_alike_and_a_group_are_one_ruling_each(made: tuple[Any, Any]) -> None:
    app, room = made
    ada = Visitor(app)
    members = room.desk.context.campaigns[0].members
    card = next((one for one in room.desk.queue if one.accounts and one.account not in members), None)
    assert ada.fill_in("/rule", subject=members[0], ruling="harvest", scope="group").status_code == 303
    assert [one.subject for one in room.book.rulings()] == ["campaign-1"]
    if card is not None:
        assert ada.fill_in("/rule", subject=card.account, ruling="benign", scope="alike").status_code == 303
        assert [one.others for one in room.book.rulings()] == [[], card.accounts]
    assert ada.fill_in("/rule", subject=room.desk.queue[0].account, ruling="allow", days="1e9").status_code == 404


def test_what_if_lowers_the_flag_and_changes_nothing(made: tuple[Any, Any]) -> None:
    app, room = made
    ada, height = Visitor(app), room.desk.context.height
    same = ada.get(f"/what-if?height={height}", headers={"hx-request": "true"}).text
    assert "<strong>0</strong> would stand elsewhere" in same
    low = ada.get(f"/what-if?height={height - 2}", headers={"hx-request": "true"}).text
    assert int(re.search(r"<strong>(\d+)</strong> flagged", low)[1]) > int(re.search(r"<strong>(\d+)</strong> flagged", same)[1])  # type: ignore[index]
    assert "<html" not in low
    for asked in ("height=x", "height=nan", "block=-1", "watch=inf"):
        assert ada.get(f"/what-if?{asked}").status_code == 404
    assert room.desk.context.height == height


def test_a_second_prior_stands_beside_the_first(tmp_path: Path) -> None:
    other = prior.load()
    (tmp_path / "shadow.json").write_bytes(msgspec.json.encode(msgspec.structs.replace(other, bias=other.bias + 1.5)))
    app, _ = desks.desk(desks.keep(tmp_path), shadow_prior=tmp_path / "shadow.json")
    assert "+1.50" in Visitor(app).get("/what-if").text


def test_search_finds_accounts_campaigns_references_and_blocks_and_keeps_no_address(made: tuple[Any, Any]) -> None:
    app, room = made
    ada, account = Visitor(app), flagged()
    assert account in ada.fill_in("/search", q=f" {account} ").headers["location"]
    assert "campaign-1" in ada.fill_in("/search", q="1").headers["location"]
    number = room.desk.reference(account)
    assert account in ada.fill_in("/search", q=number.lower()).headers["location"]
    address = next(request.source_ip for request in simulate(desks.WORLD).requests if request.account_id == account)
    block = address.rpartition(".")[0] + ".0/24"
    for wanted in (address, block):
        found = ada.fill_in("/search", q=wanted)
        assert account in found.text + found.headers.get("location", "")
        assert wanted not in found.text
    assert ada.fill_in("/search", q="10.0.0.0/8").status_code == 404
    assert "Nothing was found" in ada.fill_in("/search", q="nobody").text
    held = b"".join(path.read_bytes() for path in Path(room.book._folder).iterdir())
    assert address.encode() not in held


def test_hostile_names_are_words_and_nothing_else(tmp_path: Path) -> None:
    bad = '"><script>alert(1)</script>\u202e{{7*7}}'
    app, room = desks.desk(desks.keep(tmp_path))
    _, values, verdicts, _ = desks.judged()
    victim = flagged()
    value = next(value for name, value, _ in values if name == victim)
    verdict = msgspec.structs.replace(verdicts[victim], account_id=bad)
    book = room.book
    write(book, book.context() or b"", [(bad, value, 99.0)], {bad: verdict}, [(bad, encode(verdict))])
    room.forget()
    ada = Visitor(app)
    for path in ("/", "/what-if", f"/account?id={quote(bad)}"):
        page = ada.get(path).text
        assert "<script>alert" not in page
        assert "\u202e" not in re.sub(r' value="[^"]*"', "", page), "only a form holds the name itself"
        assert "49" not in re.findall(r"script&gt;\S*", page)
    made = ada.fill_in("/report", subject=bad)
    assert "<script>" not in made.text
    assert re.fullmatch(r'attachment; filename="[\w.-]+"', made.headers["content-disposition"])


def test_the_button_gives_a_signed_report_and_the_log_knows(made: tuple[Any, Any], tmp_path: Path) -> None:
    app, room = made
    ada = Visitor(app)
    for form in ("html", "json"):
        for subject in ("campaign-1", flagged()):
            raw = ada.fill_in("/report", subject=subject, **{"as": form}).content
            assert sign.verify(raw).startswith("SHA256:")
    assert [line for line in room.book.trail() if b'"did":"export"' in line]
    assert "export" in ada.get("/audit").text


def test_a_day_has_those_who_first_reached_the_flag_on_it() -> None:
    made = desks.engine().accounts
    rows, records = made.known()
    among = Strongest(made.ids, rows, records)
    high, low = 90.0, -3.05  # between two steps of a line
    counted = load(among, high, low)
    assert {now for _, now, _ in counted} == {0}
    reached = [name for name, record in zip(made.ids, records, strict=True) if any(value >= low for _, value in trace.line(record))]
    assert sum(then for _, _, then in counted) == len(reached) > 0
    assert [name for name, _, _ in counted] == sorted({name for name, _, _ in counted})
