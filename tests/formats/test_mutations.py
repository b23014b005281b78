"""Golden records, mutated: other types, missing, wrapped, cut. No exception, no silent loss, and what is readable is read."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.columns import batch
from siphonwatch.streams.formats import FORMATS, decoder, native
from siphonwatch.streams.formats.base import DEAD_REASONS, Decoded
from siphonwatch.streams.formats.lenient import Reading

from tests.formats.test_formats import records

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=6), st.just([]), st.just({}),
    st.lists(st.integers(), max_size=3), st.just({"a": {"b": [1, "x", None]}}), st.just([[["deep"]]]), st.just("\ud800"),
    st.just("x" * 5000),
    st.just('{"a": 1}'), st.just("[1, 2]"), st.just([None]), st.just([{"role": 3, "content": {"text": 4}}]),
)  # fmt: skip
GOLDEN = [(name, line) for name in FORMATS for line in records(name) if line[:1] in b"{["]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a record."""
    found = [path] if path else []
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        found += places(each, (*path, key))
    return found


def changed(value: Any, path: tuple[Any, ...], how: str, odd: Any) -> Any:
    """A record with one place changed."""
    made = copy.deepcopy(value)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    last = path[-1]
    if how == "other":
        holder[last] = odd
    elif how == "gone":
        del holder[last]
    elif how == "nested":
        holder[last] = [holder[last]]
    elif how == "string":
        holder[last] = json.dumps(holder[last])
    elif isinstance(holder, dict):
        holder["another field"] = odd
    return made


def holds_promises(found: Decoded, count: int) -> None:
    """What is true of whatever was decoded."""
    assert {dead.reason for dead in found.dead} <= set(DEAD_REASONS) - {"decoder_failed"}, found.dead
    assert len(batch(found.requests, found.times)) == len(found.requests)
    assert not any(dead.count < 1 or len(dead.detail) > 400 for dead in found.dead)
    told = {*found.positions, *(dead.position for dead in found.dead)}
    assert len(told) + found.skipped >= count, "a record vanished"


@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(GOLDEN), st.data(), st.sampled_from(["other", "gone", "nested", "string", "extra"]), ODD)
def test_a_mutated_record_is_read_refused_or_skipped_and_never_raises(
    golden: tuple[str, bytes], data: st.DataObject, how: str, odd: Any
) -> None:
    name, line = golden
    value = json.loads(line)
    mutated = json.dumps(changed(value, data.draw(st.sampled_from(places(value))), how, odd)).encode()
    for chosen in (name, "auto"):
        holds_promises(decoder(chosen).decode([mutated]), 1)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(GOLDEN), st.integers(0, 400)), min_size=1, max_size=5))
def test_cut_and_joined_records_never_raise(given_: list[tuple[tuple[str, bytes], int]]) -> None:
    lines = [line[: len(line) - cut % max(len(line), 1)] for (_, line), cut in given_]
    holds_promises(decoder("auto").decode(lines), 0)


NATIVE = {
    "request_id": "r", "timestamp": 1.79e9, "account_id": "acct", "model": "m", "messages": [{"role": "user",
    "content": "a question of mine"}],
    "parameters": {"temperature": 0.5, "max_tokens": 64, "n": 2, "seed": 1, "top_p": 0.9}, "usage": {"prompt_tokens": 10,
    "completion_tokens": 20},
    "status": 200, "finish_reason": "stop", "latency_ms": 12.5, "source_ip": "192.0.2.1", "end_user_id": "e", "organization_id": "o",
    "session_id": "s", "user_agent": "a", "rate_limit_rpm": 5,
}  # fmt: skip
OPTIONAL = sorted(set(NATIVE) - {"request_id", "timestamp", "account_id", "model"})
UNFIT = st.sampled_from([True, [], {"a": 1}, [[1]], {"text": {"text": []}}, [{"x": None}]])


def as_record(format: str, fields: dict[str, Any]) -> bytes:
    """The same request, in the format under test."""
    body = {"model": fields["model"], "messages": fields["messages"], **fields["parameters"]}
    made: dict[str, dict[str, Any]] = {
        "native": fields,
        "nginx": {"msec": "1790000000", "request_id": "r", "remote_addr": "192.0.2.1", "account_id": "acct", "status": "200",
        "request_body": json.dumps(body)},
        "kong": {"started_at": 1_790_000_000_000, "client_ip": "192.0.2.1", "request": {"id": "r"}, "latencies": {},
        "consumer": {"custom_id": "acct"},
                 "ai": {"proxy": {"meta": {"request_model": "m"}, "payload": {"request": body}, "usage": fields["usage"]}}},
        "litellm": {"id": "r", "call_type": "acompletion", "startTime": 1.79e9, "model": "m", "metadata": {"user_api_key_hash": "acct"},
                    "messages": fields["messages"], "model_parameters": fields["parameters"]},
        "databricks": {"databricks_request_id": "r", "request_time": "2026-09-21T14:13:20Z", "requester": "acct",
        "request": json.dumps(body)},
        "bedrock": {"schemaType": "ModelInvocationLog", "timestamp": "2026-09-21T14:13:20Z", "requestId": "r", "modelId": "m",
                    "identity": {"arn": "acct"}, "input": {"inputBodyJson": body}},
    }  # fmt: skip
    return json.dumps(made[format]).encode()


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(OPTIONAL), UNFIT)
def test_an_odd_optional_field_costs_itself_and_is_counted(name: str, odd: Any) -> None:
    whole = decoder("native").decode([json.dumps(NATIVE).encode()]).requests[0]
    found = decoder("native").decode([json.dumps({**NATIVE, name: odd}).encode()])
    (one,) = found.requests
    kept = [field for field in NATIVE if field != name and field not in ("messages", "parameters", "usage")]
    assert [getattr(one, field) for field in kept] == [getattr(whole, field) for field in kept]
    if name != "messages":
        assert one.messages == whole.messages
    if name not in ("messages", "parameters", "usage"):
        assert found.unread == {("native", name, "wrong type"): 1}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["native", "nginx", "kong", "litellm", "databricks", "bedrock"]),
    st.sampled_from(["temperature", "max_tokens", "n", "seed", "top_p"]),
    UNFIT,
)
def test_an_odd_parameter_costs_itself_in_every_format(format: str, name: str, odd: Any) -> None:
    fields = {**NATIVE, "parameters": {**NATIVE["parameters"], name: odd}}
    found = decoder("auto").decode([as_record(format, fields)])
    (one,) = found.requests
    assert one.account_id == "acct"
    assert one.messages[0].content == "a question of mine"
    assert getattr(one.parameters, name) is None
    others = [other for other in ("temperature", "max_tokens", "n", "seed", "top_p") if other != name]
    assert [getattr(one.parameters, other) for other in others] == [NATIVE["parameters"][other] for other in others]
    assert found.unread == {(format, name, "wrong type"): 1}


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "user", "parts": [{"text": "why is it so?"}]},
        {"role": "user", "text": "why is it so?"},
        {"role": "user", "content": [{"content": "why is it so?"}]},
        {"role": "user", "content": [{"type": "text", "value": "why is it so?"}]},
        {"role": "user", "content": [{"type": "text", "text": None, "parts": ["why is it so?"]}]},
        {"role": "user", "content": [{"type": "of_another_time", "says": {"parts": ["why is it so?"]}}]},
    ],
)
def test_a_native_turn_in_another_dialect_is_read_beside_turns_in_the_formats_own(turn: dict[str, Any]) -> None:
    own = {"role": "user", "content": "why is it so?"}
    alike = [json.dumps({**NATIVE, "messages": [{"role": "system", "content": "be brief"}, each]}).encode() for each in (own, turn)]
    found = decoder("native").decode(alike)
    assert not found.unread
    one, other = batch(found.requests, found.times).text.prompt
    assert one == other


def test_a_native_record_within_a_text_is_read_whatever_its_turns_say() -> None:
    record = json.dumps(json.dumps({**NATIVE, "messages": [{"role": "user", "says": 7}]}))
    found = native.read(record.encode(), Reading("native"))
    assert [each.account_id for each in found] == ["acct"]


def test_a_native_turn_that_nobody_can_read_is_counted() -> None:
    found = decoder("native").decode([json.dumps({**NATIVE, "messages": [{"role": "user", "says": 7}]}).encode()])
    assert len(found.requests) == 1
    assert found.unread == {("native", "messages", "wrong type"): 1}


@pytest.mark.parametrize("format", ["native", "nginx", "kong", "litellm", "databricks", "bedrock"])
@pytest.mark.parametrize("extra", ["system", "instructions", "input", "prompt", "text", "contents", "inferenceConfig", "metadata", "user"])
@pytest.mark.parametrize("odd", [0, True, [], {"a": 1}, [[1, 2]], "x", None])
def test_no_field_that_a_client_adds_hides_the_question(format: str, extra: str, odd: Any) -> None:
    fields = {**NATIVE, "parameters": {**NATIVE["parameters"], extra: odd}}
    found = decoder("auto").decode([as_record(format, fields)])
    (one,) = found.requests
    texts = [turn.content for turn in one.messages if turn.role == "user"]
    assert "a question of mine" in texts


def test_numbers_as_strings_are_numbers() -> None:
    fields = {
        **NATIVE,
        "usage": {"prompt_tokens": "10", "completion_tokens": "20.0"},
        "status": "429",
        "parameters": {"temperature": "0.5", "max_tokens": 64.0},
    }
    (one,) = decoder("native").decode([json.dumps(fields).encode()]).requests
    assert (one.usage.prompt_tokens, one.usage.completion_tokens, one.status) == (10, 20, 429)
    assert (one.parameters.temperature, one.parameters.max_tokens) == (0.5, 64)


def test_a_decoder_that_fails_makes_a_dead_letter_that_names_the_fault() -> None:
    from siphonwatch.streams.formats.base import RecordDecoder
    from siphonwatch.streams.formats.lenient import Reading

    def broken(_: bytes, __: Reading) -> Any:
        return [{}["absent"]]

    found = RecordDecoder(broken, Reading("broken")).decode([b"{}", b"{}"])
    assert [(dead.reason, "KeyError" in dead.detail) for dead in found.dead] == [("decoder_failed", True)] * 2


def test_losses_are_named_by_our_fields_never_by_the_clients() -> None:
    lines = [json.dumps({**NATIVE, f"field {at}": [at], "parameters": {f"p{at}": at, "seed": [at]}}).encode() for at in range(300)]
    assert decoder("native").decode(lines).unread == {("native", "seed", "wrong type"): 300}
