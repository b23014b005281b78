"""A question's tokens are all of them, whichever API counts what was cached apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from siphonwatch.detector.request.request import Usage
from siphonwatch.streams.formats import decoder
from siphonwatch.streams.formats.answers import usage_of

RECORDS = Path(__file__).parents[3] / "formats" / "records"


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        ({"prompt_tokens": 50, "completion_tokens": 7, "prompt_tokens_details": {"cached_tokens": 40}}, Usage(50, 7, 40)),
        ({"input_tokens": 50, "output_tokens": 7, "input_tokens_details": {"cached_tokens": 40}}, Usage(50, 7, 40)),
        ({"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": 40, "cache_creation_input_tokens": 5}, Usage(55, 7, 40)),
        ({"input_tokens": 10, "output_tokens": 7, "cache_read_input_tokens": None}, Usage(10, 7)),
        ({"inputTokens": 10, "outputTokens": 7, "cacheReadInputTokens": 40, "cacheWriteInputTokens": 5}, Usage(55, 7, 40)),
        ({"prompt_tokens": 55, "completion_tokens": 7, "cache_read_input_tokens": 40}, Usage(55, 7, 40)),
        ({"promptTokenCount": 50, "candidatesTokenCount": 7, "cachedContentTokenCount": 40}, Usage(50, 7, 40)),
    ],
)
def test_what_was_cached_is_among_the_questions_tokens(told: dict[str, Any], usage: Usage) -> None:
    assert usage_of(told) == usage


def test_bedrocks_log_counts_what_went_into_a_cache_apart_too() -> None:
    record = json.loads((RECORDS / "bedrock.jsonl").read_text(encoding="utf-8").splitlines()[0])
    record["input"] |= {"inputTokenCount": 10, "cacheReadInputTokenCount": 40, "cacheWriteInputTokenCount": 5}
    (found,) = decoder("bedrock").decode([json.dumps(record).encode()]).requests
    assert found.usage.prompt_tokens == 55
