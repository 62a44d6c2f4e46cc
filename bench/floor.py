"""The floor: a loop that receives, checks, parses and deletes in tens, and does nothing of what makes a worker.

`python -m bench.floor` takes QUEUE_URL and ENDPOINT_URL, and ROWS for a SQLite file to be written before each delete;
it runs until it is killed. It asks for, signs and writes the same as the worker, from callbacks: no task,
no lease, no retry, no bound, no metric, and an answer that is not what it expects ends it. What a worker costs above it
is what its promises cost; what it costs itself is what Python, its sockets and SQLite cost.
"""

from __future__ import annotations

import asyncio
import os
import time
from hashlib import md5
from typing import Any, Final, cast

import httptools
import orjson
import uvloop

from bench.programs import CREDENTIALS
from worker.sinks.columns import FILLED, Rows, Value
from worker.sinks.sqlite.statements import BY_TIME
from worker.sinks.sqlite.table import SqliteTable
from worker.sqs.endpoint import Endpoint
from worker.sqs.parse import SYSTEM_ATTRIBUTES
from worker.sqs.sign import Keys, Signer

CONNECTIONS: Final = 64
ROWS_A_WRITE: Final = 500


class Floor:
    """What all connections share."""

    def __init__(self, queue_url: str, endpoint: Endpoint, rows: str | None) -> None:
        self._queue_url = queue_url
        self._signer = Signer(endpoint, region=CREDENTIALS["AWS_REGION"])
        self._keys = Keys(CREDENTIALS["AWS_ACCESS_KEY_ID"], CREDENTIALS["AWS_SECRET_ACCESS_KEY"])
        self._receive = orjson.dumps(
            {
                "QueueUrl": queue_url,
                "MaxNumberOfMessages": 10,
                "WaitTimeSeconds": 20,
                "MessageSystemAttributeNames": SYSTEM_ATTRIBUTES,
                "MessageAttributeNames": ["All"],
            }
        )
        self._table = None if rows is None else SqliteTable(rows, "messages", keys=[BY_TIME], busy_timeout_seconds=1.0)
        self._unwritten: list[Value] = []
        """The next write, row behind row. Written by `received` and `_write`."""
        self._waiting: list[Line] = []
        """Whose deletes wait for it. Written with `_unwritten`."""
        if self._table is not None:
            self._table.open()

    def ask(self) -> bytes:
        """A receive."""
        return self._signed("AmazonSQS.ReceiveMessage", self._receive)

    def received(self, line: Line, messages: list[dict[str, Any]]) -> None:
        """Check and parse; delete, when the rows are written."""
        for message in messages:
            body = message["Body"].encode()
            if md5(body, usedforsecurity=False).hexdigest() != message["MD5OfBody"]:
                raise ValueError("a damaged body")
            orjson.loads(body)
        if self._table is None:
            line.delete(messages)
            return
        now = time.time()
        for one in messages:
            sent_at = int(one["Attributes"]["SentTimestamp"]) / 1000
            self._unwritten += (one["MessageId"], one["Body"], sent_at, now, 1)
        self._waiting.append(line)
        if len(self._unwritten) >= ROWS_A_WRITE * len(FILLED):
            self._write(self._table)

    def delete(self, messages: list[dict[str, Any]]) -> bytes:
        """A delete of *messages*."""
        entries = [{"Id": str(at), "ReceiptHandle": one["ReceiptHandle"]} for at, one in enumerate(messages)]
        return self._signed(
            "AmazonSQS.DeleteMessageBatch", orjson.dumps({"QueueUrl": self._queue_url, "Entries": entries})
        )

    def _write(self, table: SqliteTable) -> None:
        values, self._unwritten = self._unwritten, []
        waiting, self._waiting = self._waiting, []
        table.insert([Rows(FILLED, values)])
        for line in waiting:
            line.delete(line.messages)

    def _signed(self, target: str, body: bytes) -> bytes:
        return self._signer.head(target, body, self._keys, time.time()) + body


class Line(asyncio.Protocol):
    """One connection: a receive, its delete, and so on."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        """Of the answer so far. Written by `on_body` and `on_message_complete`."""
        self.messages: list[dict[str, Any]] = []
        """Received and not deleted. Written by `on_message_complete`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._floor.ask())

    def data_received(self, data: bytes) -> None:
        """A piece of an answer."""
        self._parser.feed_data(data)

    def on_body(self, piece: bytes) -> None:
        """Mostly all of it."""
        self._body += piece

    def on_message_complete(self) -> None:
        """Messages, or that they are deleted."""
        answer, self._body = orjson.loads(self._body), b""
        if self.messages or not answer.get("Messages"):
            self.messages = []
            self._transport.write(self._floor.ask())
            return
        self.messages = answer["Messages"]
        self._floor.received(self, self.messages)

    def delete(self, messages: list[dict[str, Any]]) -> None:
        """They are done."""
        self._transport.write(self._floor.delete(messages))


async def main() -> None:
    """All connections, for ever."""
    endpoint = Endpoint.of(os.environ["ENDPOINT_URL"])
    floor = Floor(os.environ["QUEUE_URL"], endpoint, os.environ.get("ROWS"))
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Line(floor), endpoint.host, endpoint.port)
    await loop.create_future()


if __name__ == "__main__":
    uvloop.run(main())
