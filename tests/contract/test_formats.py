"""The same promises, kept by every format."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from siphonwatch.streams.contracts import FormatContract
from siphonwatch.streams.formats import FORMATS

RECORDS = Path(__file__).parents[1] / "formats" / "records"
NATIVE = {
    "request_id": "r1", "timestamp": 1_790_000_000.5, "account_id": "acct_1", "model": "large",
    "messages": [{"role": "user", "content": "What is a lighthouse?"}], "usage": {"prompt_tokens": 7, "completion_tokens": 90},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
class TestEveryFormat(FormatContract):
    @pytest.fixture
    def records(self, name: str) -> list[bytes]:
        return [json.dumps(NATIVE).encode()] if name == "native" else (RECORDS / f"{name}.jsonl").read_bytes().splitlines()
