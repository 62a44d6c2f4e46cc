"""A raw HTTP client for the loopback's tests: bytes out, answers in, no library that would repair anything."""

from __future__ import annotations

import asyncio
import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    from worker.loopback.server import LoopbackServer


@dataclass(frozen=True)
class Response:
    """One HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, decoded."""
        return json.loads(self.body)


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, address: str) -> None:
        self.reader = reader
        self.writer = writer
        self.address = address

    @classmethod
    async def connect(cls, server: LoopbackServer, *, tls: ssl.SSLContext | None = None) -> Client:
        """A new connection."""
        address = server.endpoint_url.partition("//")[2]
        host, port = address.split(":")
        return cls(*await asyncio.open_connection(host, int(port), ssl=tls), address)

    def request(self, operation: str, params: object, **headers: str) -> bytes:
        """The bytes of a call to SQS."""
        body = params if isinstance(params, bytes) else json.dumps(params).encode()
        lines = {"Host": self.address, "X-Amz-Target": f"AmazonSQS.{operation}", "Content-Length": str(len(body))}
        lines |= {name.replace("_", "-"): value for name, value in headers.items()}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"POST / HTTP/1.1\r\n{head}\r\n".encode() + body

    async def send(self, data: bytes) -> None:
        """Write bytes as they are."""
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> Response:
        """The next answer."""
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        return Response(int(first.split()[1]), headers, await self.reader.readexactly(int(headers["content-length"])))

    async def call(self, operation: str, params: object, **headers: str) -> Response:
        """One call to SQS and its answer."""
        await self.send(self.request(operation, params, **headers))
        return await self.answer()

    async def get(self, path: str, *, method: str = "GET", body: object = None) -> Response:
        """One request to the control address."""
        data = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.address}\r\nContent-Length: {len(data)}\r\n\r\n"
        await self.send(head.encode() + data)
        return await self.answer()

    def url(self, name: str = "jobs") -> str:
        """A queue's URL."""
        return f"http://{self.address}/000000000000/{name}"

    async def close(self) -> None:
        """Hang up."""
        self.writer.close()
        with contextlib.suppress(ConnectionError):  # the other side may have been rougher
            await self.writer.wait_closed()
