"""The sidecar against a network that means no good, and at the speed it promises."""

from __future__ import annotations

import asyncio
import http.client
import json
import resource
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from envoy.service.auth.v3 import external_auth_pb2, external_auth_pb2_grpc
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.sidecar.guard import HEAD_LIMIT

from tests.gateways.conftest import TOKEN, RunningSidecar, ask, verdict
from tests.services.checks import paced
from tests.services.process import free_port, wait_until
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
    from siphonwatch.streams.stores import whole

    whole.write(sidecar.store, b"", findings=[("bad", b'{"kind":"account","account_id":"bad"}')])
    assert json.loads(ask(sidecar.port, "/v1/findings?subject=bad&count=5", SHOWN).body) == [{"kind": "account", "account_id": "bad"}]
    assert ask(sidecar.port, "/v1/findings?count=0", SHOWN).status == 400
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


def grpc_check(port: int, account: str, credentials: grpc.ChannelCredentials | None, token: str = "") -> str:
    """What ext_authz over gRPC answers: allow, deny, or the name of the error."""
    address = f"127.0.0.1:{port}"
    request = external_auth_pb2.CheckRequest()
    request.attributes.request.http.headers["x-account-id"] = account
    metadata = (("x-siphonwatch-token", token),) if token else ()
    with grpc.secure_channel(address, credentials) if credentials else grpc.insecure_channel(address) as channel:
        try:
            answer = external_auth_pb2_grpc.AuthorizationStub(channel).Check(request, metadata=metadata, timeout=5)
        except grpc.RpcError as error:
            return str(error.code().name)
    return "allow" if answer.status.code == 0 else "deny"


@pytest.mark.parametrize("token", ["", TOKEN], ids=["no token", "token"])
@pytest.mark.parametrize("authority", [False, True], ids=["no authority", "authority"])
def test_with_a_certificate_nothing_is_answered_in_plain_text(
    redis_server: RedisServer, tmp_path: Path, token: str, authority: bool
) -> None:
    files = certificates(tmp_path)
    given = {"SIPHONWATCH_DECISION_TLS_CERT": "server.pem", "SIPHONWATCH_DECISION_TLS_KEY": "server.key"}
    given |= {"SIPHONWATCH_DECISION_TLS_CLIENT_CA": "ca.pem"} if authority else {}
    secure = RunningSidecar(redis_server, tmp_path, (), {**{name: str(files[file]) for name, file in given.items()},
                                                         "SIPHONWATCH_DECISION_TOKEN": token})  # fmt: skip
    try:
        root, key, mine = (files[name].read_bytes() for name in ("ca.pem", "client.key", "client.pem"))
        stranger, known = grpc.ssl_channel_credentials(root), grpc.ssl_channel_credentials(root, key, mine)
        assert grpc_check(secure.grpc_port, "bad", None, token) == "UNAVAILABLE", "plain text"
        assert grpc_check(secure.grpc_port, "bad", known, token) == "deny"
        assert grpc_check(secure.grpc_port, "good", known, token) == "allow"
        assert grpc_check(secure.grpc_port, "bad", stranger, token) == ("UNAVAILABLE" if authority else "deny")
        if token:
            assert grpc_check(secure.grpc_port, "bad", known, "wrong") == "UNAUTHENTICATED"
        with pytest.raises((OSError, http.client.HTTPException)):
            ask(secure.port, "/v1/decision?account=bad", SHOWN)
        context = ssl.create_default_context(cafile=str(files["ca.pem"]))
        if authority:
            context.load_cert_chain(files["client.pem"], files["client.key"])
        connection = http.client.HTTPSConnection("127.0.0.1", secure.port, timeout=10, context=context)
        connection.request("GET", "/v1/decision?account=bad", headers=SHOWN if token else {})
        assert json.loads(connection.getresponse().read())["action"] == "block"
        connection.close()
    finally:
        secure.stop()


def test_certificates_that_cannot_be_used_do_not_start(tmp_path: Path) -> None:
    from siphonwatch.streams.common import config
    from siphonwatch.streams.sidecar.tls import checked

    files = certificates(tmp_path)
    (tmp_path / "odd.pem").write_text("no certificate")
    command = ["openssl", "rsa", "-aes256", "-passout", "pass:x", "-in", str(files["server.key"]), "-out", str(tmp_path / "locked.key")]
    subprocess.run(command, check=True, capture_output=True)
    for cert, key, authority, hint in (
        ("odd.pem", "server.key", None, "a certificate in PEM and its own key"),
        ("server.pem", "client.key", None, "a certificate in PEM and its own key"),
        ("server.pem", "locked.key", None, "without a passphrase"),
        ("server.pem", "server.key", "odd.pem", "decision_tls_client_ca must hold certificates in PEM"),
    ):
        given = {"decision_tls_cert": tmp_path / cert, "decision_tls_key": tmp_path / key, "decision_token": TOKEN}
        with pytest.raises(UsageError, match=hint):
            checked(config.load(None, **given, **({"decision_tls_client_ca": tmp_path / authority} if authority else {})))
    with pytest.raises(UsageError, match="decision_grpc_port is the port of another page"):
        checked(config.load(None, decision_port=9107, decision_grpc_port=9107))


def test_a_grpc_port_that_is_taken_is_one_clear_line(redis_server: RedisServer) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        command = [sys.executable, "-m", "siphonwatch.streams", "sidecar", "--store", redis_server.url, "--port", str(free_port()),
                   "--http-port", "0", "--grpc-port", str(taken.getsockname()[1])]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2, done.stderr
    assert "cannot be listened on" in done.stderr
    assert "Traceback" not in done.stderr


def test_thousands_of_idle_connections_cost_the_others_nothing(sidecar: RunningSidecar) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192) if hard != resource.RLIM_INFINITY else 8192, hard))
    steady = http.client.HTTPConnection("127.0.0.1", sidecar.port, timeout=30)
    idle: list[socket.socket] = []
    try:
        steady.request("GET", "/v1/forward-auth", headers={**SHOWN, "x-account-id": "good"})
        assert steady.getresponse().read() == b""
        for number in range(5000):
            each = socket.create_connection(("127.0.0.1", sidecar.port), timeout=30)
            if number % 3 == 0:  # one that has been answered, and stays
                each.sendall(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n")
            idle.append(each)
            if number % 500 == 0:
                assert ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "bad"}).status == 403
        assert ask(sidecar.port, "/v1/forward-auth", {**SHOWN, "x-account-id": "good"}).status == 200
        steady.request("GET", "/v1/forward-auth", headers={**SHOWN, "x-account-id": "bad"})
        assert steady.getresponse().status == 403, "a gateway's connection outlives those of strangers"
        with grpc.insecure_channel(f"127.0.0.1:{sidecar.grpc_port}"):
            assert grpc_check(sidecar.grpc_port, "bad", None, TOKEN) == "deny"
        text = ask(sidecar.http_port, "/metrics").body.decode()
        crowded = next(line for line in text.splitlines() if line.startswith('siphonwatch_sidecar_requests_refused_total{why="crowded"}'))
        assert float(crowded.split()[-1]) > 3000
    finally:
        for each in idle:
            each.close()
        steady.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_any_bytes_on_the_wire_get_a_decision_or_a_refusal(sidecar: RunningSidecar, data: st.DataObject) -> None:
    target = data.draw(
        st.binary(max_size=40) | st.sampled_from([b"/v1/forward-auth", b"/v1/decision?account=a", b"/v1/findings?count=\xc2\xb2"])
    )
    names = st.sampled_from(
        [b"x-account-id", b"X-ACCOUNT-ID", b"x-model", b"content-length", b"transfer-encoding", b"upgrade", b"connection"]
    )
    fields = data.draw(st.lists(st.tuples(names, st.binary(max_size=20)), max_size=4))
    head = b"GET " + target + b" HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-siphonwatch-token: " + TOKEN.encode() + b"\r\n"
    raw = head + b"".join(name + b": " + value + b"\r\n" for name, value in fields) + b"\r\n"
    with socket.create_connection(("127.0.0.1", sidecar.port), timeout=20) as connection:
        connection.sendall(raw)
        connection.shutdown(socket.SHUT_WR)
        try:
            heard = connection.recv(65536)
        except ConnectionError:
            return
    assert not heard or heard.startswith((b"HTTP/1.1 2", b"HTTP/1.1 4")), (raw, heard)


@pytest.mark.parametrize(
    ("settings_given", "hint"),
    [
        ({"decision_host": "0.0.0.0"}, "set decision_token, or decision_tls_client_ca"),
        ({"decision_tls_cert": "x.pem"}, "needs both decision_tls_cert and decision_tls_key"),
        ({"decision_tls_cert": "x.pem", "decision_tls_key": "y.pem"}, "x.pem does not exist"),
    ],
)
def test_an_open_or_half_configured_sidecar_does_not_start(settings_given: dict[str, str], hint: str) -> None:
    from siphonwatch.streams.common import config
    from siphonwatch.streams.sidecar.tls import checked

    with pytest.raises(UsageError, match=hint):
        checked(config.load(None, **settings_given))


def test_six_thousand_checks_on_eight_connections_are_all_answered(sidecar: RunningSidecar) -> None:
    """How fast, `make bench` says: no test depends on the clock."""
    assert len(asyncio.run(paced(sidecar.port, TOKEN, rate=2000, count=6000))) == 6000


def test_grpc_asks_for_the_token_too(sidecar: RunningSidecar) -> None:
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
