"""Portkey: exported logs.

Fields: https://portkey.ai/docs/product/observability/logs-export, read 2026-11-24. ``req_units`` and ``res_units`` are tokens. The
account is the metadata's ``_user`` or a key of yours. It cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": ["id", "trace_id"],
            "timestamp": ["created_at", "time_of_generation"],
            "metadata": "metadata",
            "model": ["ai_model", "request.model", "request.body.model"],
            "status": "response_status_code",
            "body": ["request.body", "request"],
            "response": ["response.body", "response"],
            "prompt_tokens": "req_units",
            "completion_tokens": "res_units",
            "latency_ms": "response_time",
            "call": "request_url",
        },
    },
    "the built-in Portkey mapping",
)

FORMAT = Format(
    name="portkey",
    read=reader(MAPPING),
    marks=lambda top: "ai_model" in top and bool({"req_units", "response_status_code", "ai_org", "trace_id"} & top.keys()),
    source="https://portkey.ai/docs/product/observability/logs-export, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
    title="Portkey: log export",
    account="metadata's _user, account_id … or any key of yours",
)
