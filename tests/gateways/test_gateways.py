"""Real gateways in front of a small upstream: what the sidecar decides is really done, and what happens when it is away is chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
import yaml
from siphonwatch.streams.formats import decoder

from tests.gateways import running
from tests.gateways.conftest import RunningSidecar, ask, holds, verdict
from tests.gateways.hostile import Hostile
from tests.gateways.running import ACCOUNTS, RECIPES, Gateway
from tests.services.process import wait_until
from tests.services.upstream import Upstream

Start = Callable[[RunningSidecar, Upstream, Path], AbstractContextManager[Gateway]]
GATEWAYS: dict[str, tuple[Start, bool]] = {  # how it is started, and whether it lets requests through while the sidecar is away
    "envoy over HTTP": (partial(running.envoy, "http"), True),
    "envoy over gRPC": (partial(running.envoy, "grpc"), False),
    "nginx": (running.nginx, True),
    "caddy": (running.caddy, False),
    "traefik": (running.traefik, False),
}


@pytest.fixture(params=GATEWAYS, scope="module")
def gateway(
    request: pytest.FixtureRequest, sidecar: RunningSidecar, model: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Gateway]]:
    start, _ = GATEWAYS[request.param]
    with start(sidecar, model, tmp_path_factory.mktemp("gateway")) as made:
        yield request.param, made


def test_nothing_that_a_client_says_of_itself_is_believed(gateway: tuple[str, Gateway], sidecar: RunningSidecar, model: Upstream) -> None:
    name, made = gateway
    hostile = Hostile(model, made.port, made.http2)
    hostile.everything()
    wanted = Counter({account: hostile.answered[account] for account in ("good", "slow", "bad")})
    assert min(wanted.values()) > 10
    wait_until(lambda: Counter(_accounts(name, made)) >= wanted, 10, "the log to hold all of it")
    found = Counter(_accounts(name, made))
    assert {account for account in found if account} <= set(ACCOUNTS), "a log that names whom a client named"
    assert all(found[account] <= hostile.sent[account] for account in wanted), "requests put on another's bill"
    ids = _ids(name, made)
    assert "claimed" not in ids
    assert len(set(ids)) == len(ids)


def test_decisions_are_done(gateway: tuple[str, Gateway], sidecar: RunningSidecar, model: Upstream) -> None:
    name, made = gateway
    holds(made.port, sidecar, model, open_when_down=GATEWAYS[name][1])
    key = {"authorization": "Bearer key-of-good"}
    wait_until(lambda: ask(made.port, "/v1/models", key).status == 200, 10, "the gateway to find the sidecar again")


FIELDS = {  # gateway -> where its log holds account and request, as its page says
    "envoy": ("account_id", "x-request-id"), "nginx": ("account_id", "request_id"),
    "caddy": ("user_id", "resp_headers.X-Request-Id.0"), "traefik": ("request_X-Account-Id", ""),
}  # fmt: skip


def _told(name: str, made: Gateway, which: int) -> list[str]:
    path = FIELDS[name.split(maxsplit=1)[0]][which]
    found = []
    for record in running.logged(made) if path else ():
        value: object = record
        for key in path.split("."):
            value = value[int(key)] if isinstance(value, list) else value.get(key) if isinstance(value, dict) else None  # type: ignore[assignment]
        found.append(str(value or "").replace("-", "", 1) if value == "-" else str(value or ""))
    return found


def _accounts(name: str, made: Gateway) -> list[str]:
    return _told(name, made, 0)


def _ids(name: str, made: Gateway) -> list[str]:
    return [each for each in _told(name, made, 1) if each]


def test_envoys_rate_limit_service(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    with running.envoy("grpc", sidecar, model, tmp_path) as made:
        key = {"authorization": "Bearer key-of-good"}
        wait_until(lambda: ask(made.port, "/limited", key).status == 200, 10, "Envoy to find the sidecar")
        sidecar.judge({"bad": verdict("bad", "block", 4.0)})
        assert ask(made.port, "/limited", {"authorization": "Bearer key-of-bad", "x-account-id": "good"}).status == 429
        assert ask(made.port, "/limited", {"x-account-id": "good"}).status == 401


def test_nginx_logs_what_is_recognised(sidecar: RunningSidecar, model: Upstream, tmp_path: Path) -> None:
    with running.nginx(sidecar, model, tmp_path) as made:
        for account in ACCOUNTS:
            headers = {"authorization": f"Bearer key-of-{account}", "content-type": "application/json"}
            ask(
                made.port,
                "/v1/chat/completions",
                headers,
                "POST",
                b'{"model": "m", "messages": [{"role": "user", "content": "what is it?"}]}',
            )
        ask(made.port, "/v1/chat/completions", headers, "POST", b"{}")
    found = decoder("auto").decode(made.records())
    assert not found.dead
    assert {request.account_id for request in found.requests} == set(ACCOUNTS)
    assert {request.status for request in found.requests} >= {200, 403}
    assert found.requests[0].model == "m"
    assert found.requests[0].messages[0].content == "what is it?"


@pytest.mark.parametrize("path", ["apisix/route.yaml"])
def test_the_recipes_that_no_gateway_here_runs_are_at_least_yaml_and_ask_the_right_page(path: str) -> None:
    text = (RECIPES / path).read_text(encoding="utf-8")
    assert yaml.safe_load(text)
    assert "http://127.0.0.1:9107/v1/forward-auth" in text
    assert "X-Account-Id" in text
