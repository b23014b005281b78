"""nginx: an access log in JSON. The README's recipe gives the ``log_format`` that this built-in mapping reads.

Variables: https://nginx.org/en/docs/http/ngx_http_log_module.html (``escape=json``) and
https://nginx.org/en/docs/varindex.html, read 2026-11-24. Another log_format needs a mapping file of its own.
It cannot know tokens, unless the upstream answers them in headers; the body only with ``$request_body`` (see the recipe).
"""

from __future__ import annotations

from siphonwatch.streams.formats.base import Format
from siphonwatch.streams.formats.mapping import checked, reader

MAPPING = checked(
    {
        "constants": {"model": "unknown"},  # a request that was refused before nginx read its body
        "fields": {
            "request_id": "request_id",
            "timestamp": ["msec", "time_iso8601", "time_local"],
            "account_id": ["account_id", "remote_user"],
            "model": "model",
            "source_ip": "remote_addr",
            "user_agent": "http_user_agent",
            "status": "status",
            "body": "request_body",
            "call": ["uri", "request_uri"],
            "prompt_tokens": "prompt_tokens",
            "completion_tokens": "completion_tokens",
        },
    },
    "the built-in nginx mapping",
)

FORMAT = Format(
    name="nginx",
    read=reader(MAPPING),
    marks=lambda top: "remote_addr" in top and bool({"msec", "time_iso8601", "time_local"} & top.keys()),
    source="https://nginx.org/en/docs/http/ngx_http_log_module.html, read 2026-11-24",
    cannot_know=("end_user_id", "account_created_at", "payment_fingerprint", "rate_limit_rpm", "rate_limit_tpm", "finish_reason"),
    title="nginx: access log in JSON, by our recipe",
    account="account_id, else remote_user, address",
)
