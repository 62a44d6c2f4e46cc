"""A service that accepts every POST at once, as thin as one can be: prints its URL, and goes on until it is ended."""

from __future__ import annotations

import asyncio
from typing import Final, cast

import click
import httptools
import uvloop

ACCEPTED: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Acceptor(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        """Written by `connection_made`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """See httptools: a whole request is there."""
        self._transport.write(ACCEPTED)


async def main() -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Acceptor, "127.0.0.1", 0)
    click.echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
