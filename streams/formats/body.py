"""The request's body, where a gateway logs it: OpenAI's chat, completions and responses, Anthropic's messages, Bedrock's Converse.

A body that cannot be read costs the request its text, not the log its request.
"""

from __future__ import annotations

import msgspec
from siphonwatch.detector.request.request import ABSENT, Message, Parameters, Part

REDACTED = ("redacted-by-litellm", "REDACTED", "[REDACTED]")  # what gateways write in place of text that was not to be logged


class _Item(msgspec.Struct):
    """A message of any of the dialects; the items of tool calls carry no role."""

    role: str = "tool"
    content: str | list[Part] | None = None


class _Inference(msgspec.Struct):
    """Bedrock's ``inferenceConfig``."""

    max_tokens: int | None = msgspec.field(default=None, name="maxTokens")
    temperature: float | None = None
    top_p: float | None = msgspec.field(default=None, name="topP")


class _Text(msgspec.Struct):
    format: msgspec.Raw = ABSENT


class Body(Parameters):
    """What is read of a body: the parameters as OpenAI's chat API names them, and what the other dialects call otherwise."""

    model: str | None = None
    messages: list[_Item] | None = None
    input: str | list[_Item | str] | None = None
    prompt: str | list[str] | None = None
    system: str | list[Part] | None = None
    instructions: str | None = None
    user: str | None = None
    max_output_tokens: int | None = None
    max_tokens_to_sample: int | None = None
    text: _Text | None = None
    tool_config: msgspec.Raw = msgspec.field(default=ABSENT, name="toolConfig")
    inference: _Inference | None = msgspec.field(default=None, name="inferenceConfig")

    @property
    def parameters(self) -> Parameters:
        """The sampling parameters, whatever the dialect calls them."""
        inference = self.inference or _Inference()
        made = Parameters(**{name: getattr(self, name) for name in Parameters.__struct_fields__})
        made.temperature = made.temperature if made.temperature is not None else inference.temperature
        made.top_p = made.top_p if made.top_p is not None else inference.top_p
        made.max_tokens = made.max_tokens or self.max_output_tokens or self.max_tokens_to_sample or inference.max_tokens
        if not bytes(made.response_format) and self.text:
            made.response_format = self.text.format
        if not bytes(made.tools):
            made.tools = self.tool_config
        return made

    @property
    def turns(self) -> list[Message] | None:
        """System prompt and turns; ``None`` where the body holds none, or they were redacted."""
        turns = [Message("system", text) for text in (self.system, self.instructions) if text]
        given = self.messages if self.messages is not None else self.input
        if isinstance(given, str):
            turns.append(Message("user", given))
        elif given:
            turns += [Message("user", item) if isinstance(item, str) else Message(item.role, item.content) for item in given]
        elif self.prompt:
            turns.append(Message("user", self.prompt if isinstance(self.prompt, str) else "\n".join(self.prompt)))
        else:
            return None
        return None if redacted(turns) else turns


def redacted(turns: list[Message]) -> bool:
    """Whether the gateway put a placeholder where the text was."""
    return any(turn.content in REDACTED for turn in turns if isinstance(turn.content, str))


_body = msgspec.json.Decoder(Body)


def body(value: bytes | str | msgspec.Raw | None) -> Body:
    """A body from its JSON, or from JSON in a JSON string; an empty one where it cannot be read."""
    try:
        raw = value.encode() if isinstance(value, str) else bytes(value or b"")
        if raw[:1] == b'"':
            raw = msgspec.json.decode(raw, type=str).encode()
        return _body.decode(raw) if raw else Body()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return _salvaged(raw)


class _Least(msgspec.Struct):
    model: str | None = None
    prompt: str | None = None


def _salvaged(raw: bytes) -> Body:
    """What can be had of a body in no dialect we know."""
    try:
        least = msgspec.json.decode(raw, type=_Least)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return Body()
    return Body(model=least.model, prompt=least.prompt)
