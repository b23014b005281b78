"""What a call was, where it was no question to a model.

Told from the gateway's own words for it (call type, operation, path) and from the answer.

Never from what a client is free to write into its request: whoever could declare a question to be an embedding would not be counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

QUESTIONS = (
    "chat", "completion", "response", "message", "messages", "anthropicmessages", "converse", "invokemodel", "invokemodelwithresponse",
    "generatecontent", "generate", "textcompletion", "predict", "rawpredict", "passthroughendpoint", "llmpassthroughroute",
    "invocations", "chatcompletion", "realtime",
)  # fmt: skip
OTHERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("health checks", ("health", "liveness", "readiness")),
    ("embeddings", ("embed",)),
    ("moderation", ("moderation", "guardrail")),
    ("reranking", ("rerank",)),
    ("images", ("image", "video", "ocr")),
    ("speech", ("speech", "transcri", "translat", "audio", "tts")),
    ("batches", ("batch",)),
    ("tools", ("mcp", "execute_tool", "tool", "retriev", "search", "memory", "a2a")),
    ("agents", ("agent", "workflow", "chain", "plan")),
    ("files, models and settings", (
        "file", "fine_tun", "finetun", "vector_store", "assistant", "thread", "model", "skill", "container", "evals", "token_count",
        "count_tokens", "counttokens", "listkeys", "audit",
    )),
)  # fmt: skip


def other(call: str | None) -> str | None:
    """What else than a question ``call`` (a call type, an operation or a path) stands for; ``None`` for a question.

    Or what nobody knows.
    """
    if not call:
        return None
    words = call.lower().split("?")[0].rstrip("/")
    short = "/".join(words.rsplit("/", 2)[-2:]).replace("-", "_")
    if _asks(short):
        return None
    return next((kind for kind, marks in OTHERS if any(mark in short for mark in marks)), None)


def _asks(call: str) -> bool:
    """Whether the last word of a call is one for asking: ``deployments/embed-bot/chat/completions`` is, whatever the names before it."""
    last = re.split(r"[/:. ]", call)[-1].replace("_", "")
    return any(last in (word, f"a{word}", f"{word}s", f"{word}stream", f"stream{word}") for word in QUESTIONS)


def other_answer(answer: Any) -> str | None:
    """What else than an answer to a question an answer is: vectors, pictures, scores."""
    if isinstance(answer, list):
        answer = answer[0] if len(answer) == 1 else None
    if not isinstance(answer, Mapping):
        return None
    if (
        "embedding" in answer
        or "embeddings" in answer
        or "embeddingsByType" in answer
        or ("predictions" in answer and _has(answer["predictions"], "embeddings"))
    ):
        return "embeddings"
    data = answer.get("data")
    if isinstance(data, list) and data and not answer.get("choices"):
        if _has(data, "embedding"):
            return "embeddings"
        if _has(data, "b64_json") or _has(data, "url"):
            return "images"
    if ("images" in answer or "artifacts" in answer) and "choices" not in answer:
        return "images"
    results = answer.get("results")
    if _has(results, "relevance_score"):
        return "reranking"
    if _has(results, "flagged") or _has(results, "category_scores"):
        return "moderation"
    return None


def _has(items: Any, key: str) -> bool:
    return isinstance(items, list) and bool(items) and isinstance(items[0], Mapping) and key in items[0]
