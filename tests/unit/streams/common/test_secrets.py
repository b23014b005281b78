"""Secrets are used and never shown: not by a configuration, nor by an error, a log line, a traceback or a command."""

from __future__ import annotations

import io
import subprocess
import sys
import traceback
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from siphonwatch.streams.common import config
from siphonwatch.streams.common.config import Config
from siphonwatch.streams.common.errors import SiphonwatchError, UsageError
from siphonwatch.streams.common.hashkey import HashKey
from siphonwatch.streams.common.secret import quoted, shown
from siphonwatch.streams.sidecar.decisions import Policy
from siphonwatch.streams.sidecar.tls import Credentials
from siphonwatch.streams.sinks import open_sink
from siphonwatch.streams.sinks.webhook import WebhookSink
from siphonwatch.streams.sources import open_source
from siphonwatch.streams.sources.base import SourceOptions
from siphonwatch.streams.stores import StoreOptions, open_store
from siphonwatch.streams.stores.redis.connection import open_client

MARKED = [
    name for name, field in Config.model_fields.items() if isinstance(field.annotation, type) and issubclass(field.annotation, SecretStr)
]
URLS = {  # where people put a password, as they write it: not encoded
    "store": [
        "redis://:{}@127.0.0.1:1/0",
        "redis://name:{}@127.0.0.1:1/0",
        "rediss://:{}@h:x/0",
        "redis+cluster://:{}@127.0.0.1:1",
        "other://:{}@h",
    ],
    "source": ["kafka://h:9/t?sasl_plain_password={}", "kafka://me:{}@h:9/t", "other://me:{}@h:9/t", "kafka://h:9?sasl_plain_password={}"],
    "sinks": ["splunk+https://:{}@h:x", "elasticsearch+https://me:{}@h", "slack+https:///{}", "other://:{}@h/x", "syslog://me:{}@/"],
    "webhook_url": ["http://me:{}@h:x/{}", "ftp://h/{}", "https://:{}@"],
}
# a password begins and ends with what would be found anywhere, and holds what ends a password to somebody
SECRETS = st.text(st.sampled_from("/@%#?&:,;=[]'\"\\ äZ7"), max_size=12).map(lambda middle: f"aq9{middle}zx8{middle}wk5")
PIECES = ("aq9", "zx8", "wk5")


def all_that_is_said(step) -> str:
    """Everything that ``step`` writes, and its traceback where it fails."""
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            print(repr(step()))
        except Exception:
            traceback.print_exc()
    return out.getvalue()


def clean(said: str) -> None:
    assert not [piece for piece in PIECES if piece in said], said


def test_every_setting_that_may_hold_a_secret_is_marked() -> None:
    wanted = {"store", "source", "sinks", "webhook_url", "webhook_secret", "decision_token", "desk_tokens"}
    assert set(MARKED) >= wanted | {"privacy_account_key", "privacy_hash_key"}
    words = ("token", "secret", "password", "account_key", "hash_key")
    names = {name for name in Config.model_fields if any(word in name for word in words)} - {"decision_degrade_tokens"}
    assert names <= set(MARKED)


@settings(deadline=None, max_examples=30)
@given(SECRETS)
def test_a_configuration_shows_none(secret: str) -> None:
    plain = {name: secret for name in MARKED if name not in URLS}
    for at in range(5):
        made = config.load(None, **plain, **{name: forms[at % len(forms)].replace("{}", secret) for name, forms in URLS.items()})
        for said in (
            repr(made),
            str(made),
            repr(made.model_dump()),
            made.model_dump_json(),
            f"{made.store} {made.source!r} {made.decision_token}",
        ):
            clean(said)
        assert made.decision_token.get_secret_value() == secret
        clean(all_that_is_said(lambda made=made: [Policy(account_key=secret), HashKey(secret), Credentials(secret.encode(), b"", None)]))
    clean(all_that_is_said(lambda: config.load(None, **plain, batch="many", decision_tokn=secret)))
    clean(all_that_is_said(lambda: config.load(None, decision_token=[secret])))
    clean(all_that_is_said(lambda: Config(decision_token={"x": secret}, store=[secret])))


@settings(deadline=None, max_examples=30)
@given(SECRETS)
def test_what_opens_an_address_tells_none(secret: str) -> None:
    for form in URLS["store"]:
        if "cluster" not in form:
            clean(all_that_is_said(lambda form=form: open_store(form.replace("{}", secret), StoreOptions("t"))))
    for form in URLS["source"]:
        clean(all_that_is_said(lambda form=form: open_source(form.replace("{}", secret), SourceOptions("g", 1, 1.0))))
    for form in URLS["sinks"]:
        clean(all_that_is_said(lambda form=form: open_sink(form.replace("{}", secret)).close()))
    for form in URLS["webhook_url"]:
        clean(all_that_is_said(lambda form=form: WebhookSink(form.replace("{}", secret), secret, bytes, lambda: None).close()))
    for url in [form.replace("{}", secret) for forms in URLS.values() for form in forms]:
        clean(shown(url))


@settings(deadline=None)
@given(SECRETS)
def test_redis_is_given_the_password_as_people_write_it(secret: str) -> None:
    client = open_client(f"redis://:{secret}@127.0.0.1:6379/3")
    given_to = client.connection_pool.connection_kwargs
    assert (given_to["host"], given_to["port"], given_to["db"]) == ("127.0.0.1", 6379, 3)
    from urllib.parse import unquote

    assert given_to["password"] == unquote(secret)


@pytest.mark.parametrize(
    ("url", "as_shown"),
    [
        ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/0"), ("redis://:pa/ss@h:1/0", "redis://***"), ("redis://:pass@h:1/0", "redis://***@h:1/0"),
        ("redis://:pa/ss", "redis://***"),
        ("redis://:1234", "redis://***"), ("memory://", "memory://"), ("unix:///run/redis.sock", "unix:///run/redis.sock"),
        ("kafka://a:1,b:2/t?sasl_plain_password=x", "kafka://a:1,b:2/t?***"), ("https://hooks.example.com/T0/B1/c2", "https://hooks.example.com/***"),
        ("splunk+https://:to,ken", "splunk+https://***"), ("ken@host", "***"), ("", ""), ("file:///a/b", "file:///a/b"),
    ],
)  # fmt: skip
def test_a_url_is_shown_without_what_may_be_a_password(url: str, as_shown: str) -> None:
    assert shown(url) == as_shown
    assert quoted("redis://127.0.0.1:6379/0") == "redis://127.0.0.1:6379/0"


@pytest.mark.slow
def test_commands_tell_none(tmp_path: Path) -> None:
    secret = "aq9/@%#?zx8'wk5"
    environment = {f"SIPHONWATCH_{name.upper()}": secret for name in MARKED if name not in URLS} | {
        "SIPHONWATCH_STORE": f"redis://:{secret}@127.0.0.1:1/0", "SIPHONWATCH_SOURCE": f"kafka://h:9?sasl_plain_password={secret}",
        "SIPHONWATCH_WEBHOOK_URL": f"https://h/{secret}", "PATH": "/usr/bin:/bin",
    }  # fmt: skip
    for words in (["settings"], ["settings", "--markdown"], ["top"], ["run"], ["sidecar", "--host", "0.0.0.0", "--fail", "sideways"],
                  ["rulings", "list"], ["run", "--batch", "0"], ["account", "a"], ["--help"], ["run", "--help"]):  # fmt: skip
        command = [sys.executable, "-m", "siphonwatch.streams", *words]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, cwd=tmp_path, check=False)
        clean(done.stdout + done.stderr)
        assert "Traceback" not in done.stderr, words


def test_an_error_of_the_configuration_has_nothing_behind_it() -> None:
    with pytest.raises(UsageError) as wrong:
        config.load(None, decision_token=["aq9"])
    assert wrong.value.__cause__ is None
    assert issubclass(UsageError, SiphonwatchError)
