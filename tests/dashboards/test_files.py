"""Dashboards, alert rules, runbooks and provisioning: valid by their owners' own tools, and about metrics that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.worker.metrics import Metrics

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "dashboards" / "grafana").glob("*.json"))
RULES = ROOT / "dashboards" / "alerts" / "siphonwatch.yaml"


def exported() -> set[str]:
    worker, sidecar = Metrics(), SidecarMetrics()
    worker.lag.labels("0")  # appears with the first partition
    worker.batch.labels("decode")
    worker.unread.labels("native", "seed", "no whole number")
    worker.shadow.labels("prior")
    return {sample.name for each in (worker, sidecar) for family in each.registry.collect() for sample in family.samples}


def asked(text: str) -> set[str]:
    return set(re.findall(r"siphonwatch_[a-z_]+", text))


def expressions(board: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in board["panels"] for target in panel["targets"] if "expr" in target]


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_meets_grafanas_own_types(path: Path, tmp_path: Path) -> None:
    home = ROOT / ".cache" / "grafana"
    compiler = home / "node_modules" / ".bin" / "tsc"
    assert compiler.exists(), "no Grafana schema: run `make services`"
    (home / "grafana.ts").write_text((ROOT / "tests" / "services" / "grafana.ts").read_text())
    check = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler")
    typed = "import type { Board } from './grafana';\nexport const board: Board = "
    (home / f"{path.stem}.ts").write_text(f"{typed}{path.read_text()};\n")
    run(str(compiler), *check, str(home / f"{path.stem}.ts"))
    (home / f"wrong-{path.stem}.ts").write_text(f"{typed}{path.read_text().replace('gridPos', 'gridPoz', 1)};\n")
    with pytest.raises(AssertionError, match="gridPoz"):
        run(str(compiler), *check, str(home / f"wrong-{path.stem}.ts"))


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_asks_for_metrics_that_exist_through_a_variable_and_explains_itself(path: Path) -> None:
    board = json.loads(path.read_text())
    assert board["uid"].startswith("siphonwatch-")
    names = {variable["name"] for variable in board["templating"]["list"] if variable["type"] == "datasource"}
    assert names
    for panel in board["panels"]:
        assert panel["description"].endswith(".")
        assert panel["datasource"]["uid"].strip("${}") in names
    for expression in expressions(board):
        assert asked(expression) <= exported(), expression


def test_every_metric_is_shown_somewhere() -> None:
    shown = {name for path in BOARDS for expression in expressions(json.loads(path.read_text())) for name in asked(expression)}
    shown |= {name for rule in rules() for name in asked(rule["expr"])}
    families = {family.name for each in (Metrics(), SidecarMetrics()) for family in each.registry.collect()}
    unseen = {name for name in families if not any(each.startswith(name) for each in shown)}
    assert unseen <= {"siphonwatch_build", "siphonwatch_requests", "siphonwatch_ticks", "siphonwatch_verdict_event_time_seconds",
                      "siphonwatch_dry_run"}, unseen  # fmt: skip


def test_alerts_pass_promtool_and_its_unit_tests() -> None:
    assert shutil.which("promtool"), "no promtool: run `make services`"
    assert "SUCCESS" in run("promtool", "check", "rules", str(RULES))
    assert "SUCCESS" in run("promtool", "test", "rules", str(ROOT / "dashboards" / "alerts" / "tests" / "siphonwatch.yaml"))
    tested = (ROOT / "dashboards" / "alerts" / "tests" / "siphonwatch.yaml").read_text()
    for rule in rules():
        assert f"alertname: {rule['alert']}" in tested


def test_metrics_pass_promtools_naming_rules() -> None:
    from prometheus_client import generate_latest

    for each in (Metrics(), SidecarMetrics()):
        done = subprocess.run(
            ["promtool", "check", "metrics"], input=generate_latest(each.registry), capture_output=True, check=False, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_alerts_ask_for_metrics_that_exist_and_have_a_runbook() -> None:
    found = rules()
    assert len(found) >= 10
    for rule in found:
        assert asked(rule["expr"]) <= exported(), rule["expr"]
        page = ROOT / rule["annotations"]["runbook_url"]
        assert page.stem == rule["alert"]
        text = page.read_text()
        assert text.startswith(f"# {rule['alert']}\n")
        assert "**Look first**" in text
        assert "**Then**" in text
        assert rule["annotations"]["summary"].endswith(".")
        assert rule["annotations"]["description"].endswith(".")
    assert {page.stem for page in (ROOT / "dashboards" / "runbooks").glob("*.md")} == {rule["alert"] for rule in found}


def test_grafanas_alerts_are_those_of_prometheus() -> None:
    provisioned = yaml.safe_load((ROOT / "dashboards" / "provisioning" / "alerting" / "siphonwatch.yaml").read_text())
    theirs = {rule["title"]: rule for group in provisioned["groups"] for rule in group["rules"]}
    assert set(theirs) == {rule["alert"] for rule in rules()}
    for rule in rules():
        mine = theirs[rule["alert"]]
        assert mine["data"][0]["model"]["expr"] == rule["expr"]
        assert mine["for"] == rule.get("for", "0s")
        assert mine["labels"] == rule["labels"]
        assert mine["annotations"]["summary"] == rule["annotations"]["summary"]
        assert mine["condition"] == mine["data"][-1]["refId"]
    sources = yaml.safe_load((ROOT / "dashboards" / "provisioning" / "datasources" / "siphonwatch.yaml").read_text())["datasources"]
    assert {source["uid"] for source in sources} >= {rule["data"][0]["datasourceUid"] for rule in theirs.values()}


def test_no_metric_carries_an_account_and_every_label_is_from_a_fixed_set() -> None:
    labels = {
        label
        for each in (Metrics(), SidecarMetrics())
        for family in each.registry.collect()
        for sample in family.samples
        for label in sample.labels
    }
    assert labels <= {"level", "reason", "partition", "step", "what", "le", "version", "kind", "decision", "why", "fault"}
