"""A bucket that accepts every file at once, as thin as one can be: prints its URL, and goes on until it is ended."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import click
import httptools
import uvloop

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
BEGUN: Final = b"<InitiateMultipartUploadResult><UploadId>any</UploadId></InitiateMultipartUploadResult>"
CHECKSUM: Final = b"x-amz-checksum-sha256"


class Acceptor(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._checksum = b""
        """Of the request under way."""
        self._transport: asyncio.Transport
        """Written by `connection_made`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, value: bytes) -> None:
        """See httptools."""
        if name.lower() == b"expect":
            self._transport.write(CONTINUE)
        if name.lower() == CHECKSUM:
            self._checksum = value

    def on_message_complete(self) -> None:
        """See httptools: a whole request is there."""
        body = BEGUN if self._parser.get_method() == b"POST" else b""
        head = b"ETag: any\r\n%s: %s\r\nContent-Length: %d" % (CHECKSUM, self._checksum, len(body))
        self._transport.write(b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (head, body))


async def main() -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Acceptor, "127.0.0.1", 0)
    click.echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
