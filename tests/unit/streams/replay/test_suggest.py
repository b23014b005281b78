"""A proposed mapping reads the log that it was proposed from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.streams.common.errors import UsageError
from siphonwatch.streams.formats import FORMATS, decoder
from siphonwatch.streams.replay.suggest import suggest

BODY = {"model": "m", "messages": [{"role": "user", "content": "Why rain?"}], "max_tokens": 10}
ANSWER = {"usage": {"prompt_tokens": 4, "completion_tokens": 9}, "choices": [{"finish_reason": "stop", "message": {"content": "because"}}]}
LOGS: dict[str, Any] = {
    "nested": lambda at: {"when": f"2026-09-21T14:13:{at:02d}Z", "who": {"tenant": f"t-{at % 3}"}, "net": {"ip": "203.0.113.9"},
    "req": BODY, "res": ANSWER},
    "strings": lambda at: {"ts": 1_790_000_000_000 + at, "api_key_id": f"k{at % 3}", "request": json.dumps(BODY),
    "response": json.dumps(ANSWER), "code": "200"},
    "turns": lambda at: {"created": 1_790_000_000 + at, "customer": at % 3, "engine": "m", "conversation": BODY["messages"],
    "tokens_in": "4", "tokens_out": "9"},
    "text": lambda at: {"time": "21/Sep/2026:14:13:20 +0000", "user": f"u{at % 3}", "question": "Why rain?", "answer": "because",
    "tokens": {"input_tokens": 4, "output_tokens": 9}},
    "batch": lambda at: {"batch": 1, "calls": [{"at": "2026-09-21 14:13:20 UTC", "account": f"a{at % 3}", "in": BODY, "out": ANSWER}]},
    "dotted": lambda at: {"event.time": 1_790_000_000 + at, "user.id": f"u{at % 3}", "http.request.body": BODY,
    "http.response.body": ANSWER},
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_a_proposal_reads_a_log_that_nobody_foresaw(tmp_path: Path, name: str) -> None:
    log, mapping = tmp_path / "log.jsonl", tmp_path / "mapping.toml"
    lines = [json.dumps(LOGS[name](at)) for at in range(30)]
    log.write_text("\n".join(lines))
    mapping.write_text(suggest([log]))
    found = decoder("auto", mapping).decode([line.encode() for line in lines])
    assert not found.dead, mapping.read_text()
    assert len(found.requests) == 30
    assert len({request.account_id for request in found.requests}) == 3
    one = found.requests[0]
    assert "Why rain?" in (one.messages[0].content, one.prompt)
    assert (one.usage.prompt_tokens, one.usage.completion_tokens) == (4, 9)
    assert "sure" in mapping.read_text()


def test_a_log_without_times_or_accounts_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text('{"a": 1}\n')
    with pytest.raises(UsageError, match="no field of these records looks like a time: a"):
        suggest([tmp_path / "log.jsonl"])
    (tmp_path / "log.jsonl").write_text('{"time": 1790000000, "prompt": "hi", "model": "m"}\n')
    assert "no field looks like an account" in suggest([tmp_path / "log.jsonl"])


def test_hostile_names_stay_within_their_quotes(tmp_path: Path) -> None:
    line = {'x"\n[constants]\nmodel = "evil': "2026-09-21T14:13:20Z", "account\u202e": "a", "model": "m"}
    (tmp_path / "log.jsonl").write_text(json.dumps(line))
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(suggest([tmp_path / "log.jsonl"]))
    assert decoder("auto", mapping).decode([json.dumps(line).encode()]).requests[0].model == "m"


def test_there_are_formats_to_suggest_beside() -> None:
    assert len(FORMATS) >= 18
