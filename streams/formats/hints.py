"""What to tell somebody whose record is of no known format: what it seems to be, and what to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from siphonwatch.streams.formats.base import Skip

UNKNOWN = (
    "the record is of no known format (`siphonwatch formats` lists them): "
    "`siphonwatch check --suggest FILE` proposes a --mapping file for it"
)

# keys -> what a record with all of them is; those that are of no use to anybody are skipped
KNOWN: tuple[tuple[frozenset[str], str | Skip], ...] = (
    (frozenset({"custom_id", "method", "url", "body"}), Skip("batches")),  # the input of OpenAI's batch API
    (frozenset({"custom_id", "response", "id"}), Skip("batches")),  # its output
    (frozenset({"resourceMetrics"}), Skip("metrics")),
    (
        frozenset({"messages"}),
        "the record is a body without an account or a time, such as training data: log it at the gateway that knows both",
    ),
    (frozenset({"traceId", "spanId"}), "the record is one span without OTLP's wrapper: let the collector write otlp_json or otlp_proto"),
    (frozenset({"trace_id", "span_id"}), "the record is one span without OTLP's wrapper: let the collector write otlp_json or otlp_proto"),
    (frozenset({"levelname", "message"}), "the record is a program's own log line: it names no account; log at the gateway in front of it"),
    (frozenset({"level", "msg"}), "the record is a program's own log line: it names no account; log at the gateway in front of it"),
)
_VLLM = re.compile(rb"Received request |Engine 0|SamplingParams\(")


def of(top: Mapping[str, Any]) -> str | Skip:
    """What to say of a record by its top level's names."""
    return next((said for keys, said in KNOWN if keys <= top.keys()), UNKNOWN)


def of_text(record: bytes) -> str:
    """What to say of a record that is no JSON object."""
    if _VLLM.search(record[:2000]):
        return "the line is vLLM's text log, which names no account: log at the gateway in front of it, or send its OpenTelemetry spans"
    if record.lstrip()[:1] in b"{[":
        return "the record is not one JSON object in UTF-8: it is cut off or broken"
    return "the record is not one JSON object in UTF-8"
