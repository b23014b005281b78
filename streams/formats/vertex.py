"""Vertex AI's request-response log: rows of its BigQuery table, exported as JSON or Parquet.

Columns: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/request-response-logging, read 2026-11-24: ``full_request`` and
``full_response`` hold what was sent and answered, of Gemini and of partners' models. The table names no caller: the account is a label of
the request, or one of its ``metadata``. It cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": "request_id",
            "timestamp": "logging_time",
            "metadata": ["full_request.labels", "metadata"],
            "model": ["model", "deployed_model_id", "endpoint"],
            "body": ["full_request", "request_payload.0"],
            "response": ["full_response", "response_payload"],
            "call": "api_method",
        },
    },
    "the built-in Vertex mapping",
)

FORMAT = Format(
    name="vertex",
    read=reader(MAPPING),
    marks=lambda top: "logging_time" in top and bool({"full_request", "request_payload", "api_method", "deployed_model_id"} & top.keys()),
    source="https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/request-response-logging, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "latency_ms"),
    title="Google Vertex AI: request-response log from BigQuery",
    account="a label of the request (account_id, user … or any of yours)",
)
