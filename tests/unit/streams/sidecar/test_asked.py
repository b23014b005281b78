"""Whatever is asked is decided, or refused with 4xx: never an error of the sidecar's own."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.scoring.model import Prior
from siphonwatch.detector.settings import DEFAULT
from siphonwatch.streams.common import prior
from siphonwatch.streams.sidecar.asked import NAME_LIMIT, Malformed, by_entries, by_fields, by_headers, by_query, whole
from siphonwatch.streams.sidecar.decisions import Decider, Policy
from siphonwatch.streams.sidecar.guard import Pace, Tokens
from siphonwatch.streams.sidecar.http import SidecarApp
from siphonwatch.streams.sidecar.knowledge import Knowledge
from siphonwatch.streams.sidecar.metrics import SidecarMetrics
from siphonwatch.streams.sidecar.pages import Pages
from siphonwatch.streams.stores.memory import MemoryStore
from siphonwatch.streams.stores.whole import write

from tests.gateways.conftest import verdict

Headers = list[tuple[bytes, bytes]]
SHIPPED: Prior = prior.load(None)


def application(account_header: str = "x-account-id", token: str = "") -> SidecarApp:
    store, metrics = MemoryStore(), SidecarMetrics()
    levels = {"slow": verdict("slow", "throttle", 1.0), "bad": verdict("bad", "block", 4.0)}
    write(store, b"", [], levels, height=1.0)
    knowledge = Knowledge(store, 1.0)
    knowledge.attempt()
    pages = Pages(store, SHIPPED, DEFAULT, "").app()
    return SidecarApp(Decider(knowledge, Policy(stale_seconds=1e9)), Tokens(token), Pace(1e9), metrics, account_header, pages)


def ask(app: SidecarApp, path: str, query: bytes = b"", headers: Headers | None = None) -> tuple[int, bytes]:
    scope = {"type": "http", "method": "GET", "path": path,
             "raw_path": path.encode("utf-8", "replace"), "query_string": query, "root_path": "",
             "headers": headers or [], "http_version": "1.1", "scheme": "http", "server": ("x", 1), "client": ("x", 2)}  # fmt: skip
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


PATHS = ["/v1/decision", "/v1/forward-auth", "/v1/auth-request", "/v1/ext-authz/x", "/v1/accounts", "/v1/accounts/", "/v1/campaigns",
         "/v1/campaigns/x", "/v1/findings", "/readyz"]  # fmt: skip
NAMES = st.sampled_from([b"x-account-id", b"x-model", b"authorization", b"content-length", b"x-siphonwatch-token", b"x_account_id"])
TELLING = [b"bad", b"slow", b"Bearer k", b"Bearer  k", b"\xff", "²".encode(), b"1" * 5000, b"a" * 600]
VALUES = st.binary(max_size=60) | st.sampled_from(TELLING)
PARAMETERS = st.sampled_from([b"account", b"model", b"count", b"subject", b"x"])
ODD = ["²".encode(), quote("²").encode(), b"-1", b"1e3", b"\xd9\xa3", quote("٣").encode(), b"9" * 5000, b"%ff", b"%", b"%00", b"%ed%a0%80"]
GIVEN = st.binary(max_size=20).map(lambda value: quote(value).encode()) | st.sampled_from(ODD)
PAIRS = st.lists(st.tuples(PARAMETERS, GIVEN)).map(lambda pairs: b"&".join(name + b"=" + value for name, value in pairs))
QUERIES = st.binary(max_size=60) | PAIRS
APPS = {header: application(header) for header in ("x-account-id", "authorization")}


@settings(deadline=None)
@given(
    st.sampled_from(sorted(APPS)), st.sampled_from(PATHS) | st.text(max_size=30).map(lambda text: f"/v1/accounts/{text}"), QUERIES,
    st.lists(st.tuples(NAMES, VALUES), max_size=5),
)  # fmt: skip
def test_any_bytes_are_decided_or_refused(header: str, path: str, query: bytes, headers: Headers) -> None:
    status, _ = ask(APPS[header], path, query, headers)
    assert status == 200 or 400 <= status < 500


@pytest.mark.parametrize("path", ["/v1/forward-auth", "/v1/auth-request", "/v1/ext-authz/x"])
def test_the_account_twice_is_refused(path: str) -> None:
    app = application()
    for first, second in ((b"good", b"bad"), (b"bad", b"good"), (b"bad", b"bad"), (b"", b"bad")):
        status, body = ask(app, path, b"", [(b"x-account-id", first), (b"x-account-id", second)])
        assert status == 400
        assert json.loads(body)["error"] == "send the header x-account-id once"
    assert ask(app, path, b"", [(b"x-account-id", b"bad"), (b"x-model", b"a"), (b"x-model", b"b")])[0] == 400
    assert ask(app, "/v1/decision", b"account=bad&account=good")[0] == 400


def test_the_token_twice_is_no_token() -> None:
    app = application(token="secret")
    shown = (b"x-siphonwatch-token", b"secret")
    assert ask(app, "/v1/decision", b"account=bad", [shown])[0] == 200
    for headers in ([shown, shown], [(b"x-siphonwatch-token", b""), shown], [(b"authorization", b"Bearer secret")] * 2):
        assert ask(app, "/v1/decision", b"account=bad", headers)[0] == 401


@pytest.mark.parametrize("count", ["²", "٣", "1.0", "+1", "-1", "0", "1001", "", "1_0", " 1", "9" * 400])
def test_a_count_is_a_number_in_ascii_digits(count: str) -> None:
    app = APPS["x-account-id"]
    for path in ("/v1/accounts", "/v1/findings"):
        status, body = ask(app, path, b"count=" + quote(count).encode())
        assert status == 400, count
        assert "count is a number from 1 to 1000" in json.loads(body)["error"]
    with pytest.raises(Malformed):
        whole(count, "count", 1, 1000)


def test_a_bearer_key_has_one_spelling() -> None:
    one = by_headers([(b"authorization", b"Bearer key")], "authorization")
    assert (
        by_headers([(b"authorization", b"bearer key")], "authorization")
        == one
        == by_fields({"authorization": "Bearer key"}, "authorization")
    )
    assert len(one.account) == 64
    for odd in (b"Bearer  key", b"Bearer\tkey", b"Bearer key ", b"Bearer key, Bearer other", b"key", b"Basic a2V5", b"Bearer"):
        with pytest.raises(Malformed):
            by_headers([(b"authorization", odd)], "authorization")


def test_names_are_text_of_bounded_length_and_descriptors_name_one_account() -> None:
    for odd in (
        b"account=%ff",
        b"account=" + b"a" * (NAME_LIMIT + 1),
        b"&".join(b"%d=1" % number for number in range(99)),
        b"model=x",
        b"",
    ):
        with pytest.raises(Malformed):
            by_query(odd)
    assert by_query(b"account=a%20b&model=%C3%BC&more=1").model == "ü"
    assert by_entries([("account", "a"), ("model", "m"), ("account", "a")], ("account",)).account == "a"
    for entries in ([("account", "a"), ("account_id", "b")], [("account", "a"), ("model", "m"), ("model", "n")]):
        with pytest.raises(Malformed):
            by_entries(entries, ("account", "account_id"))
