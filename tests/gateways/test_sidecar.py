"""The sidecar against a network that means no good, and at the speed it promises."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sidecar.guard import HEAD_LIMIT

from tests.gateways.conftest import TOKEN, RunningSidecar, ask, verdict
from tests.services.checks import paced
from tests.services.process import wait_until
from tests.services.redis import RedisServer

SHOWN = {"x-siphonwatch-token": TOKEN}
PAGES = [
    "/v1/decision?account=a",
    "/v1/forward-auth",
    "/v1/auth-request",
    "/v1/ext-authz/v1/chat",
    "/v1/accounts",
    "/v1/findings",
    "/nothing",
]


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("headers", [{}, {"x-siphonwatch-token": "wrong"}, {"authorization": "Bearer wrong"}, {"authorization": "Basic x"},
                                     {"x-siphonwatch-token": TOKEN + "x"}, {"x-siphonwatch-token": ""}])  # fmt: skip
def test_nobody_is_answered_without_the_token(sidecar: RunningSidecar, path: str, headers: dict[str, str]) -> None:
    reply = ask(sidecar.port, path, headers)
    assert reply.status == 401
    assert TOKEN.encode() not in reply.body


def test_health_needs_no_token_and_the_bearer_form_works(sidecar: RunningSidecar) -> None:
    assert ask(sidecar.port, "/healthz").status == 200
    ready = json.loads(ask(sidecar.port, "/readyz").body)
    assert ready["ready"] is True
    reply = ask(sidecar.port, "/v1/decision?account=bad", {"authorization": f"Bearer {TOKEN}"})
    told = json.loads(reply.body)
    assert (reply.status, told["action"], told["status"], told["level"]) == (200, "block", 403, "block")
    assert ask(sidecar.port, "/v1/decision", SHOWN).status == 400


def test_a_change_is_known_within_a_second(sidecar: RunningSidecar) -> None:
    sidecar.judge({"late": verdict("late", "block", 4.0)})
    wait_until(lambda: ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "late"}).status == 403, 1.5, "the block")
    sidecar.judge({"late": None})
    wait_until(lambda: ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "late"}).status == 200, 1.5, "the block to go")


def test_injected_headers_stay_text(sidecar: RunningSidecar) -> None:
    reply = ask(sidecar.port, "/v1/decision?account=a%0d%0aset-cookie:%20x=1", SHOWN)
    assert "set-cookie" not in reply.headers
    assert json.loads(reply.body)["account"] == "a\r\nset-cookie: x=1"
    raw = b"GET /v1/forward-auth HTTP/1.1\r\nhost: x\r\nx-siphonwatch-token: " + TOKEN.encode() + b"\r\nx-account-id: bad\r\n x: y\r\n\r\n"
    assert spoken(sidecar.port, raw).split(b"\r\n")[0].split(b" ")[1] in (b"400", b"403"), "a folded line is no way around the account"


def spoken(port: int, raw: bytes, seconds: float = 10) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        connection.sendall(raw)
        heard = b""
        while part := connection.recv(65536):
            heard += part
            if b"\r\n\r\n" in heard and b"connection: close" not in heard:
                break
        return heard


def test_too_much_is_refused(sidecar: RunningSidecar) -> None:
    assert ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "content-length": str(10 << 20)}, "POST").status == 413
    wide = b"GET /v1/forward-auth HTTP/1.1\r\nhost: x\r\n" + b"x-filler: " + b"a" * (HEAD_LIMIT * 2)
    assert b" 431 " in spoken(sidecar.port, wide).split(b"\r\n")[0]


def test_a_slow_client_is_let_go_and_holds_nobody_up(sidecar: RunningSidecar) -> None:
    slow = [socket.create_connection(("127.0.0.1", sidecar.port), timeout=300) for _ in range(50)]
    try:
        for connection in slow:
            connection.sendall(b"GET /v1/forward-auth HTTP/1.1\r\nhost: ")
        assert ask(sidecar.port, "/v1/forward-auth", SHOWN).status == 200
        slow[0].sendall(b"x")  # one byte now and then buys no time
        heard = slow[0].recv(100)
        assert heard.startswith(b"HTTP/1.1 408")
    finally:
        for connection in slow:
            connection.close()


def test_garbage_is_a_bad_request_and_the_next_one_is_answered(sidecar: RunningSidecar) -> None:
    for raw in (
        b"\x00\x01\x02\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ):
        try:
            heard = spoken(sidecar.port, raw, 10)
        except ConnectionError:
            continue
        assert not heard or b" 400 " in heard.split(b"\r\n")[0]
    assert ask(sidecar.port, "/healthz").status == 200


def test_a_person_finds_accounts_and_findings(sidecar: RunningSidecar) -> None:
    from siphonwatch.streams.stores.base import Judging

    sidecar.store.judged(sidecar.store.lead().epoch, Judging(b"", [], [], {}, [("bad", b'{"kind":"account","account_id":"bad"}')], 1.0))
    assert json.loads(ask(sidecar.port, "/v1/findings?subject=bad&count=5", SHOWN).body) == [{"kind": "account", "account_id": "bad"}]
    assert ask(sidecar.port, "/v1/findings?count=0", SHOWN).status == 404
    missing = ask(sidecar.port, "/v1/accounts/nobody", SHOWN)
    assert missing.status == 404
    assert "no account nobody" in json.loads(missing.body)["error"]


def test_metrics_count_decisions_and_no_account(sidecar: RunningSidecar) -> None:
    for account in ("good", "bad", "bad"):
        ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": account})
    text = ask(sidecar.http_port, "/metrics").body.decode()
    assert 'siphonwatch_decisions_total{decision="block",why="blocked"}' in text
    assert "siphonwatch_knowledge_age_seconds" in text
    assert "bad" not in text.replace("bad_", "")


def test_stale_knowledge_shuts_the_door_where_it_should(redis_server: RedisServer, tmp_path: Path) -> None:
    own = RedisServer(tmp_path / "redis")
    if own.external:
        pytest.skip("SIPHONWATCH_TEST_REDIS is not ours to stop")
    shut = RunningSidecar(own, tmp_path, ("--fail", "closed"), {"SIPHONWATCH_DECISION_STALE_SECONDS": "1"})
    try:
        assert ask(shut.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "good"}).status == 200
        own.stop()
        wait_until(lambda: ask(shut.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "good"}).status == 503, 10, "the door to shut")
        assert ask(shut.port, "/readyz").status == 503
        own.start()
        wait_until(lambda: ask(shut.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "good"}).status == 200, 15, "the door to open")
    finally:
        shut.stop()
        if own.program.running:
            own.stop()


def test_a_dry_run_only_counts(redis_server: RedisServer, tmp_path: Path) -> None:
    dry = RunningSidecar(redis_server, tmp_path, ("--dry-run",))
    try:
        assert ask(dry.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "bad"}).status == 200
        assert 'decision="block",why="blocked"} 1.0' in ask(dry.http_port, "/metrics").body.decode()
    finally:
        dry.stop()


def certificates(folder: Path) -> dict[str, Path]:
    """An authority, a server's certificate and a client's, made by openssl."""
    run = lambda *words: subprocess.run(["openssl", *words], check=True, capture_output=True, cwd=folder)  # noqa: E731
    run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=tests")
    (folder / "names.cnf").write_text("subjectAltName=IP:127.0.0.1\n")
    for name in ("server", "client"):
        run("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        run("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", f"{name}.pem",
            "-days", "2", "-extfile", "names.cnf")  # fmt: skip
    return {path.name: path for path in folder.iterdir()}


def test_mutual_tls_lets_in_who_has_a_certificate(redis_server: RedisServer, tmp_path: Path) -> None:
    files = certificates(tmp_path)
    settings = {"SIPHONWATCH_DECISION_TLS_CERT": "server.pem", "SIPHONWATCH_DECISION_TLS_KEY": "server.key",
                "SIPHONWATCH_DECISION_TLS_CLIENT_CA": "ca.pem"}  # fmt: skip
    secure = RunningSidecar(redis_server, tmp_path, (), {**{name: str(files[file]) for name, file in settings.items()},
                                                         "SIPHONWATCH_DECISION_TOKEN": ""})  # fmt: skip
    try:

        def get(context: ssl.SSLContext) -> bytes:
            with (
                socket.create_connection(("127.0.0.1", secure.port), timeout=5) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped,
            ):
                wrapped.sendall(b"GET /v1/decision?account=bad HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
                if not (answer := wrapped.recv(4096)):
                    raise ConnectionError("closed without an answer")
                return answer

        known = ssl.create_default_context(cafile=str(files["ca.pem"]))
        known.load_cert_chain(files["client.pem"], files["client.key"])
        assert b"200 OK" in get(known)
        stranger = ssl.create_default_context(cafile=str(files["ca.pem"]))
        with pytest.raises((ssl.SSLError, ConnectionError)):
            get(stranger)
    finally:
        secure.stop()


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        ({"decision_host": "0.0.0.0"}, "set decision_token, or decision_tls_client_ca"),
        ({"decision_tls_cert": "x.pem"}, "needs both decision_tls_cert and decision_tls_key"),
        ({"decision_tls_cert": "x.pem", "decision_tls_key": "y.pem"}, "x.pem does not exist"),
    ],
)
def test_an_open_or_half_configured_sidecar_does_not_start(given: dict[str, str], hint: str) -> None:
    from siphonwatch.streams.common import config
    from siphonwatch.streams.sidecar.serve import checked

    with pytest.raises(UsageError, match=hint):
        checked(config.load(None, **given))


def test_six_thousand_checks_on_eight_connections_are_all_answered(sidecar: RunningSidecar) -> None:
    """How fast, `make bench` says: no test depends on the clock."""
    assert len(asyncio.run(paced(sidecar.port, TOKEN, rate=2000, count=6000))) == 6000


def test_grpc_asks_for_the_token_too(sidecar: RunningSidecar) -> None:
    import grpc
    from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc

    with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}") as channel:
        stub = external_auth_pb2_grpc.AuthorizationStub(channel)
        request = external_auth_pb2.CheckRequest()
        request.attributes.request.http.headers["x-account-id"] = "bad"
        for metadata in ((), (("x-siphonwatch-token", "wrong"),)):
            with pytest.raises(grpc.RpcError) as refused:
                stub.Check(request, metadata=metadata, timeout=5)
            assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        answer = stub.Check(request, metadata=(("x-siphonwatch-token", TOKEN),), timeout=5)
        assert answer.status.code == 7
        assert answer.denied_response.status.code == 403


def test_more_checks_than_configured_are_turned_away(redis_server: RedisServer, tmp_path: Path) -> None:
    paced_down = RunningSidecar(redis_server, tmp_path, (), {"SIPHONWATCH_DECISION_RATE_LIMIT": "0.01"})
    try:
        replies = [ask(paced_down.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "good"}) for _ in range(30)]
        turned_away = [reply for reply in replies if reply.status == 503]
        assert len(turned_away) >= 28
        assert turned_away[0].headers["retry-after"] == "1"
        assert ask(paced_down.port, "/healthz").status == 200
    finally:
        paced_down.stop()
