"""An HTTP server on 127.0.0.1 that answers each request as it is told, however wrong.

Takes a list of answers for each operation (the last one repeats) and gives the requests it saw; it knows nothing of
SQS. It ends with its context, and with it every connection.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

REQUEST_ID: Final = {"x-amzn-RequestId": "0b1d2f3a-0000-4000-8000-000000000000"}
JSON: Final = {"Content-Type": "application/x-amz-json-1.0"}


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, byte for byte; `promised` states another length than the body has."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: REQUEST_ID | JSON)
    promised: int | None = None

    def encoded(self) -> bytes:
        """The answer as it goes over the wire."""
        length = len(self.body) if self.promised is None else self.promised
        lines = [f"HTTP/1.1 {self.status} Scripted", f"Content-Length: {length}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + self.body


class Reset:
    """The connection is reset in place of an answer."""


class BlackHole:
    """Nothing ever comes back."""


Answer = Reply | Reset | BlackHole


def said(document: object) -> Reply:
    """A good answer with *document*."""
    return Reply(body=json.dumps(document).encode())


def refused(status: int, shape: str, query_code: str = "") -> Reply:
    """An error as SQS spells it: the shape in the body, the older code in a header."""
    body = json.dumps({"__type": f"com.amazonaws.sqs#{shape}", "message": "SQS's words"}).encode()
    query = {"x-amzn-query-error": f"{query_code};Sender"} if query_code else {}
    return Reply(status, body, REQUEST_ID | JSON | query)


def message(number: int, **changed: Any) -> dict[str, Any]:
    """One entry of `Messages`; a field given as None is left out."""
    body = f"body {number}"
    whole = {
        "MessageId": f"id-{number}",
        "ReceiptHandle": f"handle-{number}",
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Attributes": {"SentTimestamp": "1700000000123", "ApproximateReceiveCount": "3"},
    }
    return {name: value for name, value in (whole | changed).items() if value is not None}


QUEUE: Final = said({"Attributes": {"QueueArn": "arn:aws:sqs:us-east-1:000000000000:orders"}})


@dataclass(slots=True)
class Request:
    """What a client sent."""

    operation: str
    headers: dict[str, str]
    document: dict[str, Any]


class Scripted:
    """The script, and what was asked."""

    def __init__(self) -> None:
        self.endpoint_url = ""
        """Written once, when the server listens."""
        self.requests: list[Request] = []
        """Written by each connection."""
        self.swallowed = asyncio.Event()
        """Set when a black hole took a request."""
        self._script: dict[str, list[Answer]] = {"GetQueueAttributes": [QUEUE]}

    def answers(self, operation: str, *answers: Answer) -> None:
        """From now on *operation* is answered by these in turn, by the last of them for ever."""
        self._script[operation] = list(answers)

    def asked(self, operation: str) -> list[Request]:
        """The requests of *operation*."""
        return [request for request in self.requests if request.operation == operation]

    async def converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        try:
            while request := await self._read(reader):
                self.requests.append(request)
                script = self._script[request.operation]
                answer = script.pop(0) if len(script) > 1 else script[0]
                if isinstance(answer, Reset):
                    writer.transport.abort()
                    return
                if isinstance(answer, BlackHole):
                    self.swallowed.set()
                    await reader.read()  # until the client gives up
                    return
                writer.write(answer.encoded())
                if answer.promised is not None:
                    return
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Request | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return None
        lines = head.decode("latin-1").split("\r\n")[1:]
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        document = json.loads(await reader.readexactly(int(headers["content-length"])))
        return Request(headers["x-amz-target"].partition(".")[2], headers, document)


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """A server that runs."""
    script = Scripted()
    server = await asyncio.start_server(script.converse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    script.endpoint_url = f"http://127.0.0.1:{port}"
    try:
        yield script
    finally:
        server.close()
        await server.wait_closed()
