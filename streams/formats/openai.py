"""OpenAI's stored completions and responses, as its API lists them.

Fields: https://platform.openai.com/docs/api-reference/chat/list, read 2026-11-24. The list holds no messages of chat completions: those
are pages of their own. The account is custom metadata, else the end user that was sent along. It cannot know addresses, clients, payments
or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

OBJECTS = ("chat.completion", "response", "text_completion")

MAPPING = checked(
    {
        "fields": {
            "request_id": ["request_id", "id"],
            "timestamp": ["created", "created_at"],
            "metadata": "metadata",
            "account_id": ["input_user", "user", "safety_identifier"],
            "end_user_id": ["input_user", "user"],
            "model": "model",
            "messages": ["messages", "input"],
            "parameters": ".",
            "response": ".",
        },
    },
    "the built-in OpenAI mapping",
)

FORMAT = Format(
    name="openai",
    read=reader(MAPPING),
    marks=lambda top: top.get("object") in OBJECTS and bool({"created", "created_at"} & top.keys()),
    source="https://platform.openai.com/docs/api-reference/chat/list, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "latency_ms"),
    title="OpenAI: stored completions and responses",
    account="custom metadata, else the end user sent along",
)
