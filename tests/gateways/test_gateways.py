"""Real gateways in front of a small upstream: what the sidecar decides is really done, and what happens when it is away is chosen."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.gateways.conftest import ROOT, TOKEN, RunningSidecar, ask, holds, verdict
from tests.services.process import Program, free_port, listens, wait_until
from tests.services.upstream import Upstream

RECIPES = ROOT / "deploy" / "gateways"


def recipe(path: str, folder: Path, ports: dict[int, int], changes: dict[str, str] | None = None) -> Path:
    """A recipe as it stands in the repository, with this test's ports and token: what a reader would change."""
    text = (RECIPES / path).read_text(encoding="utf-8").replace("SIPHONWATCH_TOKEN", TOKEN)
    for old, new in ports.items():
        text = re.sub(rf"\b{old}\b", str(new), text)
    for before, after in (changes or {}).items():
        assert before in text, before
        text = text.replace(before, after)
    file = folder / Path(path).name
    file.write_text(text, encoding="utf-8")
    return file


def started(command: list[str], folder: Path, port: int) -> Program:
    program = Program(command, folder / "gateway.log")
    wait_until(lambda: listens(port) or not program.running, 30, "the gateway to listen")
    assert program.running, program.tail()
    return program


def envoy(config: Path, folder: Path, port: int) -> Program:
    binary = shutil.which("envoy") or str(ROOT / ".venv" / "bin" / "envoy")
    return started([binary, "-c", str(config), "--use-dynamic-base-id", "--log-level", "error", "--concurrency", "1"], folder, port)


def test_envoy_over_http(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    port = free_port()
    config = recipe("envoy/http.yaml", tmp_path, {10000: port, 8000: model.port, 9107: sidecar.port}, {"0.05s": "2s"})
    gateway = envoy(config, tmp_path, port)
    try:
        holds(port, sidecar, model, open_when_down=True)
    finally:
        gateway.stop()


def test_envoy_over_grpc_by_ext_authz_and_by_its_rate_limit_service(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    port = free_port()
    config = recipe("envoy/grpc.yaml", tmp_path, {10000: port, 8000: model.port, 9106: sidecar.grpc_port}, {"0.05s": "2s"})
    gateway = envoy(config, tmp_path, port)
    try:
        holds(port, sidecar, model, open_when_down=False)
        sidecar.judge({"bad": verdict("bad", "block", 4.0)})
        wait_until(lambda: ask(port, "/limited", {"x-account-id": "good"}).status == 200, 10, "Envoy to find the sidecar again")
        assert ask(port, "/limited", {"x-account-id": "bad"}).status == 429
    finally:
        gateway.stop()


def test_nginx(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(binary).exists(), "no nginx: run `make services`"
    port, log = free_port(), tmp_path / "access.jsonl"
    config = recipe("nginx/nginx.conf", tmp_path, {10000: port, 8000: model.port, 9107: sidecar.port},
                    {"/var/log/nginx/siphonwatch.jsonl": str(log), "50ms": "2s"})  # fmt: skip
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = config.read_text().replace("http {", "http { " + paths, 1)
    config.write_text(f"daemon off; master_process off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n{text}")
    gateway = started([binary, "-c", str(config), "-e", str(tmp_path / "error.log")], tmp_path, port)
    try:
        holds(port, sidecar, model, open_when_down=True)
    finally:
        gateway.stop()
    from siphonwatch.streams.formats import decoder

    lines = log.read_bytes().splitlines()
    found = decoder("auto").decode(lines)
    assert not found.dead
    assert {request.account_id for request in found.requests} == {"good", "odd", "slow", "bad"}
    assert {request.status for request in found.requests} == {200, 429, 403}
    assert found.requests[0].model == "m"
    assert found.requests[0].messages[0].content == "what is it?"


def test_caddy(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    binary = shutil.which("caddy")
    assert binary, "no caddy: run `make services`"
    port = free_port()
    config = recipe("caddy/Caddyfile", tmp_path, {10000: port, 8000: model.port, 9107: sidecar.port}, {"50ms": "2s", "100ms": "2s"})
    gateway = started([binary, "run", "--config", str(config), "--adapter", "caddyfile"], tmp_path, port)
    try:
        holds(port, sidecar, model, open_when_down=False)
    finally:
        gateway.stop()


@pytest.mark.parametrize("path", ["traefik/dynamic.yaml", "apisix/route.yaml"])
def test_the_recipes_that_no_gateway_here_runs_are_at_least_yaml_and_ask_the_right_page(path: str) -> None:
    import yaml

    text = (RECIPES / path).read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert "http://127.0.0.1:9107/v1/forward-auth" in text
    assert "X-Account-Id" in text
