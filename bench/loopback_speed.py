"""How fast is the loopback? Messages received and deleted per second, and per second of the server's own CPU.

Takes sizes on the command line, starts the server in another process with the messages already waiting, drains part of
it over raw sockets, prints one JSON line with the rates and the memory a waiting message costs.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import uvloop

from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from multiprocessing.connection import Connection

QUEUE = "bench"


def serve(pipe: Connection, waiting: int, body_bytes: int) -> None:
    """The server process: fills the queue, reports, serves until it is terminated."""
    before = resident_bytes()
    sqs = LoopbackSqs(rng=random.Random(0))  # noqa: S311 - ids only
    sqs.create_queue(QUEUE, {"VisibilityTimeout": "600"})
    begun = time.perf_counter()
    for number in range(0, waiting, 10):
        sqs.send_message_batch(
            QUEUE, [Outgoing(f"{n:010d}" + "x" * (body_bytes - 10)) for n in range(number, number + 10)]
        )
    pipe.send({"fill": waiting / (time.perf_counter() - begun), "bytes": (resident_bytes() - before) / max(waiting, 1)})

    async def run() -> None:
        async with LoopbackServer(sqs) as server:
            pipe.send(server.endpoint_url)
            await asyncio.Event().wait()

    uvloop.run(run())


def resident_bytes() -> int:
    """Memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(pid: int) -> float:
    """CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Drainer(asyncio.Protocol):
    """One connection: receive ten, delete ten, and again."""

    def __init__(self, url: str, quota: list[int]) -> None:
        self.done = asyncio.get_running_loop().create_future()
        self._queue_url = f"{url}/000000000000/{QUEUE}"
        self._host = url.removeprefix("http://")
        self._quota = quota
        self._buffer = b""
        self._receive = self._request(
            "ReceiveMessage", {"QueueUrl": self._queue_url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
        )

    def _request(self, operation: str, params: dict[str, object]) -> bytes:
        body = orjson.dumps(params)
        head = (
            f"POST / HTTP/1.1\r\nHost: {self._host}\r\nX-Amz-Target: AmazonSQS.{operation}\r\n"
            f"Content-Type: application/x-amz-json-1.0\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport
        transport.write(self._receive)  # type: ignore[attr-defined] # a stream transport

    def data_received(self, data: bytes) -> None:
        """An answer, or part of one."""
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        start = self._buffer.rfind(b"Content-Length: ", 0, end + 2) + 16
        length = int(self._buffer[start : self._buffer.index(b"\r", start)])
        if len(self._buffer) < end + 4 + length:
            return
        body, self._buffer = self._buffer[end + 4 :], b""
        self._answered(orjson.loads(body))

    def _answered(self, answer: dict[str, list[dict[str, str]]]) -> None:
        if "Messages" in answer:
            entries = [{"Id": str(n), "ReceiptHandle": m["ReceiptHandle"]} for n, m in enumerate(answer["Messages"])]
            request = self._request("DeleteMessageBatch", {"QueueUrl": self._queue_url, "Entries": entries})
        else:
            self._quota[0] -= len(answer.get("Successful", ()))
            if self._quota[0] <= 0 or not answer:
                self._transport.close()
                self.done.set_result(None)
                return
            request = self._receive
        self._transport.write(request)  # type: ignore[attr-defined] # a stream transport


async def drain(url: str, messages: int, connections: int) -> None:
    """Receive and delete *messages*."""
    host, port = url.removeprefix("http://").split(":")
    quota, loop = [messages], asyncio.get_running_loop()
    pairs = [await loop.create_connection(lambda: Drainer(url, quota), host, int(port)) for _ in range(connections)]
    await asyncio.gather(*(drainer.done for _, drainer in pairs))


def measure(
    waiting: int,
    drained: int,
    body_bytes: int,
    connections: int,
    placed: AbstractContextManager[None] | None = None,
) -> dict[str, float]:
    """One server, started within *placed*, and one drain."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=serve, args=(there, waiting, body_bytes))
    with placed or nullcontext():
        process.start()
    try:
        filled, url = here.recv(), here.recv()
        cpu, begun = cpu_seconds(process.pid or 0), time.perf_counter()
        uvloop.run(drain(url, drained, connections))
        seconds, cpu = time.perf_counter() - begun, cpu_seconds(process.pid or 0) - cpu
    finally:
        process.terminate()
        process.join()
    return {
        "waiting": waiting,
        "drained": drained,
        "messages_per_second": round(drained / seconds),
        "messages_per_server_cpu_second": round(drained / cpu),
        "microseconds_per_request": round(cpu / (drained / 5) * 1e6, 1),
        "filled_per_second": round(filled["fill"]),
        "bytes_per_waiting_message": round(filled["bytes"]),
    }


def main() -> None:
    """Read the sizes, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, nargs="+", default=[60_000, 1_000_000])
    parser.add_argument("--drained", type=int, default=50_000)
    parser.add_argument("--body-bytes", type=int, default=500)
    parser.add_argument("--connections", type=int, default=16)
    given = parser.parse_args()
    for waiting in given.waiting:
        print(json.dumps(measure(waiting, min(given.drained, waiting), given.body_bytes, given.connections)))


if __name__ == "__main__":
    main()
