"""A real Prometheus scrapes the running demo, and an Alertmanager hears of what it found: no query of any dashboard comes back empty."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from siphonwatch.detector.sketch import row as state
from siphonwatch.streams.worker.metrics import Metrics

from tests.dashboards.test_files import BOARDS, RULES, expressions
from tests.services.judges import judge_of_all
from tests.services.process import Program, free_pair, free_port, listens, wait_until


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.loads(answer.read())


@dataclass
class Live:
    """The demo, a Prometheus on it, an Alertmanager behind that, and who it tells."""

    prometheus: int
    sidecar: int
    heard: list[dict[str, Any]]

    def query(self, expression: str) -> list[Any]:
        found = get(f"http://127.0.0.1:{self.prometheus}/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        assert found["status"] == "success", found
        return list(found["data"]["result"])


class _Receiver(BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_POST(self) -> None:
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("live")
    alertmanager = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    assert shutil.which("prometheus"), "no prometheus: run `make services`"
    assert alertmanager, "no alertmanager: run `make services`"
    worker = free_pair()  # the demo's sidecar shows its metrics at the next port
    decisions, desk, prometheus, manager, gossip = (free_port() for _ in range(5))
    targets = [f"127.0.0.1:{worker}", f"127.0.0.1:{worker + 1}"]
    receiver = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    receiver.heard = []  # type: ignore[attr-defined]
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    (folder / "alertmanager.yaml").write_text(yaml.safe_dump({
        "route": {"receiver": "tests", "group_wait": "1s", "group_interval": "1s"},
        "receivers": [{"name": "tests", "webhook_configs": [{"url": f"http://127.0.0.1:{receiver.server_address[1]}/"}]}],
    }))  # fmt: skip
    (folder / "prometheus.yaml").write_text(yaml.safe_dump({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RULES)],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
        "scrape_configs": [{"job_name": "siphonwatch", "static_configs": [{"targets": targets}]}],
    }))  # fmt: skip
    programs = [
        Program([alertmanager, f"--config.file={folder}/alertmanager.yaml", f"--storage.path={folder}/am",
                 f"--web.listen-address=127.0.0.1:{manager}", f"--cluster.listen-address=127.0.0.1:{gossip}"], folder / "alertmanager.log"),
        Program(["prometheus", f"--config.file={folder}/prometheus.yaml", f"--storage.tsdb.path={folder}/tsdb",
                 f"--web.listen-address=127.0.0.1:{prometheus}"], folder / "prometheus.log"),
        Program([sys.executable, "-m", "siphonwatch.streams", "demo", "--http-port", str(worker)], folder / "demo.log",
                {**os.environ, "SIPHONWATCH_DECISION_PORT": str(decisions), "SIPHONWATCH_DESK_PORT": str(desk)}),
    ]  # fmt: skip
    try:
        for port in (manager, prometheus, worker):
            wait_until(lambda port=port: listens(port), 60, f"port {port} to listen\n{programs[-1].tail()}")  # type: ignore[misc]
        made = Live(prometheus, decisions, receiver.heard)  # type: ignore[attr-defined]
        wait_until(lambda: bool(made.query("sum(siphonwatch_campaigns_found_total) > 0")), 120, "the demo to find a campaign")
        looks = "sum_over_time(up[1h]) > 14"  # so that rates have something to stand on
        wait_until(lambda: len(made.query(looks)) == len(targets), 60, f"Prometheus to have looked often enough at {targets}")
        yield made
    finally:
        for program in reversed(programs):
            program.stop(20)
        receiver.shutdown()
        receiver.server_close()


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_no_query_comes_back_empty(live: Live, path: Path) -> None:
    """Empty is no sample, or NaN alone. What a busy machine scrapes late is asked for again."""

    def empty() -> list[str]:
        asked = {expression: live.query(expression.replace("$__rate_interval", "1m")) for expression in every}
        return [expression for expression, found in asked.items() if all(np.isnan(float(sample["value"][1])) for sample in found)]

    every = expressions(json.loads(path.read_text()))
    with contextlib.suppress(AssertionError):
        wait_until(lambda: not empty(), 5, "each query to be answered")
    assert not empty()


def test_the_page_of_an_account_is_fed(live: Live) -> None:
    accounts = get(f"http://127.0.0.1:{live.sidecar}/v1/accounts?count=50")
    campaigns = get(f"http://127.0.0.1:{live.sidecar}/v1/campaigns")
    values = {"account": accounts[0]["account"], "campaign": campaigns[0]["campaign"]}
    board = json.loads(next(path for path in BOARDS if path.stem == "account").read_text())
    for panel in board["panels"]:
        for target in panel["targets"]:
            url = target["url"]
            for name, value in values.items():
                url = url.replace(f"${{{name}}}", value)
            answer = get(f"http://127.0.0.1:{live.sidecar}{url}")
            rows = answer[target["root_selector"]] if target["root_selector"] else answer
            first = rows[0] if isinstance(rows, list) else rows
            assert first, (panel["title"], url)
            assert {column["selector"] for column in target["columns"]} <= set(first), panel["title"]


def test_alertmanager_hears_of_a_campaign(live: Live) -> None:
    def told() -> list[dict[str, Any]]:
        alerts = [alert for each in live.heard for alert in each["alerts"]]
        return [alert for alert in alerts if alert["labels"]["alertname"] == "SiphonwatchCampaignFound"]

    wait_until(lambda: bool(told()), 60, "the alert to arrive")
    alert = told()[0]
    assert alert["annotations"]["runbook_url"].endswith("SiphonwatchCampaignFound.md")
    assert alert["labels"]["severity"] == "page"


def test_a_hundred_thousand_accounts_are_a_few_series() -> None:
    """Series are counted as they are exported, with every account known to the judge's metrics."""
    from prometheus_client import generate_latest
    from siphonwatch.detector.verdicts.account import Level
    from siphonwatch.streams.stores.memory import MemoryStore

    metrics = Metrics()
    for partition in range(12):
        metrics.lag.labels(str(partition)).set(1)
    before = generate_latest(metrics.registry).count(b"\n")
    judge, keeper = judge_of_all(MemoryStore(), metrics=metrics)
    names = [f"acct_{number:06d}" for number in range(100_000)]
    accounts = keeper.shard.accounts
    accounts.put(names, state.empty(len(names)), np.zeros(len(names), dtype=accounts.records.dtype))
    metrics.judged(judge.engine.context, [], {level: keeper.shard.levels()[level] for level in Level})
    after = generate_latest(metrics.registry)
    assert after.count(b"\n") == before
    assert after.count(b"\n") < 450
    assert b"acct_" not in after
    assert b'siphonwatch_accounts{level="clear"} 100000.0' in after
