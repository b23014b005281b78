"""Langfuse: observations, from its API, its export or its blob storage; only generations are questions to a model.

Fields: https://langfuse.com/docs/api-and-data-platform/features/export-from-ui and the public API's ObservationsView, read 2026-11-24:
the API writes ``startTime``, exports ``start_time``. The account is the trace's user where the row has it, else custom metadata. It
cannot know addresses, clients, payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": "id",
            "timestamp": ["start_time", "startTime"],
            "account_id": ["user_id", "userId"],
            "metadata": "metadata",
            "session_id": ["session_id", "sessionId"],
            "model": ["provided_model_name", "providedModelName", "model", "internalModelId"],
            "messages": "input",
            "parameters": ["model_parameters", "modelParameters"],
            "response": "output",
            "prompt_tokens": [
                "usage_details.input",
                "usageDetails.input",
                "usage.input",
                "inputUsage",
                "promptTokens",
                "input_usage",
                "usage.promptTokens",
            ],
            "completion_tokens": [
                "usage_details.output",
                "usageDetails.output",
                "usage.output",
                "outputUsage",
                "completionTokens",
                "output_usage",
                "usage.completionTokens",
            ],
            "cached_tokens": [
                "usage_details.cache_read_input_tokens",
                "usageDetails.cache_read_input_tokens",
                "usage_details.input_cached_tokens",
                "usageDetails.input_cached_tokens",
            ],
        },
        "only": {"type": ["GENERATION", "generation"]},
    },
    "the built-in Langfuse mapping",
)

FORMAT = Format(
    name="langfuse",
    read=reader(MAPPING),
    marks=lambda top: (
        "type" in top and bool({"trace_id", "traceId"} & top.keys()) and bool({"start_time", "startTime"} & top.keys()) and "id" in top
    ),
    source="https://langfuse.com/docs/api-and-data-platform/features/export-from-ui, read 2026-11-24",
    cannot_know=("source_ip", "user_agent", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm"),
    title="Langfuse: observations",
    account="the trace's user, else custom metadata",
)
