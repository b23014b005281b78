"""Alert rules and dashboards ask only for metrics that exist, and every alert has its runbook page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from streams.metrics import Metrics

ROOT = Path(__file__).parents[2]


def exported() -> set[str]:
    metrics = Metrics()
    metrics.lag.labels("0")  # appears with the first partition
    metrics.batch.labels("decode")
    return {sample.name for family in metrics.registry.collect() for sample in family.samples} | {
        f"siphonwatch_{name}_seconds_bucket" for name in ("batch", "judging")
    }


def asked(text: str) -> set[str]:
    return set(re.findall(r"siphonwatch_[a-z_]+", text))


def test_dashboards_ask_for_metrics_that_exist() -> None:
    for path in (ROOT / "dashboards" / "grafana").glob("*.json"):
        board = json.loads(path.read_text())
        expressions = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
        assert expressions
        for expression in expressions:
            assert asked(expression) <= exported(), expression


def test_alerts_ask_for_metrics_that_exist_and_have_a_runbook() -> None:
    rules = (ROOT / "dashboards" / "alerts" / "siphonwatch.yaml").read_text()
    expressions = re.findall(r"expr: (.*)", rules)
    assert len(expressions) >= 6
    for expression in expressions:
        assert asked(expression) <= exported(), expression
    runbook = (ROOT / "dashboards" / "RUNBOOK.md").read_text()
    for alert in re.findall(r"alert: (\w+)", rules):
        assert f"## {alert}\n" in runbook
        assert f"#{alert.lower()}" in rules


def test_no_metric_carries_an_account() -> None:
    labels = {label for family in Metrics().registry.collect() for sample in family.samples for label in sample.labels}
    assert labels <= {"level", "reason", "partition", "step", "what", "le", "version"}
