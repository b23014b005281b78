"""A small OpenAI-compatible upstream: answers chat completions, streamed or not, and says what it was asked."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Upstream(ThreadingHTTPServer):
    """Counts requests; a prompt that holds the word ``fail`` is answered 500, ``slow down`` 429."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[dict] = []
        self.heard: list[list[tuple[str, str]]] = []  # the headers of each, as they came

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        self._send(200, {"status": "ok"})

    def do_POST(self) -> None:
        raw = self._chunks() if self.headers.get("transfer-encoding") else self.rfile.read(int(self.headers.get("content-length", 0)))
        asked = json.loads(raw or b"{}")
        self.server.heard.append([(name.lower(), value) for name, value in self.headers.items()])  # type: ignore[attr-defined]
        self.server.asked.append(asked)  # type: ignore[attr-defined]
        text = json.dumps(asked.get("messages", ""))
        if "slow down" in text:
            return self._send(429, {"error": {"message": "slow down", "type": "rate_limit_error"}})
        if "fail" in text:
            return self._send(500, {"error": {"message": "failed", "type": "server_error"}})
        usage = {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21, "prompt_tokens_details": {"cached_tokens": 4}}
        made = {"id": f"chatcmpl-{time.time_ns()}", "created": int(time.time()), "model": asked.get("model", "m")}
        message = {"role": "assistant", "content": "It is a lighthouse."}
        if asked.get("stream"):
            first = {**made, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": message, "finish_reason": None}]}
            last = {**made, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
            closing = {**made, "object": "chat.completion.chunk", "choices": [], "usage": usage}
            body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in (first, last, closing)) + b"data: [DONE]\n\n"
            return self._raw(200, body, "text/event-stream")
        choices = [{"index": at, "message": message, "finish_reason": "stop"} for at in range(asked.get("n") or 1)]
        self._send(200, {**made, "object": "chat.completion", "choices": choices, "usage": usage})

    def _chunks(self) -> bytes:
        """A chunked body; trailers are read and forgotten."""
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return found

    def _send(self, status: int, value: object) -> None:
        self._raw(status, json.dumps(value).encode(), "application/json")

    def _raw(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def upstream() -> Iterator[Upstream]:
    """An upstream on a free port."""
    server = Upstream()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
