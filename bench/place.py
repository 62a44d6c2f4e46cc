"""The loopback of a run, as a process: fills its queue, prints its URL, sends more if the load says so.

`python -m bench.place LOAD` with a load as JSON; SIGTERM ends it, and then it prints how long the messages that carried
a time took from being sent to being deleted.
"""

from __future__ import annotations

import asyncio
import gc
import json
import random
import signal
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from bench.load import Load, timed
from bench.spans import Spans
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.messages import VISIBLE
from worker.loopback.serve import tls_context
from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs
from worker.message import Outgoing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.loopback.messages import StateChange

QUEUE: Final = "bench"
VISIBILITY_SECONDS: Final = 600
BATCH_BYTES: Final = 1024 * 1024
TICK_SECONDS: Final = 0.002


class Watch:
    """An observer that knows when each message was sent, and notes at its delete how long ago that was."""

    def __init__(self) -> None:
        self.spans = Spans()
        self._sent: dict[str, int] = {}
        """By message id, monotonic nanoseconds. Written by `observe`."""

    def observe(self, change: StateChange) -> None:
        """Look at every change; called by the loopback."""
        if change.kind == "send":
            self._sent[change.message_id] = time.monotonic_ns()
        elif change.kind == "delete":
            sent = self._sent.pop(change.message_id, None)
            if sent is not None:
                self.spans.add(sent, time.monotonic_ns())


class Place:
    """One queue, its messages, and its address."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.watch = Watch() if load.rate else None
        rng = random.Random(0)  # noqa: S311 - ids only
        self._sqs = LoopbackSqs(rng=rng, observe=None if self.watch is None else self.watch.observe)
        self._sqs.create_queue(QUEUE, {"VisibilityTimeout": str(VISIBILITY_SECONDS)})
        faults = Faults(rng=rng, clock=time.time)
        if load.latency_seconds:
            faults.set([FaultRule(action="latency", seconds=load.latency_seconds)])
        tls = None if load.tls is None else tls_context(Path(load.tls[0]), Path(load.tls[1]))
        self._server = LoopbackServer(self._sqs, faults=faults, tls=tls)
        self._texts: Iterator[str] = cycle(load.texts())
        self._most = max(1, min(10, BATCH_BYTES // load.body_bytes))
        """Messages of one send."""

    async def serve(self) -> None:
        """Until SIGTERM."""
        stop = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        self._send(self._load.waiting)
        gc.collect()
        gc.freeze()  # a million waiting messages are nothing that a collector need look at again and again
        async with self._server as server, asyncio.TaskGroup() as tasks:
            print(server.endpoint_url, flush=True)
            more = tasks.create_task(self._more(), name="more")
            await stop.wait()
            more.cancel()

    async def _more(self) -> None:
        if self._load.held:
            while True:
                self._send(self._load.waiting - self._sqs.queue(QUEUE).held[VISIBLE])
                await asyncio.sleep(TICK_SECONDS)
        if self._load.rate:
            await self._send_at(self._load.rate)

    async def _send_at(self, rate: float) -> None:
        """As many as are due, every other millisecond, from the moment on that somebody waits for them."""
        while not self._server.control.account()["requests"]:  # noqa: ASYNC110 - the loopback tells nobody
            await asyncio.sleep(TICK_SECONDS)
        begun, sent = time.monotonic(), 0
        while True:
            due = int((time.monotonic() - begun) * rate) - sent
            self._send(due, timed_bytes=self._load.body_bytes)
            sent += due
            await asyncio.sleep(TICK_SECONDS)

    def _send(self, count: int, *, timed_bytes: int = 0) -> None:
        for left in range(count, 0, -self._most):
            if timed_bytes:
                texts = [timed(time.monotonic_ns(), timed_bytes)] * min(left, self._most)
            else:
                texts = list(islice(self._texts, min(left, self._most)))
            self._sqs.send_message_batch(QUEUE, [Outgoing(text) for text in texts])


def main() -> None:
    """Read the load, serve it, tell the times."""
    place = Place(Load.from_json(sys.argv[1]))
    uvloop.run(place.serve())
    if place.watch is not None:
        print(json.dumps(place.watch.spans.summary()))


if __name__ == "__main__":
    main()
