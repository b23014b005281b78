"""Each gateway's records, as its documentation prints them with other values, become the requests of the golden files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.demo.traffic import encode
from siphonwatch.streams.formats import FORMATS, decoder
from siphonwatch.streams.formats.privacy import pseudonym

HERE = Path(__file__).parent
NAMES = [name for name in FORMATS if name != "native"]


def records(name: str) -> list[bytes]:
    return (HERE / "records" / f"{name}.jsonl").read_bytes().splitlines()


def decoded(name: str, lines: list[bytes]) -> str:
    """What a decoder made of lines, one JSON object a line: requests by place, refusals, and how many were skipped."""
    found = decoder(name).decode(lines)
    rows: list[Any] = [{"record": at, **json.loads(encode(one))} for at, one in zip(found.positions, found.requests, strict=True)]
    rows += [{"record": dead.position, "refused": dead.reason, "detail": dead.detail} for dead in found.dead]
    rows += [{"unread": f"{name}: {field}, {reason}", "times": count} for (name, field, reason), count in sorted(found.unread.items())]
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in [*rows, {"skipped": dict(found.skips)}])


@pytest.mark.parametrize("name", NAMES)
def test_records_become_the_golden_requests(name: str) -> None:
    golden = (HERE / "golden" / f"{name}.jsonl").read_text(encoding="utf-8")
    assert decoded(name, records(name)) == golden, "read the difference; if it is right, write the golden file anew"


@pytest.mark.parametrize("name", NAMES)
def test_records_are_recognised_by_themselves(name: str) -> None:
    assert decoded("auto", records(name)) == decoded(name, records(name))


def test_a_topic_may_mix_formats() -> None:
    mixed = [line for name in NAMES for line in records(name)]
    found = decoder("auto").decode(mixed)
    alone = [decoder(name).decode(records(name)) for name in NAMES]
    assert len(found.requests) == sum(len(each.requests) for each in alone)
    assert {dead.reason for dead in found.dead} == {dead.reason for each in alone for dead in each.dead}


@pytest.mark.parametrize("name", NAMES)
def test_every_format_says_where_its_names_come_from_and_what_it_cannot_know(name: str) -> None:
    one = FORMATS[name]
    assert one.source.startswith("https://")
    assert "read 20" in one.source
    fields = {*msgspec.structs.asdict(decoder("auto").decode([b"{}"]).dead and _request()).keys()}
    assert one.cannot_know
    assert set(one.cannot_know) <= fields
    never = {field for line in decoded(name, records(name)).splitlines() for field in json.loads(line)} & set(one.cannot_know)
    assert not never, f"{name} says that it cannot know {never}, and does"


def _request() -> Any:
    return decoder("kong").decode(records("kong")).requests[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"a": ' + b"[" * 5000, b"\x0a\x03abc", b"[" * 100_000])
def test_damage_is_refused_alone(name: str, damage: bytes) -> None:
    good = next(line for line in records(name) if decoder(name).decode([line]).requests)
    for chosen in (name, "auto"):
        found = decoder(chosen).decode([damage, good])
        assert 1 in found.positions
        assert all(dead.position == 0 for dead in found.dead)


def test_a_truncated_record_of_each_format_never_raises() -> None:
    for name in NAMES:
        for line in records(name):
            for cut in range(0, len(line), 37):
                decoder("auto").decode([line[:cut], line[:cut] + b'"}'])


def test_redacted_text_is_no_text() -> None:
    line = records("litellm")[1]
    assert decoder("litellm").decode([line]).requests[0].messages is None


def test_otlp_protobuf_says_the_same_as_otlp_json() -> None:
    from google.protobuf.json_format import Parse
    from siphonwatch.streams.formats import otlp

    for line in records("otel"):
        if not line.startswith((b'{"resourceSpans"', b'{"resourceLogs"')) or b"null" in line:
            continue  # shapes that protobuf's own mapping does not know
        kind = otlp.Traces if b"resourceSpans" in line else otlp.Logs
        packed = Parse(_ids_in_base64(json.loads(line)), kind(), ignore_unknown_fields=True).SerializeToString()
        assert decoded("otel", [packed]) == decoded("otel", [line])
        assert decoded("auto", [packed]) == decoded("otel", [line])


def _ids_in_base64(value: Any) -> str:
    """OTLP's JSON writes ids in hexadecimal, protobuf's in base64."""
    import base64

    def walk(each: Any) -> Any:
        if isinstance(each, dict):
            return {
                key: base64.b64encode(bytes.fromhex(inner)).decode() if key in ("traceId", "spanId") else walk(inner)
                for key, inner in each.items()
            }
        return [walk(inner) for inner in each] if isinstance(each, list) else each

    return json.dumps(walk(value))


def test_pseudonyms_need_the_key_and_hide_the_account() -> None:
    line = records("kong")[0]
    plain, hidden, other = (decoder("kong", account_key=key).decode([line]).requests[0] for key in ("", "secret", "another"))
    assert plain.account_id == "acct_77"
    assert hidden.account_id == pseudonym("acct_77", "secret") != other.account_id
    assert "acct_77" not in encode(hidden).decode()


def test_a_mapping_file_reads_any_log(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(
        """
        timestamp_unit = "ms"
        [fields]
        request_id = "trace.'x.id'"
        timestamp = "at"
        account_id = ["who.account", "who.key"]
        body = "call.body"
        completion_tokens = "call.tokens.1"
        prompt_tokens = "call.tokens.0"
        status = "code"
        [constants]
        model = "large"
        [skip]
        path = ["/healthz"]
        """
    )
    line = {
        "trace": {"x.id": "r1"}, "at": 1_790_000_000_500, "who": {"key": "k1"}, "code": "200",
        "call": {"tokens": [10, "90"], "body": json.dumps({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 5})},
    }  # fmt: skip
    found = decoder("auto", file).decode([json.dumps(line).encode(), b'{"path": "/healthz"}', b'{"at": 1}'])
    one = found.requests[0]
    assert (one.request_id, one.account_id, one.timestamp, one.model) == ("r1", "k1", 1_790_000_000.5, "large")
    assert (one.usage.prompt_tokens, one.usage.completion_tokens, one.parameters.max_tokens) == (10, 90, 5)
    assert one.messages[0].content == "hello"
    assert found.skipped == 1
    assert [(dead.position, dead.reason) for dead in found.dead] == [(2, "missing_field")]


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[fields]\ntimestamp = 'a'", "does not map account_id"),
        ("[fields]\ntimestamp = 'a'\naccount_id = 'b'\ncolour = 'c'", "unknown fields colour; known are: request_id"),
        ("timestamp_unit = 'h'\n[fields]\ntimestamp = 'a'\naccount_id = 'b'", "timestamp_unit is one of s, ms, us, ns"),
        ("[fields", "is not TOML"),
    ],
)
def test_a_wrong_mapping_says_what_to_write(tmp_path: Path, text: str, hint: str) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    with pytest.raises(UsageError, match=hint):
        decoder("auto", file)
    with pytest.raises(UsageError, match="does not exist"):
        decoder("auto", tmp_path / "absent.toml")
