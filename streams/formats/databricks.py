"""Databricks' inference tables, of model serving and of its AI gateway, exported as JSON or Parquet.

Columns: https://docs.databricks.com/aws/en/ai-gateway/inference-tables, read 2026-11-24; the elder tables have ``timestamp_ms`` and
``execution_time_ms``. ``request`` and ``response`` are JSON in strings. The account is the requester: a person or a service principal.
It cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": ["databricks_request_id", "request_id"],
            "timestamp": ["request_time", "timestamp_ms", "event_time"],
            "account_id": ["requester", "requester_id", "user_id"],
            "model": [
                "destination_model",
                "response.model",
                "request.model",
                "served_entity_name",
                "endpoint_name",
                "served_entity_id",
                "request_metadata.model_name",
            ],
            "status": "status_code",
            "latency_ms": ["execution_duration_ms", "execution_time_ms", "latency_ms"],
            "body": "request",
            "response": "response",
            "call": ["api_type", "url"],
        },
    },
    "the built-in Databricks mapping",
)

FORMAT = Format(
    name="databricks",
    read=reader(MAPPING),
    marks=lambda top: (
        "databricks_request_id" in top
        or ({"requester", "request", "response"} <= top.keys() and bool({"request_time", "event_time"} & top.keys()))
    ),
    source="https://docs.databricks.com/aws/en/ai-gateway/inference-tables, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "session_id"),
    title="Databricks: inference tables",
    account="requester",
)
