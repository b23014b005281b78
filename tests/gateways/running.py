"""Gateways with the configurations that this repository ships: what a reader would change is changed, and nothing else."""

from __future__ import annotations

import json
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.gateways.conftest import ROOT, TOKEN, RunningSidecar, ask
from tests.services.process import Program, free_port, listens, wait_until
from tests.services.upstream import Upstream

RECIPES = ROOT / "deploy" / "gateways"
ACCOUNTS = ("good", "odd", "slow", "bad")  # whose keys are known


@dataclass
class Gateway:
    """One that runs; ``http2`` is where it speaks HTTP/2 without TLS."""

    port: int
    http2: int
    log: Path
    program: Program

    def records(self) -> list[bytes]:
        """What it has logged."""
        return self.log.read_bytes().splitlines()


def recipe(path: str, folder: Path, ports: dict[int, int], changes: dict[str, str]) -> Path:
    """A recipe as it stands in the repository, with this test's ports, token and keys."""
    text = (RECIPES / path).read_text(encoding="utf-8").replace("SIPHONWATCH_TOKEN", TOKEN)
    for old, new in ports.items():
        text = re.sub(rf"\b{old}\b", str(new), text)
    for before, after in changes.items():
        assert before in text, before
        text = text.replace(before, after)
    file = folder / Path(path).name
    file.write_text(text, encoding="utf-8")
    return file


@contextmanager
def _started(command: list[str], folder: Path, gateway: tuple[int, int, Path]) -> Iterator[Gateway]:
    port, http2, log = gateway
    program = Program(command, folder / "gateway.log")
    try:
        wait_until(lambda: (listens(port) and listens(http2)) or not program.running, 30, "the gateway to listen")
        assert program.running, program.tail()
        yield Gateway(port, http2, log, program)
    finally:
        program.stop()


@contextmanager
def envoy(name: str, sidecar: RunningSidecar, model: Upstream, folder: Path) -> Iterator[Gateway]:
    """Envoy; ``name`` is http or grpc. One port speaks both versions of HTTP."""
    port, log = free_port(), folder / "access.jsonl"
    keys = "".join(f"\n                        - {{key: key-of-{account}, client: {account}}}" for account in ACCOUNTS)
    ports = {10000: port, 8000: model.port, 9107: sidecar.port, 9106: sidecar.grpc_port}
    changes = {"0.05s": "2s", "/var/log/envoy/siphonwatch.jsonl": str(log),
               '\n                        - {key: "sk-EXAMPLE", client: acct_1}': keys}  # fmt: skip
    config = recipe(f"envoy/{name}.yaml", folder, ports, changes)
    binary = shutil.which("envoy") or str(ROOT / ".venv" / "bin" / "envoy")
    command = [binary, "-c", str(config), "--use-dynamic-base-id", "--log-level", "error", "--concurrency", "1",
               "--file-flush-interval-msec", "100"]  # fmt: skip
    with _started(command, folder, (port, port, log)) as gateway:
        yield gateway


@contextmanager
def nginx(sidecar: RunningSidecar, model: Upstream, folder: Path) -> Iterator[Gateway]:
    """nginx, with a second port for HTTP/2."""
    binary = shutil.which("nginx") or "/usr/sbin/nginx"
    assert Path(binary).exists(), "no nginx: run `make services`"
    port, http2, log, keys = free_port(), free_port(), folder / "access.jsonl", folder / "keys.map"
    keys.write_text("".join(f'"Bearer key-of-{account}" {account};\n' for account in ACCOUNTS))
    changes = {"/var/log/nginx/siphonwatch.jsonl": str(log), "50ms": "2s", "/etc/nginx/siphonwatch-keys.map": str(keys),
               f"listen 127.0.0.1:{port};": f"listen 127.0.0.1:{port}; listen 127.0.0.1:{http2} http2;"}  # fmt: skip
    config = recipe("nginx/nginx.conf", folder, {10000: port, 8000: model.port, 9107: sidecar.port}, changes)
    paths = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = config.read_text().replace("http {", "http { " + paths, 1)
    config.write_text(f"daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/error.log;\n{text}")
    with _started([binary, "-c", str(config), "-e", str(folder / "error.log")], folder, (port, http2, log)) as gateway:
        yield gateway


@contextmanager
def caddy(sidecar: RunningSidecar, model: Upstream, folder: Path) -> Iterator[Gateway]:
    """Caddy, which speaks HTTP/2 without TLS on the same port where it is told to."""
    binary = shutil.which("caddy")
    assert binary, "no caddy: run `make services`"
    port, log, keys = free_port(), folder / "access.jsonl", folder / "keys"
    keys.write_text("".join(f'"Bearer key-of-{account}" {account}\n' for account in ACCOUNTS))
    changes = {"50ms": "2s", "100ms": "2s", "/etc/caddy/siphonwatch-keys": str(keys), "/var/log/caddy/siphonwatch.jsonl": str(log),
               "admin off": "admin off\n\tservers {\n\t\tprotocols h1 h2 h2c\n\t}"}  # fmt: skip
    config = recipe("caddy/Caddyfile", folder, {10000: port, 8000: model.port, 9107: sidecar.port}, changes)
    with _started([binary, "run", "--config", str(config), "--adapter", "caddyfile"], folder, (port, port, log)) as gateway:
        yield gateway


@contextmanager
def traefik(sidecar: RunningSidecar, model: Upstream, folder: Path) -> Iterator[Gateway]:
    """Traefik, which speaks both versions on one port, and a key service beside it."""
    binary = Path(shutil.which("traefik") or ROOT / ".cache" / "traefik" / "traefik")
    assert binary.exists(), "no traefik: run `make services`"
    port, log = free_port(), folder / "access.jsonl"
    with _key_service() as keys:
        ports = {8000: model.port, 8001: keys, 9107: sidecar.port}
        dynamic = recipe("traefik/dynamic.yaml", folder, ports, {})
        static = recipe("traefik/traefik.yaml", folder, {10000: port}, {
            "/etc/traefik/dynamic.yaml": str(dynamic), "/var/log/traefik/siphonwatch.jsonl": str(log),
        })  # fmt: skip
        with _started([str(binary), f"--configFile={static}"], folder, (port, port, log)) as gateway:
            wait_until(lambda: ask(port, "/v1/models").status != 404, 30, "Traefik to read its routes")
            yield gateway


class _Keys(BaseHTTPRequestHandler):
    """A provider's key service: 200 and the account, or 401."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        account = (self.headers.get("authorization") or "").removeprefix("Bearer key-of-")
        self.send_response(200 if account in ACCOUNTS else 401)
        if account in ACCOUNTS:
            self.send_header("x-account-id", account)
        self.send_header("content-length", "0")
        self.end_headers()


@contextmanager
def _key_service() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Keys)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)


def logged(gateway: Gateway) -> list[dict]:
    """The log as JSON."""
    return [json.loads(line) for line in gateway.records()]
