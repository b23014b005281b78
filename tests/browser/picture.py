"""The picture of README and of the desk's page: an account at the desk over a finished replay, as Chromium shows it.

python -m tests.browser.picture        writes docs/desk.png anew
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from siphonwatch.streams.common.http import HttpServer
from siphonwatch.streams.desk.web.serve import assemble, room

from tests.services import desks
from tests.services.process import free_port, listens, wait_until

PICTURE = Path(__file__).parents[2] / "docs" / "desk.png"
WIDTH, HEIGHT = 1340, 1210
DAYS = ["--accounts", "300", "--days", "2", "--prevalence", "0.08", "--seed", "7", "--start", "2026-05-01T00:00:00Z"]


def write(path: Path) -> None:
    """Replay, serve, look."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    assert found, "no Chromium: run `make services`"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "siphonwatch.streams"]
        for arguments in (["simulate", "log.jsonl", *DAYS], ["replay", "log.jsonl", "--keep", "kept"]):
            subprocess.run([*command, *arguments], cwd=folder, check=True, capture_output=True, timeout=300)
        settings = desks.config(desk_port=free_port())
        made = room(settings, Path(folder) / "kept")
        server = HttpServer(assemble(settings, made)[0], "127.0.0.1", settings.desk_port)
        server.start()
        wait_until(lambda: listens(settings.desk_port), 10, "the desk to listen")
        strongest = made.strongest.names[int(np.argmax(made.strongest.records["own"]))]
        address = f"http://127.0.0.1:{settings.desk_port}"
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
            page.goto(address)
            page.fill("#token", "ada-has-a-long-token")
            page.press("#token", "Enter")
            page.wait_for_selector("nav")
            page.goto(f"{address}/account?id={strongest}")
            page.screenshot(path=path)
            browser.close()
        server.stop()


if __name__ == "__main__":
    write(PICTURE)
