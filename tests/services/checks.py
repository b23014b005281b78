"""Checks at a steady pace, as a gateway would send them."""

from __future__ import annotations

import asyncio
import time


async def paced(port: int, token: str, rate: int, count: int, connections: int = 8) -> list[float]:
    """Seconds that each of ``count`` checks took, sent evenly at ``rate`` a second over some connections; every answer must be 200."""
    raw = f"GET /v1/forward-auth HTTP/1.1\r\nhost: x\r\nx-siphonwatch-token: {token}\r\nx-account-id: good\r\n\r\n".encode()
    taken: list[float] = []

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun = time.perf_counter()
        for check in range(number, count, connections):
            if (wait := begun + check / rate - time.perf_counter()) > 0:
                await asyncio.sleep(wait)
            sent = time.perf_counter()
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            taken.append(time.perf_counter() - sent)
            assert head.startswith(b"HTTP/1.1 200")
        writer.close()

    await asyncio.gather(*(client(number) for number in range(connections)))
    return taken
