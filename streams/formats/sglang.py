"""SGLang's request log in JSON (``--log-requests --log-requests-level 3 --log-requests-format json``).

Fields: python/sglang/srt/utils/request_logger.py of https://github.com/sgl-project/sglang, read 2026-11-24. A request is two lines, of
which the second holds all. The log names no account unless a key or an address is written into it: put a gateway in front that knows its
clients. It cannot know payments or limits.
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},
        "fields": {
            "request_id": "rid",
            "timestamp": "timestamp",
            "account_id": ["obj.user", "headers.x-account-id", "obj.external_trace_header.x-account-id"],
            "source_ip": ["remote_addr", "client_ip"],
            "model": ["model", "obj.model", "out.meta_info.model", "obj.lora_path"],
            "body": "obj",
            "response": "out",
            "prompt_tokens": "out.meta_info.prompt_tokens",
            "completion_tokens": "out.meta_info.completion_tokens",
            "cached_tokens": "out.meta_info.cached_tokens",
            "finish_reason": ["out.meta_info.finish_reason.type", "out.meta_info.finish_reason"],
        },
        "only": {"event": ["request.finished"]},
    },
    "the built-in SGLang mapping",
)

FORMAT = Format(
    name="sglang",
    read=reader(MAPPING),
    marks=lambda top: {"event", "rid"} <= top.keys() and "obj" in top,
    source="https://github.com/sgl-project/sglang, python/sglang/srt/utils/request_logger.py, read 2026-11-24",
    cannot_know=("account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "country", "asn"),
    title="SGLang: request log in JSON",
    account="the address or account where it was written in",
)
