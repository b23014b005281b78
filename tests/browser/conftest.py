"""A real Chromium, and the desk over a live store that a real judging fills and a ruling moves."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import epoch_ms
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.detector.simulate import simulate
from siphonwatch.detector.sketch.clock import Clock
from siphonwatch.detector.sketch.panes import Panes
from siphonwatch.streams.common.http import HttpServer
from siphonwatch.streams.desk.web.serve import assemble, room
from siphonwatch.streams.stores.base import Position
from siphonwatch.streams.stores.redis import RedisStore

from tests.services import desks
from tests.services.judges import judge_of_all
from tests.services.process import free_port, listens, wait_until
from tests.services.redis import RedisServer


class Pipeline:
    """A live store behind the desk: a log's panes that arrive when a test says so, and the judge that judges them."""

    def __init__(self, url: str, topic: str) -> None:
        requests = simulate(desks.WORLD).requests
        panes = Panes(DEFAULT)
        panes.add(batch(requests, [epoch_ms(request.timestamp) for request in requests]))
        self._ticks = panes.seal(panes.last)
        self._store = RedisStore(url, topic, "siphonwatch")
        self._epoch = self._store.claim(0).fence
        self._judge, _ = judge_of_all(self._store)
        self._offset = 0

    def arrive(self, left: int) -> None:
        """Judge the log but for its last ``left`` ticks."""
        while len(self._ticks) > left:
            tick, pane = self._ticks.pop(0)
            self._offset += 1
            position = Position(self._offset, Clock(), tick + 1, tick)
            ids = {tick: np.zeros(0, np.uint64)}
            self._store.commit(0, self._epoch, position, {tick: (pane.accounts, pane.filled)}, ids)
        while self._judge.step(1):
            pass

    @property
    def height(self) -> float:
        return self._judge.engine.context.height

    @property
    def weights(self) -> dict[str, float]:
        return dict(self._judge.engine.scorer.model.weights)

    def close(self) -> None:
        self._store.close()


@pytest.fixture
def pipeline(redis_server: RedisServer, tmp_path: Path) -> Iterator[Pipeline]:
    made = Pipeline(redis_server.url, f"desk-{tmp_path.name}")
    made.arrive(8)
    yield made
    made.close()


@pytest.fixture
def address(pipeline: Pipeline, redis_server: RedisServer, tmp_path: Path) -> Iterator[str]:
    port = free_port()
    settings = desks.config(store=redis_server.url, decision_topic=f"desk-{tmp_path.name}", desk_port=port, report_key=tmp_path / "key.pem")
    app, _ = assemble(settings, room(settings, None))
    server = HttpServer(app, "127.0.0.1", port)
    server.start()
    wait_until(lambda: listens(port), 10, "the desk to listen")
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture(scope="package")
def chromium() -> Iterator[Browser]:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no Chromium: run `make services`"
    done = threading.Event()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
    done.set()


class Screen:
    """One window, with all that it asked for and complained of."""

    def __init__(self, browser: Browser, address: str, scheme: str, width: int) -> None:
        self.context: BrowserContext = browser.new_context(
            color_scheme=scheme,  # type: ignore[arg-type]
            viewport={"width": width, "height": 900},
            accept_downloads=True,
        )
        self.page: Page = self.context.new_page()
        self.address, self.asked, self.said = address, [], []  # type: ignore[var-annotated]
        self.context.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def type_token(self, token: str) -> None:
        """Into the field that has the focus as soon as the page is drawn, which may be after it is loaded."""
        expect(self.page.locator("input[name=token]")).to_be_focused()
        self.page.keyboard.type(token)
        self.page.keyboard.press("Enter")

    def sign_in(self, who: str = "ada") -> None:
        """By the keyboard alone."""
        self.page.goto(f"{self.address}/queue")
        self.type_token(f"{who}-has-a-long-token")
        self.page.wait_for_selector("nav")
        self.page.goto(f"{self.address}/queue")


@pytest.fixture
def screen(chromium: Browser, address: str, request: pytest.FixtureRequest) -> Iterator[Screen]:
    scheme, width = getattr(request, "param", ("light", 1280))
    made = Screen(chromium, address, scheme, width)
    yield made
    made.context.close()
