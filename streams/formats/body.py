"""The request's body, where a gateway logs it.

OpenAI's chat, completions and responses, Anthropic's, Bedrock's families, Gemini's, Cohere's, SGLang's.

What cannot be read of a body costs itself alone, and is counted.
"""

from __future__ import annotations

from typing import Any

import msgspec
from siphonwatch.detector.request.request import ABSENT, Message, Parameters
from siphonwatch.streams.formats.lenient import NOT_JSON, WRONG_TYPE, OddError, Reader, Reading, loads
from siphonwatch.streams.formats.turns import turns_of

_NOTHING = (b"", b"-", b"null", b'""', b"{}", b"[]")


class Limits(msgspec.Struct):
    """What the dialects nest: Bedrock's ``inferenceConfig``, Gemini's ``generationConfig``, Titan's, SGLang's, Ollama's, TGI's."""

    max_tokens: int | None = None
    max_tokens_converse: int | None = msgspec.field(default=None, name="maxTokens")
    max_new_tokens: int | None = None
    max_tokens_titan: int | None = msgspec.field(default=None, name="maxTokenCount")
    max_tokens_gemini: int | None = msgspec.field(default=None, name="maxOutputTokens")
    max_tokens_gemini_python: int | None = msgspec.field(default=None, name="max_output_tokens")
    max_tokens_ollama: int | None = msgspec.field(default=None, name="num_predict")
    temperature: float | None = None
    top_p: float | None = None
    top_p_camel: float | None = msgspec.field(default=None, name="topP")
    n: int | None = None
    n_gemini: int | None = msgspec.field(default=None, name="candidateCount")
    seed: int | None = None
    logprobs: int | bool | None = None
    logprobs_gemini: bool | None = msgspec.field(default=None, name="responseLogprobs")
    mime: str | None = msgspec.field(default=None, name="responseMimeType")
    schema: msgspec.Raw = msgspec.field(default=ABSENT, name="responseSchema")
    json_schema: msgspec.Raw = ABSENT
    regex: str | None = None

    @property
    def length(self) -> int | None:
        """The limit of an answer's tokens, whatever it is called."""
        given = (self.max_tokens, self.max_tokens_converse, self.max_new_tokens, self.max_tokens_titan, self.max_tokens_gemini,
                 self.max_tokens_gemini_python, self.max_tokens_ollama)  # fmt: skip
        return next((each for each in given if each is not None), None)


class _Text(msgspec.Struct):
    format: msgspec.Raw = ABSENT


class Body(Parameters):
    """What is read of a body: the parameters as OpenAI's chat API names them, and what the other dialects call otherwise."""

    model: str | None = None
    user: str | None = None
    messages: Any = None
    input: Any = None
    prompt: Any = None
    system: Any = None
    instructions: Any = None
    contents: Any = None  # Gemini
    system_gemini: Any = msgspec.field(default=None, name="systemInstruction")
    system_gemini_python: Any = msgspec.field(default=None, name="system_instruction")
    message: Any = None  # Cohere
    history: Any = msgspec.field(default=None, name="chat_history")
    preamble: Any = None
    titan: Any = msgspec.field(default=None, name="inputText")
    text: Any = None  # OpenAI's responses: an object; SGLang: the prompt
    instances: Any = None  # Vertex
    inputs: Any = None  # TGI
    variables: Any = msgspec.field(
        default=None, name="promptVariables"
    )  # of a prompt that the provider keeps: Bedrock's; OpenAI's are in it
    max_output_tokens: int | None = None
    max_tokens_to_sample: int | None = None
    max_gen_len: int | None = None
    tool_config: msgspec.Raw = msgspec.field(default=ABSENT, name="toolConfig")
    samples_cohere: int | None = msgspec.field(default=None, name="num_generations")
    inference: Limits | None = msgspec.field(default=None, name="inferenceConfig")
    generation: Limits | None = msgspec.field(default=None, name="generationConfig")
    generation_snake: Limits | None = msgspec.field(default=None, name="generation_config")
    titan_limits: Limits | None = msgspec.field(default=None, name="textGenerationConfig")
    sampling: Limits | None = msgspec.field(default=None, name="sampling_params")
    options: Limits | None = None
    inner: Limits | None = msgspec.field(default=None, name="parameters")
    picture: str | None = msgspec.field(default=None, name="taskType")  # Titan's and Nova's pictures
    metadata: Any = None

    @property
    def parameters(self) -> Parameters:
        """The sampling parameters, whatever the dialect calls them."""
        nested = (self.inference, self.generation, self.generation_snake, self.titan_limits, self.sampling, self.options, self.inner)
        held = next((each for each in nested if each is not None), None) or _NO_LIMITS
        made = Parameters(**{name: getattr(self, name) for name in Parameters.__struct_fields__})
        made.temperature = made.temperature if made.temperature is not None else held.temperature
        made.top_p = next((each for each in (made.top_p, held.top_p, held.top_p_camel) if each is not None), None)
        given = (made.max_tokens, self.max_output_tokens, self.max_tokens_to_sample, self.max_gen_len, held.length)
        made.max_tokens = next((each for each in given if each is not None), None)
        made.n = next((each for each in (made.n, self.samples_cohere, held.n, held.n_gemini) if each is not None), None)
        made.seed = made.seed if made.seed is not None else held.seed
        made.logprobs = made.logprobs if made.logprobs is not None else held.logprobs if held.logprobs is not None else held.logprobs_gemini
        formed = self.text.get("format") if isinstance(self.text, dict) else None
        of_text = msgspec.Raw(msgspec.json.encode(formed)) if formed else ABSENT
        plain = msgspec.Raw(b'"json"') if held.mime and "json" in held.mime else ABSENT
        made.response_format = _all(made.response_format, of_text, held.schema, held.json_schema) or plain
        made.tools = _all(made.tools, self.tool_config)
        return made

    def turns(self, reading: Reading) -> list[Message] | None:
        """System prompt and turns; ``None`` where the body holds none, or they were redacted."""
        found = []
        for given in (self.system, self.instructions, self.system_gemini, self.system_gemini_python, self.preamble):
            found += _system(given, reading)
        *beside, usual = self._asked() or [[]]
        unnoted = Reading(reading.format)  # what is odd beside what is read is no loss
        turns = [*(turn for given in beside for turn in turns_of(given, unnoted)), *turns_of(usual, reading)]
        return [*found, *turns] or None if turns else None

    def _asked(self) -> list[Any]:
        """All that is asked, under whatever names, the usual ones last: which of them the provider reads is not ours to guess.

        A decoy beside the question is the client's to add.
        """
        talk = list(self.history) if isinstance(self.history, list) else []
        talk += [{"role": "user", "content": self.message}] if self.message else []
        several: list[Any] = []  # of which there may be any number: they are not compared
        for instance in self.instances if isinstance(self.instances, list) else []:
            several += [instance.get(name) for name in ("content", "prompt", "messages")] if isinstance(instance, dict) else [instance]
        text = self.text if isinstance(self.text, str | list) else None
        kept = self.prompt.get("variables") if isinstance(self.prompt, dict) else None
        prompt = _filled(kept) if kept else self.prompt
        found: list[Any] = []
        for given in (self.inputs, self.titan, _filled(self.variables), prompt, text, talk, self.contents, self.input, self.messages):
            if given not in (None, "", [], {}) and given not in found:
                found.append(given)
        return [*(given for given in several if given not in (None, "", [], {})), *found]


def _filled(variables: Any) -> Any:
    """What is put into a prompt that the provider keeps, as a turn."""
    if not isinstance(variables, dict):
        return variables
    parts = [each if isinstance(each, dict) else {"type": "text", "text": str(each)} for each in variables.values()]
    return [{"role": "user", "content": parts}] if parts else None


def _all(*given: msgspec.Raw) -> msgspec.Raw:
    """Raw values as one: a list where there are several."""
    held = [bytes(each) for each in given if bytes(each) not in (b"", b"null")]
    return ABSENT if not held else msgspec.Raw(held[0] if len(held) == 1 else b"[%b]" % b",".join(held))


_NO_LIMITS = Limits()
_reader = Reader(Body)


def _system(given: Any, reading: Reading) -> list[Message]:
    if given in (None, "", [], {}):
        return []
    if isinstance(given, str):
        return [Message("system", turn.content) for turn in turns_of(given, reading, "system")]
    turns = turns_of(
        {"role": "system", "content": given}
        if isinstance(given, list)
        else {"role": "system", **given}
        if isinstance(given, dict)
        else given,
        reading,
        "system",
    )
    return [Message("system", turn.content) for turn in turns]


def body(value: Any, reading: Reading) -> Body:
    """A body from its JSON, from JSON in a JSON string, from a list of turns, or from an object.

    An empty one where there is none to read, noted.
    """
    if value is None:
        return Body()
    if isinstance(value, dict | list):
        return _of(value, reading)
    if not isinstance(value, str | bytes | msgspec.Raw):
        reading.note("body", WRONG_TYPE)
        return Body()
    raw = value.encode("utf-8", "replace") if isinstance(value, str) else bytes(value)
    raw = raw.strip()
    if raw in _NOTHING:
        return Body()
    try:
        if raw[:1] == b"{":
            return _reader.read(raw, reading)
        if raw[:1] in (b"[", b'"'):
            held = loads(raw, reading)
            return body(held, reading) if isinstance(held, str) else _of(held, reading)
    except (OddError, ValueError, RecursionError):
        pass
    reading.note("body", NOT_JSON)
    return Body()


def _of(value: Any, reading: Reading) -> Body:
    if isinstance(value, list):
        return Body(messages=value)
    try:
        return _reader.read(msgspec.json.encode(value), reading)
    except (OddError, ValueError, RecursionError):
        reading.note("body", WRONG_TYPE)
        return Body()
