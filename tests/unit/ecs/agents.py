"""A stand-in for the container agent of ECS: a real HTTP server that remembers what it was asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

ARN = "arn:aws:ecs:eu-central-1:123456789012:task/orders/1dc5c17a422b4dc291a5f9b2f8b6e9f1"


class FakeAgent:
    """Answers as the agent does: with the state that was set, or with `answers`, one for each request."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, object]]] = []
        """Request line and body."""
        self.answers: list[bytes] = []
        """Whole HTTP answers; empty: nothing is answered, and the connection closed."""
        self.silent = False
        """It takes requests and never answers."""
        self.uri = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next(int(line.split(":")[1]) for line in head.split("\r\n") if line.startswith("Content-Length"))
            body = orjson.loads(await reader.readexactly(length))
            self.asked.append((head.split("\r\n")[0], body))
            if self.silent:
                await reader.read()
            writer.write(self.answers.pop(0) if self.answers else protection(enabled=body["ProtectionEnabled"]))
            await writer.drain()
        finally:
            writer.close()


def answer(status: int, said: object, *, chunked: bool = False) -> bytes:
    """An HTTP answer with a JSON body."""
    body = orjson.dumps(said)
    head = f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
    if chunked:
        return f"{head}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def protection(*, enabled: bool, chunked: bool = False) -> bytes:
    """It was done."""
    state = {"ExpirationDate": "2026-11-29T18:00:00Z"} if enabled else {}
    return answer(200, {"protection": {"ProtectionEnabled": enabled, "TaskArn": ARN, **state}}, chunked=chunked)


@asynccontextmanager
async def serving() -> AsyncIterator[FakeAgent]:
    """On a free port of this machine."""
    agent = FakeAgent()
    server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
    agent.uri = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/api/f0e1d2c3-42"
    async with server:
        yield agent
