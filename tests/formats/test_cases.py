"""Logs that people have, after public bug reports and specifications, in shared/cases beside the clone: each gives what it should."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.judging.engine import Engine
from siphonwatch.detector.request.columns import RequestBatch, batch
from siphonwatch.detector.request.request import Request
from siphonwatch.streams.common import prior
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.formats.base import Decoded
from siphonwatch.streams.replay import outcome
from siphonwatch.streams.replay.check import Checked, check
from siphonwatch.streams.replay.run import replay
from siphonwatch.streams.sources import files
from siphonwatch.streams.sources.files import Troubles

CASES = Path(os.environ.get("SIPHONWATCH_CASES", Path(__file__).parents[3] / "shared" / "cases"))
pytestmark = pytest.mark.skipif(not (CASES / "README.md").is_file(), reason="the cases are absent: no shared/cases beside this clone")


def read(name: str, mapping: str | None = None, troubles: Troubles | None = None) -> Decoded:
    """All of a case's files as one."""
    whole = Decoded()
    reads = decoder("auto", CASES / mapping if mapping else None)
    troubles = [] if troubles is None else troubles
    for path in files.find([CASES / name], troubles):
        for chunk in files.read(path, troubles):
            found = reads.decode(chunk.records)
            whole.requests += found.requests
            whole.times += found.times
            whole.positions += found.positions
            whole.dead += found.dead
            whole.skips.update(found.skips)
            whole.unread.update(found.unread)
    return whole


def columns(found: Decoded) -> RequestBatch:
    return batch(found.requests, found.times)


def texts(request: Request) -> list[str]:
    """Every text of a request."""
    found = [request.prompt] if isinstance(request.prompt, str) else []
    for turn in request.messages or []:
        held = [turn.content] if isinstance(turn.content, str) else [part.text for part in turn.content or []]
        found += [text for text in held if text]
    return found


def reasons(found: Decoded) -> Counter[str]:
    return Counter(
        {reason: sum(dead.count for dead in found.dead if dead.reason == reason) for reason in {dead.reason for dead in found.dead}}
    )


def checked(name: str) -> Checked:
    return check([CASES / name], decoder("auto"), 100_000)


def said(name: str, *options: str, code: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "siphonwatch.streams", "check", str(CASES / name), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_01_responses_api() -> None:
    first = read("01-litellm-responses-api.jsonl").requests[0]
    assert first.messages[0].role == "system"
    assert first.messages[0].content == "Be brief"
    assert first.finish_reason == "length"
    assert first.usage.cached_tokens == 8
    assert columns(read("01-litellm-responses-api.jsonl")).tool_use[0]


def test_02_tool_results_are_no_question() -> None:
    found = read("02-litellm-anthropic-messages.jsonl")
    first = found.requests[0]
    assert first.messages[-1].role == "tool"
    assert "Sort these files" in texts(first)
    assert (first.finish_reason, first.usage.cached_tokens) == ("length", 90)
    assert columns(found).tool_use[0]


def test_03_and_09_placeholders_are_no_text_and_told() -> None:
    for name, count in (("03-litellm-passthrough-default-message.jsonl", 5), ("09-litellm-redacted.jsonl", 4)):
        found = read(name)
        assert len(found.requests) == count
        assert not any(texts(request) for request in found.requests)
        assert found.unread["litellm", "messages", "placeholder"] == count
    assert "placeholder" in said("09-litellm-redacted.jsonl")


def test_04_what_is_no_question_is_counted_by_what_it_is() -> None:
    found = read("04-litellm-not-chat.jsonl")
    assert not found.requests
    assert dict(found.skips) == {
        "embeddings": 2, "images": 1, "speech": 1, "batches": 1, "health checks": 1, "reranking": 1, "tools": 1,
    }  # fmt: skip


def test_05_accounts_of_all_versions() -> None:
    found = read("05-litellm-accounts.jsonl")
    assert [request.account_id for request in found.requests][:4] == ["team-a", "cust-9", "default_user_id", "bb22"]
    assert all("looked for metadata.user_api_key_hash" in dead.detail for dead in found.dead)


def test_06_and_07_times_wrappers_and_spend_logs() -> None:
    assert len(read("06-litellm-times-wrappers.jsonl").requests) == 11
    for mapping in (None, "07-mapping.toml"):
        (one,) = read("07-litellm-spendlogs.jsonl", mapping).requests
        assert (one.account_id, one.usage.completion_tokens, texts(one)) == ("cc33", 20, ["Why do cats purr?"])


@pytest.mark.parametrize(
    ("name", "count"),
    [("08-litellm-ollama-ids.jsonl", 60), ("20-apisix-same-client-request-id.jsonl", 40), ("20b-envoy-same-client-request-id.jsonl", 40)],
)
def test_08_and_20_repeated_ids_are_no_second_deliveries(name: str, count: int) -> None:
    found = read(name)
    identities = {(request.account_id, time, request.request_id) for request, time in zip(found.requests, found.times, strict=True)}
    assert len(identities) == len(found.requests) == count
    assert checked(name).doubles == 0


def test_10_and_11_dialects_of_spans() -> None:
    first, second = read("10-otel-openllmetry-indexed.jsonl").requests
    assert "Why is the sea salty?" in texts(first)
    assert (first.finish_reason, second.account_id) == ("length", "u-7")
    (one,) = read("11-otel-openinference.jsonl").requests
    assert (one.account_id, one.usage.prompt_tokens, one.usage.completion_tokens) == ("u-7", 10, 200)
    assert texts(one) == ["Why is the sea salty?"]


def test_12_and_13_one_bad_span_costs_itself_and_a_batch_is_not_too_large() -> None:
    found = read("12-otel-one-bad-span.jsonl")
    assert (len(found.requests), len(found.dead)) == (19, 1)
    assert len(read("13-otel-batch-over-1mib.jsonl.gz").requests) == 499


def test_14_to_18_shapes_of_exports() -> None:
    assert len(read("14-otel-java-no-wrapper.jsonl").requests) == 1
    assert len({request.request_id for request in read("15-otel-ids-resources.jsonl").requests}) == 2
    newest = read("16-otel-newest.jsonl")
    assert [request.account_id for request in newest.requests] == ["svc", "u4", "u5", "u6"]
    assert newest.skips == {"embeddings": 1, "agents": 1}
    odd = read("17-otel-null-int.jsonl")  # the odd attribute costs itself: its span is read, and the loss counted
    assert len(odd.requests) == 2
    assert odd.unread.total() == 1
    (access,) = read("18-envoy-otlp-access-log.jsonl").requests
    assert (access.account_id, access.usage.completion_tokens) == ("acct_1", 200)


def test_19_kong_as_its_reference_prints_it() -> None:
    found = read("19-kong-documented-payload.jsonl")
    assert [texts(request) for request in found.requests] == [["Explain tides"], ["Explain tides"]]
    assert [(request.usage.prompt_tokens, request.usage.completion_tokens) for request in found.requests] == [(14, 21), (28, 20)]


def test_22_cloudflare_metadata_and_pages() -> None:
    found = read("22-cloudflare-metadata.jsonl")
    assert [request.account_id for request in found.requests] == ["u-1", "blue", "7", "a1", "a1", "a1", "a1"]
    assert "account_id, account" in found.dead[0].detail
    lines = (CASES / "22-cloudflare-metadata.jsonl").read_bytes().splitlines()
    assert decoder("auto", account_fields=["email"]).decode(lines).requests[1].account_id == "x@example.com"


def test_23_and_24_bedrock_bodies_and_envelopes() -> None:
    found = read("23-bedrock-bodies.jsonl")
    assert dict(found.skips) == {"embeddings": 1, "images": 1}
    by_id = {request.request_id: request for request in found.requests}
    assert [texts(by_id[name]) for name in ("b1", "b2", "b3", "b6", "b11")] == [
        ["User: Hello"], ["hi", "Tell about tides"], ["<|user|>Capital of Chad?"], ["Be kind", "Why rain?"], ["string body"],
    ]  # fmt: skip
    assert [by_id[name].parameters.max_tokens for name in ("b1", "b2", "b3", "b6")] == [2048, 256, 2048, 512]
    assert by_id["b7"].messages[-1].role == "tool"
    assert len({by_id["b9"].account_id, by_id["b10"].account_id, by_id["b1"].account_id}) == 3
    assert found.unread["bedrock", "body", "stored elsewhere"] == 1
    assert len(read("24-bedrock-cloudwatch-envelopes.jsonl").requests) == 4


def test_26_to_39_other_platforms_by_themselves_and_by_mapping() -> None:
    assert [texts(request) for request in read("26-azure-apim-llm-eventhub.jsonl").requests] == [["Why rain?"]] * 3
    assert texts(read("26-azure-apim-llm-eventhub.jsonl", "26-mapping.toml").requests[0]) == ["Why rain?"]
    for name, mapping in (
        ("27-langfuse-observations", None), ("27-langfuse-observations", "27-mapping.toml"), ("27-langfuse-observations",
        "27b-mapping.toml"),
        ("28-helicone", None), ("28-helicone", "28-mapping.toml"), ("29-databricks-inference-table", None),
        ("29-databricks-inference-table", "29-mapping.toml"), ("30-vertex-bigquery", None), ("30-vertex-bigquery", "30-mapping.toml"),
        ("34-sglang-json-log", None), ("34-sglang-json-log", "34-mapping.toml"), ("39-portkey-export", None), ("39-portkey-export",
        "39-mapping.toml"),
    ):  # fmt: skip
        (one,) = read(f"{name}.jsonl", mapping).requests
        assert texts(one)[-1] in ("Why do cats purr?", "Why rain?"), name
        assert one.usage.completion_tokens in (90, 200), name
    assert [request.account_id for request in read("31-openai-stored-completions.jsonl").requests] == ["a1", "a1"]


def test_33_and_34b_what_cannot_be_read_is_refused_with_its_reason() -> None:
    found = read("33-mapping-object-timestamp.jsonl", "33-mapping.toml")
    assert (len(found.requests), reasons(found)) == (1, {"wrong_type": 1})
    (dead,) = read("34b-vllm-text.jsonl").dead
    assert "vLLM" in dead.detail


def test_35_and_36_an_odd_field_costs_itself() -> None:
    found = read("35-body-one-odd-field.jsonl")
    assert [texts(request)[-1] for request in found.requests] == [f"What is a lighthouse {at}?" for at in range(15)]
    assert {field for _, field, _ in found.unread} == {"system", "seed", "inferenceConfig"}
    assert (found.requests[1].parameters.temperature, found.requests[11].parameters.max_tokens) == (0.7, 100)
    shapes = read("36-body-message-shapes.jsonl").requests
    assert [texts(request)[:1] for request in shapes] == [
        ["plain string part"], ["dict content"], ["assistants text"], ["null role"], ["ok q"], ["look"], [], ["who am I"], ["upper"],
        ["gemini"],
        ["just a string"], ["first real question"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("40-bom.jsonl", 6), ("40b-utf16.jsonl", 6), ("41-crlf.jsonl", 6), ("41b-cr.jsonl", 6), ("42-multimember.jsonl.gz", 6),
        ("42c-trailing-garbage.jsonl.gz", 6), ("43-frames.jsonl.zst", 6), ("43c-plain-named-gz.jsonl.gz", 6), ("44-pretty-array.jsonl", 6),
        ("44b-array-one-line.jsonl", 6), ("44c-pretty-objects.jsonl", 6), ("45-table.csv", 1), ("54-day-files", 1200),
        ("52-weekend-gap.jsonl", 80),
        ("53-sorted-20-days.jsonl.gz", 1200), ("53b-newest-first-20-days.jsonl.gz", 1200),
    ],
)  # fmt: skip
def test_40_to_54_files_as_they_lie_about(name: str, count: int) -> None:
    troubles: Troubles = []
    found = read(name, troubles=troubles)
    assert (len(found.requests), found.dead, troubles) == (count, [], [])


def test_42b_and_56_a_cut_file_gives_what_is_whole_and_a_status_of_its_own() -> None:
    troubles: Troubles = []
    assert len(read("42b-truncated.jsonl.gz", troubles=troubles).requests) == 2753
    assert "cut off" in troubles[0].what
    assert len(read("56-folder-one-truncated").requests) == 2803
    for name in ("42b-truncated.jsonl.gz", "56-folder-one-truncated"):
        assert "cut off" in said(name, code=3)


def test_46_and_47_every_file_is_read_or_named() -> None:
    assert "it is empty" in said("46-empty.jsonl", code=1)
    told = said("47-mixed")
    assert "12 requests" in told
    assert all(name in told for name in ("_SUCCESS", "i.snappy.parquet.crc", "h.jsonl.bz2"))


def test_48_times() -> None:
    found = read("48-times.jsonl")
    assert len(found.requests) == 17
    assert reasons(found) == {"bad_time": 1}
    east = {"r7", "r15"}  # two hours east of UTC
    assert {time // 1000 for request, time in zip(found.requests, found.times, strict=True) if request.request_id not in east} == {
        1_790_000_000
    }
    assert {time // 1000 for request, time in zip(found.requests, found.times, strict=True) if request.request_id in east} == {
        1_789_992_800
    }
    assert reasons(read("48b-times-strings-only.jsonl")) == {"bad_time": 1}


def test_49_account_ids() -> None:
    found = read("49-accounts.jsonl")
    accounts = [request.account_id for request in found.requests]
    assert {"12345", "ann@example.com", "ACME", "acme", "[/]", "=1+1"} <= set(accounts)
    assert reasons(found) == {"missing_field": 1, "wrong_type": 3}
    assert len(read("49b-accounts-emoji-surrogate.jsonl").requests) == 7


def test_50_an_image_costs_itself() -> None:
    found = read("50-image-over-1mib.jsonl.gz")
    assert len(found.requests) == 2
    assert columns(found).images[0]
    assert not found.dead


def test_52_and_53_check_tells_gaps_and_order() -> None:
    assert "the longest 2.6 days" in said("52-weekend-gap.jsonl")
    assert "out of order" in said("53b-newest-first-20-days.jsonl.gz")
    assert "in order" in said("53-sorted-20-days.jsonl.gz")


def test_52_to_54_a_replay_counts_all_and_does_not_mind_the_order(tmp_path: Path) -> None:
    written = []
    for name in ("53-sorted-20-days.jsonl.gz", "53b-newest-first-20-days.jsonl.gz", "54-day-files", "52-weekend-gap.jsonl"):
        engine = Engine(prior.load())
        result = replay([CASES / name], engine, decoder("auto"))
        outcome.write_accounts(engine, tmp_path / "accounts.csv")
        written.append((result.folded.records, result.folded.dead.total() + result.strays, (tmp_path / "accounts.csv").read_bytes()))
    assert written[0] == written[1]
    assert [(records, lost) for records, lost, _ in written] == [(1200, 0), (1200, 0), (1200, 0), (80, 0)]


@pytest.mark.parametrize(
    "name", ["55-account-bracket-slash.jsonl", "55c-account-hidden-markup.jsonl", "58-account-with-brackets.jsonl", "49-accounts.jsonl"]
)
def test_55_and_58_names_are_shown_and_do_nothing(name: str) -> None:
    told = said(name)
    assert not any(ord(each) < 32 and each != "\n" for each in told)
    shown = {
        "55-account-bracket-slash.jsonl": "[/]",
        "55c-account-hidden-markup.jsonl": "[red]evil",
        "58-account-with-brackets.jsonl": "[prod] chatbot",
    }
    assert shown.get(name, "12345") in told


def test_57_shares() -> None:
    assert "text in 1 %" in said("57-text-in-one-record-only.jsonl")


@pytest.mark.parametrize(
    "name",
    [
        "60-ts-us-utc.parquet",
        "61-ts-ns-naive.parquet",
        "63-json-strings.parquet",
        "65-nested-nulls.parquet",
        "66-binary-account.parquet",
        "67-ts-ns-utc.parquet",
        "68-hive",
    ],
)
def test_60_to_68_parquet(name: str) -> None:
    found = read(name)
    assert (len(found.requests), found.dead) == (2, [])
    assert {time // 1000 for time in found.times} == {1_790_000_000}
    assert {request.account_id for request in found.requests} == {"u1", "u2"}


def test_every_check_fits_a_screen_and_ends_with_what_to_do() -> None:
    for path in sorted(CASES.glob("[0-9]*.jsonl*")):
        told = said(path.name, code=_status(path))
        assert "to do\n" in told, path.name
        assert len(told.splitlines()) <= 24, path.name


def _status(path: Path) -> int:
    found = checked(path.name)
    return 1 if not found.requests else 3 if found.lost else 0


def recipe(tmp_path: Path, change: Any) -> list[dict[str, Any]]:
    """Simulated traffic with a change to what the harvesters send."""
    from siphonwatch.detector.simulate import World, simulate
    from siphonwatch.streams.demo.traffic import encode

    traffic = simulate(World(accounts=60, days=0.5, prevalence=0.1, seed=5, start=1_790_000_000.0))
    made = []
    for request in traffic.requests:
        one = json.loads(encode(request))
        made.append(change(one) if traffic.labels[request.account_id].label == "harvest" else one)
    return made


def test_recipe_c_a_field_of_an_odd_type_hides_no_text(tmp_path: Path) -> None:
    def odd(one: dict[str, Any]) -> dict[str, Any]:
        return {**one, "body": {**one["body"], "system": 0}}

    made = [
        {
            "id": one["request_id"],
            "at": one["timestamp"],
            "who": one["account_id"],
            "body": {"model": one["model"], "messages": one.get("messages"), **one.get("parameters", {})},
        }
        for one in recipe(tmp_path, lambda one: {**one, "harvest": True})
    ]
    mapping = tmp_path / "mapping.toml"
    mapping.write_text('[fields]\nrequest_id = "id"\ntimestamp = "at"\naccount_id = "who"\nbody = "body"\n')
    plain, disguised = (
        decoder("auto", mapping).decode([json.dumps(each).encode() for each in lines]) for lines in (made, [odd(one) for one in made])
    )
    assert [texts(request) for request in plain.requests] == [texts(request) for request in disguised.requests]
    assert any(map(texts, plain.requests))
    assert disguised.unread["mapping", "system", "wrong type"] == len(made)
