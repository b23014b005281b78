"""What stands in deploy/ is checked by the tools it is meant for, as far as that goes without a cluster or an engine."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from siphonwatch.streams.common import config
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import UsageError

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = Path(sys.executable).parent


def run(*command: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def manifests() -> list[dict[str, Any]]:
    return [each for path in sorted((DEPLOY / "kubernetes").glob("*.yaml")) for each in yaml.safe_load_all(path.read_text()) if each]


def test_the_dockerfile_passes_hadolint_and_its_container_is_nobody() -> None:
    run(str(TOOLS / "hadolint"), str(DEPLOY / "Dockerfile"))
    text = (DEPLOY / "Dockerfile").read_text()
    assert "USER 65534:65534" in text
    assert text.count("FROM ") == 2


@pytest.mark.parametrize("version", ["1.31", "1.34"])
def test_the_manifests_meet_kubernetes_own_schemas(version: str) -> None:
    import kubernetes_validate

    found = manifests()
    assert {each["kind"] for each in found} == {"ServiceAccount", "ConfigMap", "Deployment", "PodDisruptionBudget", "NetworkPolicy"}
    for each in found:
        kubernetes_validate.validate(each, version, strict=True)
    workers = next(each for each in found if each["kind"] == "Deployment")
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**workers, "spec": {**workers["spec"], "replicaz": 3}}, version, strict=True)


def test_every_container_is_probed_bounded_and_may_do_nothing() -> None:
    for each in manifests():
        if each["kind"] != "Deployment":
            continue
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"]
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"] + pod.get("initContainers", []):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]},
            }  # fmt: skip
            assert container["resources"]["limits"]["memory"]
            assert container["resources"]["requests"]["cpu"]
            assert "readinessProbe" in container
            assert not any("TOKEN" in one.get("name", "") for one in container.get("env", [])), "secrets are files"


def test_the_sidecar_example_is_a_native_sidecar_that_its_own_staleness_does_not_stop() -> None:
    gateway = next(each for each in manifests() if each["metadata"]["name"] == "model-gateway" and each["kind"] == "Deployment")
    sidecar = gateway["spec"]["template"]["spec"]["initContainers"][0]
    assert sidecar["restartPolicy"] == "Always"
    assert sidecar["args"][0] == "sidecar"
    assert sidecar["readinessProbe"]["httpGet"]["path"] == "/healthz"


def test_compose_is_valid_whole_and_bound_to_loopback(tmp_path: Path) -> None:
    docker = subprocess.run(["docker", "compose", "version"], capture_output=True, check=False) if shutil.which("docker") else None
    compose = ["docker", "compose"] if docker and docker.returncode == 0 else ["docker-compose"]
    assert shutil.which(compose[0]), "no docker compose: run `make services`"
    copy = tmp_path / "repo"
    shutil.copytree(DEPLOY, copy / "deploy")
    (copy / "deploy" / "secrets" / "decision_token").write_text("for the check")
    file = copy / "deploy" / "compose.yaml"
    shown = yaml.safe_load(run(*compose, "-f", str(file), "--profile", "simulate", "config", cwd=copy))
    assert set(shown["services"]) == {"kafka", "redis", "topic", "worker", "sidecar", "prometheus", "alertmanager", "grafana", "simulator"}
    ports = [port for service in yaml.safe_load(file.read_text())["services"].values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)
    for name in ("worker", "sidecar"):
        assert shown["services"][name]["read_only"]
        assert shown["services"][name]["cap_drop"] == ["ALL"]
    for path in re.findall(r"\.\./(dashboards[\w/]*):", file.read_text()):
        assert (ROOT / path).is_dir(), path
    for path in re.findall(r"- \./([\w/.]+):", file.read_text()):
        assert (DEPLOY / path).exists(), path


def test_settings_named_in_deploy_exist() -> None:
    known = {f"SIPHONWATCH_{name.upper()}" for name in Config.model_fields} | {"SIPHONWATCH_SECRETS_DIR"}
    callbacks = {"SIPHONWATCH_DECISION_URL", "SIPHONWATCH_TOKEN"}
    for path in DEPLOY.rglob("*"):
        if path.is_file() and path.suffix in (".yaml", ".service", ".conf", "") and path.name != "Dockerfile":
            named = {name.upper() for name in re.findall(r"SIPHONWATCH_[A-Za-z_]+", path.read_text())}
            assert named <= known | callbacks, (path, named - known)


def test_prometheus_and_alertmanager_read_their_files() -> None:
    run("promtool", "check", "config", "--syntax-only", str(DEPLOY / "prometheus" / "prometheus.yaml"))
    run("amtool", "check-config", str(DEPLOY / "alertmanager" / "alertmanager.yaml"))


@pytest.mark.parametrize("unit", ["siphonwatch-worker@.service", "siphonwatch-sidecar.service", "siphonwatch-desk.service"])
def test_units_pass_systemds_own_check(unit: str, tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("no systemd-analyze on this machine")
    text = (DEPLOY / "systemd" / unit).read_text()
    (tmp_path / unit).write_text(text.replace("/opt/siphonwatch/bin/siphonwatch", sys.executable))
    run("systemd-analyze", "verify", "--man=no", str(tmp_path / unit.replace("@.", "@1.")) if "@" in unit else str(tmp_path / unit))
    assert "DynamicUser=yes" in text
    assert "CapabilityBoundingSet=\n" in text


def test_secrets_are_files_and_tables_of_a_toml_file_only_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "SIPHONWATCH_decision_token").write_text("from a file\n")
    (tmp_path / "settings.toml").write_text('throttle_rpm = 3\n[privacy]\naccount_key = "k"\n[decision]\nport = 9999\n')
    monkeypatch.setenv("SIPHONWATCH_SECRETS_DIR", str(tmp_path))
    made = config.load(tmp_path / "settings.toml")
    assert made.decision_token.get_secret_value() == "from a file"
    assert made.privacy_account_key.get_secret_value() == "k"
    assert (made.decision_port, made.throttle_rpm) == (9999, 3)
    assert "from a file" not in repr(made)
    monkeypatch.setenv("SIPHONWATCH_SECRETS_DIR", str(tmp_path / "absent"))
    with pytest.raises(UsageError, match="is no folder"):
        config.load(None)
