"""What a call was is told by the gateway's own words for it, whatever names stand before them."""

from __future__ import annotations

import pytest
from siphonwatch.streams.formats.kinds import other

QUESTIONS = [
    "acompletion", "completion", "atext_completion", "aresponses", "anthropic_messages", "agenerate_content", "agenerate_content_stream",
    "pass_through_endpoint", "allm_passthrough_route", "chat", "Chat", "text_completion", "generate_content", "responses", "messages",
    "invoke_model",
    "/v1/chat/completions", "/v1/completions?x=/embeddings", "/v1/messages", "/v1/responses/",
    "/openai/deployments/embed-bot/chat/completions",
    "/openai/deployments/image-embeddings/completions", "/v1beta/models/my-embedding:generateContent",
    "/model/batch-rerank/converse-stream",
    "https://api.example/v1/chat/completions", "ChatCompletions/Create", "GenerateContent", "StreamGenerateContent", "RawPredict", None,
    "", "-", "novelty",
]  # fmt: skip
OTHERS = {
    "aembedding": "embeddings", "/v1/embeddings": "embeddings", "embeddings": "embeddings", "EmbedContent": "embeddings",
    "aimage_generation": "images",
    "/v1/images/generations": "images", "atranscription": "speech", "/v1/audio/speech": "speech", "amoderation": "moderation",
    "/v1/moderations": "moderation", "arerank": "reranking", "/v2/rerank": "reranking", "acreate_batch": "batches",
    "aretrieve_batch": "batches",
    "/v1/batches": "batches", "call_mcp_tool": "tools", "execute_tool": "tools", "invoke_agent": "agents", "create_agent": "agents",
    "/health": "health checks",
    "/healthz": "health checks", "/v1/models": "files, models and settings", "/v1/files": "files, models and settings",
    "CountTokens": "files, models and settings",
}  # fmt: skip


@pytest.mark.parametrize("call", QUESTIONS)
def test_questions(call: str | None) -> None:
    assert other(call) is None


@pytest.mark.parametrize("call", OTHERS)
def test_others(call: str) -> None:
    assert other(call) == OTHERS[call]
