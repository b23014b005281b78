"""A question's tokens are all of them, whichever API counts what was cached apart."""

from __future__ import annotations

from typing import Any

import pytest
from siphonwatch.detector.request.columns import batch
from siphonwatch.detector.request.request import Message, Request, Usage
from siphonwatch.streams.formats.answers import usage_of


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


def test_a_question_is_no_shorter_than_what_was_cached_of_it() -> None:
    messages = [Message("user", "a"), Message("assistant", "b"), Message("user", "c")]
    made = batch([Request("r", 1.0, "a", "m", messages=messages, usage=Usage(3, 7, 400))], [1000])
    assert (made.tokens_in.tolist(), made.carried.tolist()) == ([400], [400])
