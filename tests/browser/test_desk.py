"""The desk in a real browser over a live store: an analyst's day by keyboard alone, in dark and light, at two widths."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect
from siphonwatch.detector.judging import trace
from siphonwatch.streams.desk.case import sign

from tests.browser.conftest import Pipeline, Screen
from tests.services import desks

AXE = Path(__file__).parents[2] / ".cache" / "grafana" / "node_modules" / "axe-core" / "axe.min.js"
LOOKS = [("light", 1280), ("dark", 1280), ("light", 400), ("dark", 400)]
PAGES = ("/", "/queue", "/campaigns", "/campaign?name=campaign-1", "/what-if", "/search", "/rulings", "/audit")


def tab_to(screen: Screen, selector: str, most: int = 120) -> None:
    """Press Tab until the element of ``selector`` has the focus."""
    for _ in range(most):
        if screen.page.evaluate("wanted => document.activeElement.matches(wanted)", selector):
            return
        screen.page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {selector}")


def test_an_analyst_finds_reads_rules_undoes_and_exports_by_keyboard_alone(screen: Screen, pipeline: Pipeline, tmp_path: Path) -> None:
    page, keys = screen.page, screen.page.keyboard
    screen.sign_in()
    page.goto(screen.address + "/")
    tab_to(screen, 'nav a[href="/campaigns"]')
    keys.press("Enter")
    page.wait_for_url("**/campaigns")
    tab_to(screen, 'main a[href^="/campaign"]')
    keys.press("Enter")
    page.wait_for_url("**/campaign?name=*")
    expect(page.get_by_role("heading", name="Why", exact=True)).to_be_visible()
    expect(page.locator("main ul li").first).to_contain_text("it ")
    expect(page.get_by_role("img", name="What ties")).to_be_visible()
    name = page.locator("h1").inner_text()

    weights = pipeline.weights
    tab_to(screen, ".rule input[name=note]")
    keys.type('sold our answers "<b>"')
    tab_to(screen, ".rule button[value=harvest]")
    keys.press("Enter")
    page.wait_for_url("**done=*")
    expect(page.locator(".ruled.done")).to_contain_text("Ruled")
    pipeline.arrive(6)
    assert pipeline.weights != weights, "the model moves with the ruling"

    page.goto(screen.address + "/queue")
    cards = page.locator("article.card").count()
    first = page.locator("article.card h2 a").first.inner_text()
    page.locator("#main").focus()
    keys.press("j")
    keys.press("h")
    expect(page.locator("article.card.ruled")).to_contain_text(first)
    page.goto(screen.address + "/queue")
    assert page.locator("article.card").count() < cards
    assert first not in page.locator("article.card h2").all_inner_texts()
    pipeline.arrive(4)

    page.goto(screen.address + "/rulings")
    for _ in range(2):
        tab_to(screen, "td button[data-key=u]")
        keys.press("Enter")
        page.wait_for_selector(".ruled.done")
        page.goto(screen.address + "/rulings")
    pipeline.arrive(0)
    assert pipeline.weights == weights, "nothing of it stays in the model"
    expect(page.locator("table")).to_contain_text("taken back")

    page.goto(f"{screen.address}/campaign?name={name}")
    tab_to(screen, "button[name=as][value=html]")
    with page.expect_download() as download:
        keys.press("Enter")
    saved = tmp_path / "report.html"
    download.value.save_as(saved)
    assert sign.verify(saved.read_bytes(), tmp_path / "key.pem.pub").startswith("SHA256:")
    page.goto(screen.address + "/audit")
    for did in ("rule", "undo", "export"):
        expect(page.locator("main table")).to_contain_text(did)
    expect(page.locator("main")).to_contain_text("holds")
    assert not screen.said, screen.said
    assert all(url.startswith(screen.address) for url in screen.asked), "a request left the host"


def test_the_queues_keys_rule_open_note_and_undo(screen: Screen) -> None:
    page, keys = screen.page, screen.page.keyboard
    screen.sign_in()
    names = page.locator("article.card h2 a").all_inner_texts()
    page.locator("#main").focus()
    keys.press("j")
    keys.press("j")
    assert names[1] in page.evaluate("document.activeElement.innerText")
    keys.press("k")
    assert names[0] in page.evaluate("document.activeElement.innerText")
    keys.press("n")
    keys.type("hjb")
    assert page.evaluate("document.activeElement.value") == "hjb", "keys in a field are letters"
    page.locator("article.card").first.focus()
    keys.press("b")
    ruled = page.locator("article.card.ruled")
    expect(ruled).to_contain_text("benign")
    expect(ruled).to_be_focused()
    keys.press("u")
    expect(page.locator("p.ruled.done")).to_contain_text("Taken back")
    page.locator("article.card:not(.ruled)").first.focus()
    opened = page.evaluate("document.activeElement.querySelector('h2 a').innerText")
    keys.press("o")
    page.wait_for_url("**/account?id=*")
    assert page.locator("h1").inner_text() == opened
    assert not screen.said, screen.said


def test_keys_can_be_switched_off(screen: Screen) -> None:
    screen.sign_in()
    screen.page.locator("summary", has_text="Keys").click()
    screen.page.locator("#keys-on").uncheck()
    screen.page.locator("article.card").first.focus()
    screen.page.keyboard.press("h")
    expect(screen.page.locator("article.card.ruled")).to_have_count(0)


@pytest.mark.parametrize("screen", LOOKS, indirect=True, ids=[f"{scheme} {width}" for scheme, width in LOOKS])
def test_every_page_is_within_reach_of_everybody(screen: Screen) -> None:
    """axe-core finds nothing, contrast included; nothing hangs over the edge; nothing complains; nothing comes from elsewhere."""
    assert AXE.exists(), "no axe-core: run `make services`"
    screen.sign_in()
    account = next(name for name, one in desks.judged()[2].items() if one.level in ("throttle", "block"))
    for path in (*PAGES, f"/account?id={account}"):
        screen.page.goto(screen.address + path)
        for details in screen.page.locator("details > summary").all():
            details.click()
        wide = screen.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, (path, wide)
        assert not screen.said, (path, screen.said)
        # asked over the debugger's own channel, as the page's policy lets nobody put a script in
        found = screen.page.evaluate(AXE.read_text() + "; axe.run(document, {resultTypes: ['violations']})")
        assert not [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]], path
    assert all(url.startswith(screen.address) for url in screen.asked), "a request left the host"


def test_what_if_answers_while_the_slider_moves(screen: Screen) -> None:
    page = screen.page
    screen.sign_in()
    page.goto(screen.address + "/what-if")
    now = page.locator(".figures p").first.inner_text()
    page.locator("#height").focus()
    for _ in range(10):
        page.keyboard.press("PageDown")
    expect(page.locator(".figures p").first).not_to_have_text(now)
    assert "/what-if" in page.url
    assert not screen.said, screen.said


def test_evidence_can_be_read_point_by_point(screen: Screen) -> None:
    screen.sign_in()
    known = desks.engine().accounts
    account = max(known.ids, key=lambda name: len(trace.line(known.records[known.index[name]])))
    screen.page.goto(f"{screen.address}/account?id={account}")
    points = json.loads(screen.page.locator(".chart").get_attribute("data-points") or "[]")
    assert len(points) > 2
    screen.page.locator(".chart summary").click()
    expect(screen.page.locator(".chart canvas")).to_be_visible()
    assert not screen.said, screen.said


def test_without_scripts_a_ruling_is_given_and_taken_back(chromium, address: str) -> None:  # type: ignore[no-untyped-def]
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/sign-in")
    page.fill("#token", "ada-has-a-long-token")
    page.click("button")
    expect(page.locator("nav")).to_be_visible()  # else the next page would be asked for before the answer's cookie is here
    page.goto(f"{address}/queue")
    name = page.locator("article.card h2 a").first.inner_text()
    page.locator("article.card button[value=harvest]").first.click()
    expect(page.locator(".ruled.done")).to_contain_text(name)
    assert "/queue?done=" in page.url
    page.locator(".ruled.done button").click()
    expect(page.locator(".ruled.done")).to_contain_text("Taken back")
    context.close()


def test_a_wrong_token_and_a_viewer_get_no_further(screen: Screen) -> None:
    page = screen.page
    page.goto(screen.address)
    screen.type_token("not-a-token-of-anybody")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.goto(f"{screen.address}/account?id=x")
    page.wait_for_url("**/sign-in")
    screen.sign_in("vic")
    expect(page.locator("article.card").first).to_be_visible()
    assert page.locator("button[value=harvest]").count() == 0
    page.goto(f"{screen.address}/audit")
    expect(page.get_by_role("alert")).to_contain_text("analyst")
