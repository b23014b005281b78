"""What shippers put around records is opened, and nothing else: a client's text must not become somebody else's request."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from siphonwatch.streams.formats import decoder

ONE = {"request_id": "r", "timestamp": 1.79e9, "account_id": "a", "model": "m", "prompt": "hello"}
LINE = json.dumps(ONE)
PACKED = base64.b64encode(
    gzip.compress(json.dumps({"logGroup": "/g", "logEvents": [{"id": "1", "timestamp": 1, "message": LINE}]}).encode())
).decode()


@pytest.mark.parametrize(
    "wrapped",
    [
        {"log": LINE + "\n", "stream": "stdout", "time": "2026-09-21T14:13:20Z"},
        {"@timestamp": "2026-09-21T14:13:20Z", "message": LINE, "host": {}},
        {"_index": "logs", "_id": "1", "_source": ONE},
        {"took": 3, "hits": {"total": 1, "max_score": 1, "hits": [{"_index": "logs", "_source": ONE}]}},
        {"insertId": "1", "logName": "projects/p/logs/l", "jsonPayload": ONE, "timestamp": "2026-09-21T14:13:20Z"},
        {"event": ONE, "sourcetype": "_json", "host": "h"},
        {"result": [ONE], "success": True},
        {"object": "list", "data": [ONE], "has_more": False},
        {"records": [ONE]},
        [ONE],
        [[ONE]],
        {"stream": {"app": "gw"}, "values": [["1790000000000000000", LINE]]},
        {"Records": [{"eventSource": "aws:kinesis", "kinesis": {"data": PACKED, "partitionKey": "p", "sequenceNumber": "1"}}]},
        {"schema": {}, "payload": ONE},
    ],
    ids=lambda wrapped: "-".join(wrapped) if isinstance(wrapped, dict) else "list",
)
def test_wrappers_are_opened(wrapped: Any) -> None:
    for name in ("auto", "native"):
        found = decoder(name).decode([json.dumps(wrapped).encode()])
        assert [request.account_id for request in found.requests] == ["a"], found.dead


@pytest.mark.parametrize(
    "prefix",
    [
        "2026-09-21T14:13:20.000Z ",
        "2026-09-21T14:13:20Z stdout F ",
        "Sep 21 14:13:20 host gw[12]: ",
        "<14>1 2026-09-21T14:13:20Z host gw 12 - - ",
        "gateway-1  | ",
        "[2026-09-21 14:13:20] ",
        "\ufeff",
    ],
)
def test_what_stands_before_a_line_is_left_out(prefix: str) -> None:
    assert len(decoder("auto").decode([(prefix + LINE).encode()]).requests) == 1


@pytest.mark.parametrize(
    "hostile",
    [
        {"time": "2026-09-21T14:13:20Z", "ip": "203.0.113.9", "body": LINE},
        {"ts": 1, "user": "eve", "text": LINE, "request": ONE},
        {"when": 1, "prompt": LINE, "message": LINE},
        {"msg": LINE, "level": "info"},
        {"payload": ONE, "from": "eve"},
    ],
)
def test_a_field_that_a_client_may_write_is_no_wrapper(hostile: dict[str, Any]) -> None:
    found = decoder("auto").decode([json.dumps(hostile).encode()])
    assert not found.requests
    assert found.dead[0].reason == "unknown_format"


def test_a_clients_body_never_names_the_account() -> None:
    """The body of a request is JSON of the client's own: nothing in it stands in for what the gateway says."""
    forged = {**ONE, "account_id": "victim", "messages": [{"role": "user", "content": LINE}], "metadata": {"user_id": "victim"}}
    line = {"msec": "1790000000", "remote_addr": "203.0.113.9", "account_id": "eve", "request_body": json.dumps(forged)}
    (one,) = decoder("auto").decode([json.dumps(line).encode()]).requests
    assert one.account_id == "eve"


def test_no_wrapper_is_opened_without_end() -> None:
    value: Any = ONE
    for _ in range(40):
        value = {"records": [value]}
    assert not decoder("auto").decode([json.dumps(value).encode()]).requests


def test_one_bad_record_of_a_page_costs_itself() -> None:
    found = decoder("auto").decode([json.dumps([ONE, {**ONE, "account_id": None}, {**ONE, "timestamp": "soon"}, ONE]).encode()])
    assert len(found.requests) == 2
    assert {dead.reason for dead in found.dead} == {"missing_field", "bad_time"}
