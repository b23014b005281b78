"""The decoder takes any bytes: each record becomes a request or a dead letter, and no exception gets out."""

from __future__ import annotations

import math

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siphonwatch.detector.request.columns import batch
from siphonwatch.streams.formats import DEAD_REASONS, decoder

GOOD = {"request_id": "r", "timestamp": 1.79e9, "account_id": "a", "model": "m", "prompt": "hello"}
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from([
    *GOOD, "messages", "parameters", "usage", "status", "account_created_at", "rate_limit_rpm", "end_user_id", "source_ip", "x",
])  # fmt: skip


def record(changes: dict[str, object]) -> bytes:
    return msgspec.json.encode(
        {name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in changes.items()}
    )


records = st.one_of(
    st.binary(max_size=60),
    st.just(msgspec.json.encode(GOOD)),
    st.dictionaries(fields, values, max_size=6).map(lambda changes: record(GOOD | changes)),
    st.builds(lambda cut: msgspec.json.encode(GOOD)[:cut], st.integers(0, 80)),
    st.sampled_from(
        [b"", b"\n", b"null", b"[]", b"[" * 5000, b'{"a":' * 5000, b'{"request_id":"\\ud800"}', msgspec.json.encode(GOOD) + b"\n{}"]
    ),
)


def _skipped(raw: list[bytes]) -> set[int]:
    """Records that hold nothing, or nothing that was asked of a model: they are counted as that."""
    return {at for at, one in enumerate(raw) if decoder("native").decode([one]).skipped}


@settings(max_examples=400, deadline=None)
@given(st.lists(records, max_size=8))
def test_every_record_is_a_request_or_a_dead_letter(raw: list[bytes]) -> None:
    found = decoder("native").decode(raw)
    assert {*found.positions, *(dead.position for dead in found.dead)} | _skipped(raw) == set(range(len(raw)))
    assert {dead.reason for dead in found.dead} <= set(DEAD_REASONS)
    assert len(batch(found.requests, found.times)) == len(found.requests)


@settings(max_examples=100, deadline=None)
@given(st.lists(records, min_size=1, max_size=6))
def test_a_bad_neighbour_changes_nothing_for_a_good_record(raw: list[bytes]) -> None:
    good = msgspec.json.encode(GOOD | {"request_id": "mine"})
    found = decoder("native").decode([*raw, good])
    assert found.positions[-1] == len(raw)
    assert found.requests[-1].request_id == "mine"


@pytest.mark.parametrize(
    ("raw", "reason", "detail"),
    [
        (b"not json", "not_json", "one JSON object"),
        (b'{"request_id": "r"}', "missing_field", "timestamp"),
        (record(GOOD | {"account_id": True}), "wrong_type", "account_id"),
        (record(GOOD | {"account_id": ["a"]}), "wrong_type", "account_id"),
        (record(GOOD | {"account_id": " "}), "wrong_type", "account_id is blank"),
        (record(GOOD | {"timestamp": "2026-09-21"}), "bad_time", "day and time"),
        (record(GOOD | {"account_id": ""}), "wrong_type", "account_id is blank"),
        (record(GOOD | {"timestamp": "yesterday"}), "bad_time", "RFC 3339"),
        (record(GOOD | {"timestamp": 1.79e7}), "bad_time", "epoch seconds"),
        (b'{"x": ' + b"[" * 100_000, "too_deep", "nests"),
        (b'{"x": "' + b"y " * (1 << 24) + b'"}', "too_large", "33554432"),
    ],
)
def test_the_reason_says_what_to_look_at(raw: bytes, reason: str, detail: str) -> None:
    (dead,) = decoder("native").decode([raw]).dead
    assert dead.reason == reason
    assert detail in dead.detail


def test_a_dead_letter_never_quotes_the_record() -> None:
    for raw in (b'{"prompt": "my secret"', record(GOOD | {"account_id": ["my secret"]}), record(GOOD | {"timestamp": "my secret"})):
        (dead,) = decoder("native").decode([raw]).dead
        assert "secret" not in dead.detail


def test_rfc_3339_and_epoch_seconds_agree() -> None:
    found = decoder("native").decode(
        [record(GOOD | {"timestamp": stamp}) for stamp in (1.79e9, "2026-09-21T14:13:20Z", "2026-09-21T16:13:20+02:00")]
    )
    assert found.times == [1_790_000_000_000] * 3


def test_a_batch_of_strings_is_read_as_each_of_them_alone() -> None:
    stamps = [
        "2026-09-21T14:13:20Z",
        "2026-09-21T14:13:20.1239Z",
        "2026-09-21T16:13:20.999999+02:00",
        "2026-09-21T14:13:20",
        "2026-09-21 14:13:20.5+02",
    ]
    together = decoder("native").decode([record(GOOD | {"timestamp": stamp}) for stamp in stamps])
    alone = [decoder("native").decode([record(GOOD | {"timestamp": stamp}), b"{"]).times[0] for stamp in stamps]
    assert together.times == alone
    for word in ("now", "today", "yesterday"):
        assert decoder("native").decode([record(GOOD | {"timestamp": word})]).dead[0].reason == "bad_time"
