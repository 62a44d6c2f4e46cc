"""A service that accepts every POST at once, as thin as one can be: prints its URL, and goes on until it is ended.

A call of AWS's JSON that puts records is answered with as many results as it has records; all else with an empty body.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast

import click
import httptools
import uvloop

ACCEPTED: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
ANSWERED: Final = (
    b"HTTP/1.1 200 OK\r\nx-amzn-RequestId: 1\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: %d\r\n\r\n"
)
STORED: Final = b'{"SequenceNumber":"1","ShardId":"shardId-000000000000"}'
DATA: Final = b'"Data":'
"""Once in each record, whose data is in base64."""


class Acceptor(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport
        """Written by `connection_made`."""
        self._of_aws = False
        """Written with the headers."""
        self._body: list[bytes] = []
        """As above, of AWS's calls only."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of no class of asyncio's

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._parser.feed_data(data)

    def on_header(self, name: bytes, _value: bytes) -> None:
        """See httptools."""
        self._of_aws = self._of_aws or name.lower() == b"x-amz-target"

    def on_body(self, part: bytes) -> None:
        """See httptools."""
        if self._of_aws:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """See httptools: a whole request is there."""
        self._transport.write(_stored(b"".join(self._body)) if self._of_aws else ACCEPTED)
        self._of_aws = False
        self._body.clear()


def _stored(asked: bytes) -> bytes:
    body = b'{"FailedRecordCount":0,"Records":[%s]}' % b",".join([STORED] * asked.count(DATA))
    return ANSWERED % len(body) + body


async def main() -> None:
    """Until the process is ended."""
    server = await asyncio.get_running_loop().create_server(Acceptor, "127.0.0.1", 0)
    click.echo(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
