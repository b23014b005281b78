"""The examples as their readers would use them: installed into an environment, named on the command line, held to the contracts."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from siphonwatch.streams.common.config import Config

from tests.services.packages import ROOT, copied, install, run
from tests.services.process import Program, wait_until

EXAMPLES = ROOT / "examples"
PACKAGES = sorted(path.name for path in EXAMPLES.glob("custom-*"))


def installed(name: str, folder: Path) -> dict[str, str]:
    """Variables for a Python that finds an example's package."""
    copied(folder, name, root=EXAMPLES)
    return {**os.environ, "PYTHONPATH": str(install(folder / name, folder / "installed"))}


def siphonwatch(*arguments: str, folder: Path, environment: dict[str, str] | None = None) -> str:
    return run([sys.executable, "-m", "siphonwatch.streams", *arguments], folder, environment)


def until(condition: object, what: str, environment: dict[str, str], folder: Path, *options: str) -> None:
    """Run a worker until ``condition`` holds, then stop it."""
    command = [sys.executable, "-m", "siphonwatch.streams", "run", "--http-port", "0", "--idle-seconds", "0.5", *options]
    program = Program(command, folder / "worker.log", environment)
    try:
        wait_until(lambda: not program.running or condition(), 60, what)  # type: ignore[operator]
        assert program.running, program.tail()
    finally:
        code = program.stop()
    assert code == 0, program.tail()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Traffic in which somebody is flagged."""
    folder = tmp_path_factory.mktemp("log")
    siphonwatch("simulate", "log.jsonl", "--accounts", "150", "--days", "1", "--prevalence", "0.15", "--harvests", "reasoning",
                "--start", "2026-05-01T00:00:00Z", folder=folder)  # fmt: skip
    return folder / "log.jsonl"


@pytest.mark.parametrize("name", PACKAGES)
def test_an_example_keeps_its_contract_where_it_is_installed(name: str, tmp_path: Path) -> None:
    environment = installed(name, tmp_path)
    (tests,) = (tmp_path / name).glob("test_*.py")
    said = run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path), str(tests)], tmp_path, environment
    )
    assert " passed" in said


@pytest.mark.parametrize("name", PACKAGES)
def test_an_example_is_short(name: str) -> None:
    (source,) = (path for path in (EXAMPLES / name).glob("*.py") if not path.name.startswith("test_"))
    text = source.read_text(encoding="utf-8")
    code = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith(("#", '"""', "from", "import"))]
    assert len(code) <= 45, f"{len(code)} lines are no example any more"


def test_a_format_of_another_package_is_recognised_and_named(tmp_path: Path) -> None:
    environment = installed("custom-format", tmp_path)
    log = str(tmp_path / "custom-format" / "harbour.jsonl")
    for option in ([], ["--format", "harbour"]):
        said = siphonwatch("check", log, *option, folder=tmp_path, environment=environment)
        assert "3 records: 3 requests of 2 accounts" in said
    assert "2 accounts" in siphonwatch("replay", log, folder=tmp_path, environment=environment)
    without = subprocess.run(
        [sys.executable, "-m", "siphonwatch.streams", "check", log], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert without.returncode == 1, "without the package it is a log of no known format"


def test_a_sink_of_another_package_gets_the_findings(tmp_path: Path, log: Path) -> None:
    rows = tmp_path / "findings.csv"
    environment = {**installed("custom-sink", tmp_path), "SIPHONWATCH_SINKS": f"csv://{rows}"}
    until(lambda: rows.exists() and rows.stat().st_size, "a row in the file", environment, tmp_path,
          "--source", f"file://{log}", "--store", "memory://")  # fmt: skip
    with rows.open(newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))
    assert {row[3] for row in found} <= {"clear", "watch", "throttle", "block", "limits"}
    assert all(len(row) == 5 and row[4] for row in found)


def test_a_source_of_another_package_is_followed(tmp_path: Path, log: Path) -> None:
    lines, findings = log.read_bytes().splitlines(keepends=True), tmp_path / "findings.jsonl"
    environment, growing = installed("custom-source", tmp_path), tmp_path / "growing.jsonl"
    growing.write_bytes(b"".join(lines[: len(lines) // 2]))
    with growing.open("ab") as file:
        file.write(b"".join(lines[len(lines) // 2 :]))
    until(lambda: findings.exists() and findings.stat().st_size, "a finding", environment, tmp_path,
          "--source", f"tail://{growing}", "--store", "memory://", "--findings", str(findings))  # fmt: skip


def test_a_store_of_another_package_is_asked_after_the_worker_has_left(tmp_path: Path, log: Path) -> None:
    environment, findings = installed("custom-store", tmp_path), tmp_path / "findings.jsonl"
    store = ["--store", f"kept://{tmp_path}/trial"]
    until(lambda: findings.exists() and findings.stat().st_size, "a finding", environment, tmp_path,
          "--source", f"file://{log}", "--findings", str(findings), *store)  # fmt: skip
    said = siphonwatch("top", "--count", "3", "--topic", log.name, *store, folder=tmp_path, environment=environment)
    assert len(said.splitlines()) >= 4


def test_the_mapping_reads_its_log(tmp_path: Path) -> None:
    folder = EXAMPLES / "mapping"
    said = siphonwatch("check", str(folder / "log.jsonl"), "--mapping", str(folder / "mapping.toml"), folder=tmp_path)
    assert "3 records: 2 requests of 2 accounts, 1 of something else, 0 refused" in said


def test_the_compose_file_for_litellm_is_whole(tmp_path: Path) -> None:
    file = EXAMPLES / "litellm" / "compose.yaml"
    services = yaml.safe_load(file.read_text())["services"]
    known = {f"SIPHONWATCH_{name.upper()}" for name in Config.model_fields} | {"SIPHONWATCH_DECISION_URL"}
    for name in ("proxy", "worker", "sidecar"):
        assert {each for each in services[name]["environment"] if each.startswith("SIPHONWATCH_")} <= known
    config = yaml.safe_load((EXAMPLES / "litellm" / "config.yaml").read_text())
    recipe = yaml.safe_load((ROOT / "deploy" / "gateways" / "litellm" / "config.yaml").read_text())
    assert config["litellm_settings"] == recipe["litellm_settings"]
    assert all(port.startswith("127.0.0.1:") for service in services.values() for port in service.get("ports", ()))
    docker = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False) if shutil.which("docker") else None
    compose = ["docker", "compose"] if docker and docker.returncode == 0 else ["docker-compose"]
    assert shutil.which(compose[0]), "no docker compose: run `make services`"
    keys = {**os.environ, "OPENAI_API_KEY": "a", "LITELLM_MASTER_KEY": "b"}
    shown = yaml.safe_load(run([*compose, "-f", str(file), "config"], tmp_path, keys))
    assert set(shown["services"]) == set(services)
