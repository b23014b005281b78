"""OpenRouter: generations from its API and rows of its activity export; its broadcast is OpenTelemetry, and read as that.

Fields: https://openrouter.ai/docs/api-reference/get-a-generation and https://openrouter.ai/docs/guides/guides/activity-export, read
2026-11-24. The account is the user that was sent along, else the key. Neither holds text. It cannot know addresses, text, payments or
limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "fields": {
            "request_id": ["id", "generation_id"],
            "timestamp": "created_at",
            "account_id": ["external_user", "user", "user_id", "api_key_name", "api_key_id", "creator_user_id"],
            "session_id": "session_id",
            "user_agent": "user_agent",
            "model": ["model", "model_permaslug"],
            "prompt_tokens": ["native_tokens_prompt", "tokens_prompt"],
            "completion_tokens": ["native_tokens_completion", "tokens_completion"],
            "cached_tokens": "native_tokens_cached",
            "finish_reason": ["finish_reason", "finish_reason_normalized", "native_finish_reason"],
            "latency_ms": ["generation_time", "generation_time_ms"],
            "call": "api_type",
        },
    },
    "the built-in OpenRouter mapping",
)

FORMAT = Format(
    name="openrouter",
    read=reader(MAPPING),
    marks=lambda top: (
        "created_at" in top
        and bool({"native_tokens_prompt", "model_permaslug"} & top.keys() or {"tokens_prompt", "provider_name"} <= top.keys())
    ),
    source="https://openrouter.ai/docs/api-reference/get-a-generation, read 2026-11-24",
    cannot_know=("source_ip", "messages", "parameters", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
    title="OpenRouter: generations, activity export",
    account="the user sent along, else the key",
)
