"""The turns of a conversation in whatever dialect a log holds them.

OpenAI's three, Anthropic's, Bedrock's, Gemini's, Cohere's, OpenTelemetry's.

Every part keeps its kind and its text; for pictures, sound and files, their ends stand. A user's turn that brings a tool's result is a
tool's turn, as OpenAI writes it, so that it is not taken for a question.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from siphonwatch.detector.request.request import ABSENT, Message, Part
from siphonwatch.detector.request.turns import stands_for
from siphonwatch.streams.formats.lenient import PLACEHOLDER, TOKENS, WRONG_TYPE, Reading

# what gateways write where text was not to be logged; a turn that says nothing else has no text
PLACEHOLDERS = frozenset({
    "redacted-by-litellm", "default-message-value", "redacted", "[redacted]", "<redacted>", "{redacted}", "(redacted)", "***", "*****",
    "[filtered]", "[removed]", "[hidden]", "<hidden>", "__redacted__", "[content redacted]", "content redacted", "redacted by policy",
    "[masked]",
})  # fmt: skip
ROLES = {"human": "user", "model": "assistant", "ai": "assistant", "bot": "assistant", "chatbot": "assistant", "function": "tool",
         "ipython": "tool", "end_user": "user", "customer": "user"}  # fmt: skip
TOOL_RESULTS = (
    "tool_result", "toolresult", "function_call_output", "tool_call_response", "functionresponse", "function_response",
    "tool_response", "computer_call_output", "custom_tool_call_output", "mcp_tool_result", "web_search_tool_result",
)  # fmt: skip
OF_THE_MODEL = (
    "function_call", "reasoning", "tool_use", "web_search_call", "file_search_call", "computer_call", "custom_tool_call",
    "code_interpreter_call", "image_generation_call", "mcp_call", "mcp_list_tools",
)  # fmt: skip
NESTED = (
    "text", "content", "parts", "message", "output", "response", "result", "value", "input_text", "thinking", "reasoning",
    "transcript", "refusal",
)  # fmt: skip
ENCLOSURES = {
    "image": "image", "image_url": "image_url", "inline_data": "image", "inlineData": "image", "fileData": "file", "file_data": "file",
    "document": "document", "video": "video", "audio": "audio", "input_audio": "input_audio", "source": "file", "toolUse": "tool_use",
    "functionCall": "tool_use", "function_call": "tool_use", "cachePoint": "cache", "guardContent": "text",
}  # fmt: skip
INPUTS = ("input", "args", "arguments")  # of a tool that is called
DEEPEST = 8  # parts within parts
_DATA_URL = re.compile(r"data:[^\s,;]{0,80}(?:;[^\s,;]{0,80}){0,4};base64,[A-Za-z0-9+/=_-]+")


def turns_of(given: Any, reading: Reading, field: str = "messages") -> list[Message]:
    """Turns of a list, a single turn, or a text. Turns that hold only a placeholder are left out, and so are those nobody can read.

    Both noted.
    """
    found: list[Message] = []
    if isinstance(given, list) and given and isinstance(given[0], int):
        reading.note(field, TOKENS)
        return found
    for item in given if isinstance(given, list) else [given]:
        if item is None or (isinstance(item, dict) and not any(each is not None for each in item.values())):
            continue  # nothing, or a row of a column whose type has these fields
        if isinstance(item, list):  # a list of conversations: completions take several prompts at once
            found += turns_of(item, reading, field)
            continue
        read = list(_turn(item))
        if not read:
            reading.note(field, WRONG_TYPE)
        for message in read:
            if _placeholder(message):
                reading.note(field, PLACEHOLDER)
            else:
                found.append(message)
    return found


def _turn(item: Any) -> Iterator[Message]:
    if isinstance(item, str):
        yield Message("user", clean(item))
        return
    if not isinstance(item, dict):
        return
    kind = str(item.get("type") or "").lower()
    role = _role(item, kind)
    content = _said(item)
    if isinstance(content, dict) and "content" in content and "role" in content:  # a turn within a wrapper
        yield from _turn(content)
        return
    if content is None or isinstance(content, str):
        if content is None and not (item.keys() & KNOWN):
            return
        yield Message("tool" if kind in TOOL_RESULTS else role, clean(content) if content else None, _calls(item))
        return
    parts = list(parts_of(content))
    if kind in TOOL_RESULTS:
        yield Message("tool", parts)
        return
    results = [part for part in parts if part.type == "tool_result"]
    if results and role == "user":
        yield Message("tool", results)
        parts = [part for part in parts if part.type != "tool_result"]
        if not parts:
            return
    if parts or not content:
        yield Message(role, parts, _calls(item))


SAID = ("content", "parts", "contents", "text", "message", "output", "summary")


def _said(item: dict[str, Any]) -> Any:
    """What a turn says, under whatever names: all of it where there are several, as one of them may be a decoy."""
    found: list[Any] = []
    for name in SAID:
        if item.get(name) is not None and item[name] not in found:
            found.append(item[name])
    if item.get("images"):  # as Ollama has them beside the text
        found.append({"type": "image", "image": item["images"]})
    return found if len(found) > 1 else found[0] if found else None


def _calls(item: dict[str, Any]) -> msgspec.Raw:
    """The tools that a turn calls, as OpenAI's chat API writes them."""
    called = item.get("tool_calls") or [{"function": item[name]} for name in ("function_call",) if item.get(name)]
    if item.get("type") in OF_THE_MODEL and item.get("arguments"):
        called = [{"function": {"arguments": item["arguments"]}}]
    return msgspec.Raw(msgspec.json.encode(called)) if called else ABSENT


KNOWN = frozenset({"role", "type", "author", "tool_calls", "function_call", "content", "name", "call_id", "id"})


def _role(item: dict[str, Any], kind: str) -> str:
    role = item.get("role") or item.get("author") or item.get("from") or item.get("speaker")
    if isinstance(role, dict):
        role = role.get("role")
    if isinstance(role, str) and role.strip():
        lowered = role.strip().lower()
        return ROLES.get(lowered, lowered)
    return (
        "tool" if kind in TOOL_RESULTS else "assistant" if kind in OF_THE_MODEL else ROLES.get(kind, kind) if kind in SPEAKERS else "user"
    )


SPEAKERS = frozenset({"user", "assistant", "system", "developer", "tool", *ROLES})


def parts_of(content: Any, depth: int = 0) -> Iterator[Part]:
    """Parts of a turn: a list of them, one alone, or text."""
    if depth > DEEPEST:
        return
    if isinstance(content, list):
        for one in content:
            yield from parts_of(one, depth + 1)
        return
    if isinstance(content, str):
        yield Part("text", clean(content))
        return
    if not isinstance(content, dict):
        if isinstance(content, int | float) and not isinstance(content, bool):
            yield Part("text", f"{content}")
        return
    kind = content.get("type")
    kind = kind if isinstance(kind, str) and len(kind) < 64 else None
    result = next(
        (content[name] for name in ("toolResult", "functionResponse", "function_response", "tool_result") if name in content), None
    )
    if result is not None or (kind or "").lower() in TOOL_RESULTS:
        held = result if result is not None else {key: value for key, value in content.items() if key != "type"}
        yield Part("tool_result", text_of(held))
        return
    texts = [content[name] for name in TEXTS if content.get(name) is not None]
    for text in texts:
        if isinstance(text, str):
            yield Part(kind or "text", clean(text))
        else:
            found = list(parts_of(text, depth + 1))
            yield from [Part(kind, part.text) if kind and part.type == "text" else part for part in found]
    enclosed = [name for name in ENCLOSURES if name in content]
    if not texts:
        held = _enclosed(content, enclosed) or text_of({name: each for name, each in content.items() if each and name not in ABOUT})
        yield Part(kind or ENCLOSURES.get(enclosed[0] if enclosed else "", "other"), held)
    elif held := _enclosed(content, enclosed):  # a part that says one thing and encloses another
        yield Part(ENCLOSURES.get(enclosed[0] if enclosed else "", "other"), held)


ABOUT = ("type", "cache_control", "cachePoint", "signature", "encrypted_content")  # a part, and no text of it
TEXTS = ("text", "content", "input_text", "thinking", "transcript", "refusal", "value")


def _enclosed(content: dict[str, Any], names: list[str]) -> str | None:
    """What a part holds beside text: a tool's input, and what stands for a picture, sound or file."""
    calls = [content, *(content[name] for name in names if isinstance(content[name], dict))]
    asked = [text_of(call[each]) for call in calls for each in INPUTS if call.get(each)]
    shown = [stands_for(content[name]) for name in names if content[name] not in calls or not content[name].keys() & set(INPUTS)]
    return "\n".join(text for text in (*asked, *shown) if text) or None


def text_of(value: Any, depth: int = 0) -> str | None:
    """All text within a value, where keys say that it is text; JSON of a tool's structured result."""
    if depth > DEEPEST or value is None:
        return None
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, bool | int | float):
        return f"{value}"
    if isinstance(value, list):
        return "\n".join(found for each in value if (found := text_of(each, depth + 1))) or None
    if isinstance(value, dict):
        held = next((value[name] for name in NESTED if value.get(name) not in (None, "")), None)
        if held is not None:
            return text_of(held, depth + 1)
        held = {
            name: each
            for name, each in value.items()
            if name not in ("tool_use_id", "toolUseId", "id", "call_id", "name", "status", "role", "type")
        }
        return clean(msgspec.json.encode(held).decode()) if held and depth < DEEPEST and not (value.keys() & ENCLOSURES.keys()) else None
    return None


def clean(text: str) -> str:
    """Text without files that are written into it as data URLs."""
    return _DATA_URL.sub("", text) if len(text) > 200 and ";base64," in text else text


def _placeholder(message: Message) -> bool:
    """Whether a gateway put a placeholder where the text was."""
    content = message.content
    if isinstance(content, str):
        return _is(content)
    texts = [part.text for part in content or () if part.text]
    return bool(texts) and all(map(_is, texts))


def _is(text: str) -> bool:
    return len(text) < 40 and text.strip().lower() in PLACEHOLDERS
