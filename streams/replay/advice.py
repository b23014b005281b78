"""What a new user should do about what a look at a log found, the weightiest first."""

from __future__ import annotations

from collections.abc import Iterator

from siphonwatch.streams.replay.check import Checked

MOST = 5  # pieces of advice: a page nobody reads helps nobody
TEXT = {  # format -> where its text is switched on
    "litellm": "LiteLLM's turn_off_message_logging is off, and pass-through routes log their bodies",
    "otel": "the instrumentation captures message content (OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT)",
    "kong": "logging.log_payloads of ai-proxy is on",
    "apisix": "logging.payloads of ai-proxy is on",
    "cloudflare": "the gateway stores payloads, and Logpush's are decrypted",
    "bedrock": "text data delivery is on; bodies over 100 KB lie in S3",
    "azure": "API Management's GatewayLlmLogs are sent with their messages: Azure OpenAI's own log never has text",
    "nginx": "$request_body is in the log_format",
    "envoy": "an access log never has text: send the AI gateway's traces as well as its tokens",
    "sglang": "--log-requests-level is 3",
}


def advice(found: Checked) -> list[str]:
    """What to do, at most ``MOST`` things."""
    made = list(_all(found))
    return made[:MOST] or ["nothing: `siphonwatch replay` reads this log as it is"]


def _all(found: Checked) -> Iterator[str]:
    cut = [each for each in found.troubles if each.lost]
    if cut:
        yield f"fetch {len(cut)} broken or unreadable file{'s' * (len(cut) > 1)} again: only what is whole was read"
    reasons = {reason for reason, _ in found.refused}
    if "unknown_format" in reasons:
        yield "`siphonwatch check --suggest` proposes a --mapping file for records of an unknown format"
    if not found.requests:
        if reasons:
            yield "mend what the refusals above name, or map the log's fields with --mapping"
        elif not found.records:
            yield "give a log with records in it: there is none here"
        elif found.skips:
            yield "this log holds no questions to a model: take the log of another route, or name its fields with --mapping"
        return
    if any(reason == "missing_field" and "account" in detail for reason, detail in found.refused):
        yield "let the gateway log who asks, or name the field that says it: --mapping, or account_fields for custom metadata"
    if reasons & {"bad_time"}:
        yield "write times with their day: RFC 3339, or epoch seconds, milliseconds, micro- or nanoseconds"
    yield from _about_fields(found)
    yield from _about_accounts(found)
    if found.order.strays:
        yield f"look at the clocks behind {found.order.strays:,} records whose time is far from all others: none of them may be judged"
    if found.doubles > found.requests * 0.01:
        yield f"look why {found.doubles / found.requests:.0%} of requests have account, time and id of another: they count once"


def _about_fields(found: Checked) -> Iterator[str]:
    shares = found.coverage.shares
    if shares["text"] < 0.5:
        hint = next(
            (TEXT[name] for name, _, _ in found.unread if name in TEXT),
            next((TEXT[name] for name in found.formats if name in TEXT), "the gateway logs request bodies"),
        )
        yield f"see that {hint}: {few(shares['text'])} text, and most features live on it"
    if shares["tokens"] < 0.5:
        yield f"let the log hold the tokens of answers: {few(shares['tokens'])} them"
    lost = [(count, name, field, reason) for (name, field, reason), count in found.unread.items() if count > found.requests * 0.01]
    if lost:
        count, name, field, reason = max(lost)
        yield f"see what writes {name}'s `{field}` ({reason}): it was lost in {count:,} records"


def _about_accounts(found: Checked) -> Iterator[str]:
    if len(found.accounts) == 1 and found.requests > 50:
        yield "only one account: if it is a gateway's or a service's, log the client behind it (--mapping, account_fields)"
    addresses = sum(count for account, count in found.accounts.items() if account.startswith("ip:"))
    if addresses > found.requests * 0.2:
        yield f"{share(addresses / found.requests)} of requests name only an address: log keys or accounts"


def few(value: float) -> str:
    """Who has what few have."""
    return f"only {share(value)} of requests have" if value else "no request has"


def share(value: float) -> str:
    """A share as a person reads it: few is never none, and most never all."""
    percent = value * 100
    if 0 < percent < 1:
        return "under 1 %"
    return f"{min(round(percent), 99) if percent < 100 else 100} %"
