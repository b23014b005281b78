"""A request from a gateway's own fields, the logged body and the logged answer.

What the gateway says itself weighs more than what the answer says.
"""

from __future__ import annotations

from typing import Any

from siphonwatch.detector.request.request import Message, Parameters, Request, Usage, epoch_ms
from siphonwatch.streams.formats.answers import Answer, finish
from siphonwatch.streams.formats.body import Body
from siphonwatch.streams.formats.lenient import OddError, Reading, text

_NOTHING = Usage()
SECONDS = 1e10  # a larger number is a time in milliseconds or less


def request(
    reading: Reading, *, request_id: str | None, timestamp: float | str, account_id: str, model: str,
    body: Body | None = None, answer: Answer | None = None, usage: Usage | None = None, messages: list[Message] | None = None,
    parameters: Parameters | None = None, end_user_id: str | None = None, finish_reason: Any = None, status: int | None = None,
    latency_ms: float | None = None, **known: Any,
) -> Request:  # fmt: skip
    """Put together what one record holds. ``known`` are further fields of a request."""
    body, answer = body or Body(), answer or Answer()
    mine, theirs = usage or _NOTHING, answer.usage or _NOTHING
    return Request(
        request_id=request_id or f"{account_id}:{timestamp}",
        timestamp=epoch_ms(timestamp) / 1000 if isinstance(timestamp, int | float) and timestamp > SECONDS else timestamp,
        account_id=account_id,
        model=model,
        end_user_id=end_user_id or body.user or _user(body),
        messages=messages if messages is not None else body.turns(reading),
        parameters=parameters or body.parameters,
        usage=Usage(
            first(mine.prompt_tokens, theirs.prompt_tokens),
            first(mine.completion_tokens, theirs.completion_tokens),
            first(mine.cached_tokens, theirs.cached_tokens),
        ),
        status=status or 200,
        finish_reason=finish(finish_reason) or answer.finish,
        latency_ms=latency_ms if latency_ms is not None else answer.latency_ms,
        response=answer.text,
        **known,
    )


def first(one: int | None, other: int | None) -> int | None:
    """The first that is known."""
    return other if one is None else one


def _user(body: Body) -> str | None:
    """Anthropic's ``metadata.user_id``."""
    held = body.metadata.get("user_id") if isinstance(body.metadata, dict) else None
    try:
        return text(held) if held else None
    except OddError:
        return None
