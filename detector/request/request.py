"""One request of the log: what every log format is decoded into. The fields are those of the project's own log format."""

from __future__ import annotations

import msgspec
from siphonwatch.detector.request.times import epoch_ms

__all__ = ["ABSENT", "NOTHING", "Message", "Parameters", "Part", "Request", "Usage", "epoch_ms"]

ABSENT = msgspec.Raw(b"")  # a raw field that the record does not carry
NOTHING = (b"", b"null", b"[]", b"{}", b"0")  # ways of writing that there is none


class Part(msgspec.Struct, gc=False):
    """One part of a message whose content is a list, as in OpenAI's chat API: a text, or a picture, sound or file."""

    type: str = "text"
    text: str | None = None
    image_url: msgspec.Raw = ABSENT
    input_audio: msgspec.Raw = ABSENT
    file: msgspec.Raw = ABSENT


class Message(msgspec.Struct, gc=False):
    """One turn: ``role`` is system, developer, user, assistant or tool; an assistant's may call tools."""

    role: str
    content: str | list[Part] | None = None
    tool_calls: msgspec.Raw = ABSENT
    function_call: msgspec.Raw = ABSENT  # as one was called before there were tools


class Parameters(msgspec.Struct, gc=False):
    """The sampling parameters that a client chose; ``None`` where it left the default."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    n: int | None = None
    logprobs: bool | int | None = None
    top_logprobs: int | None = None
    logit_bias: msgspec.Raw = ABSENT
    seed: int | None = None
    response_format: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT  # what tools were called before
    stream: bool | None = None


class Usage(msgspec.Struct, gc=False):
    """Tokens as the provider billed them."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None


class Request(msgspec.Struct, gc=False):
    """One API request as the log tells it; the fields are those of the project's own log format."""

    request_id: str
    timestamp: float | str
    account_id: str
    model: str
    organization_id: str | None = None
    api_key_id: str | None = None
    end_user_id: str | None = None
    session_id: str | None = None
    source_ip: str | None = None
    user_agent: str | None = None
    country: str | None = None
    asn: str | int | None = None
    payment_fingerprint: str | None = None
    account_created_at: float | str | None = None
    rate_limit_rpm: int | None = None
    rate_limit_tpm: int | None = None
    messages: list[Message] | None = None
    prompt: str | list[str] | None = None
    parameters: Parameters | None = None
    usage: Usage | None = None
    status: int = 200
    finish_reason: str | None = None
    latency_ms: float | None = None
    response: str | None = None  # the answer's text, where the log has it; never stored
