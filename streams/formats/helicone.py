"""Helicone: requests, as its export tool and its query API write them.

Fields: https://docs.helicone.ai/rest/request/post-v1requestquery-clickhouse and https://docs.helicone.ai/tools/export, read 2026-11-24.
The account is the user that ``Helicone-User-Id`` names, else a custom property. It cannot know addresses, payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": "request_id",
            "timestamp": "request_created_at",
            "account_id": ["request_user_id", "user_id", "helicone_user"],
            "metadata": ["request_properties", "properties"],
            "session_id": ["request_properties.Helicone-Session-Id", "properties.Helicone-Session-Id"],
            "country": "country_code",
            "model": ["model_override", "request_model", "model", "response_model", "request_body.model"],
            "status": "response_status",
            "body": "request_body",
            "response": ["response_body", "llmSchema.response"],
            "prompt_tokens": "prompt_tokens",
            "completion_tokens": "completion_tokens",
            "cached_tokens": "prompt_cache_read_tokens",
            "latency_ms": ["delay_ms", "latency"],
            "call": ["request_path", "target_url"],
        },
    },
    "the built-in Helicone mapping",
)

FORMAT = Format(
    name="helicone",
    read=reader(MAPPING),
    marks=lambda top: {"request_id", "request_created_at"} <= top.keys(),
    source="https://docs.helicone.ai/tools/export, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
    title="Helicone: request export",
    account="Helicone-User-Id, else custom properties",
)
