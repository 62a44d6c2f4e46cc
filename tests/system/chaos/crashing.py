"""The real worker with a witness at its two seams: what it asked of SQS, and what the sink accepted, goes into a book.

`python -m tests.system.chaos.crashing run` is `worker run`, with the queue and the sink wrapped before anything is
opened; nothing of this is in the product. `CHAOS_BOOK` names the book. `WORKER_CRASH_POINT=name:count` kills the
process at the count-th time that a point is reached, by SIGKILL, in mid-step. It ends as the worker ends, or so.
`CHAOS_SABOTAGE` breaks the worker on purpose.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import worker.app.build
import worker.process.parent.run
from tests.system.chaos.books import Book, business_id
from worker.errors import QueueError, QueueRefused, QueueThrottled, SinkUnavailable
from worker.loopback.journal import short_handle
from worker.pipeline import life
from worker.pipeline.deadletter import CONTEXT
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.facts import Emit
    from worker.message import Delivery, Message, Outgoing
    from worker.outcome import Rejected, Retried
    from worker.settings import PipelineSettings
    from worker.sinks.sink import Demand, Sink
    from worker.sqs.queue import Admission, EntryResult, Queue, QueueAttributes

POINTS = (
    "asking", "received",
    "writing", "write-sent", "committed", "accepted",
    "deleting", "delete-sent", "deleted",
    "changing", "change-sent", "changed",
    "lettering", "letter-sent", "lettered",
    "closing",
)  # fmt: skip
"""In the order of the path. `-sent`: while the answer is outstanding; nobody knows then whether it was done."""
UNDER_WAY_SECONDS = 0.0005
LIFELINE = "--lifeline"
"""Stands in the command line of a process that a parent started."""


class Points:
    """Where this process is to die, if anywhere."""

    def __init__(self, specification: str, book: Book) -> None:
        self._name, _, count = specification.partition(":")
        self._left = int(count or 1)  # times the point is still passed unharmed; written by _now
        self._book = book

    def reach(self, name: str) -> None:
        """Die here, if it is time."""
        if self._now(name):
            self._die(name)

    def under_way(self, name: str) -> None:
        """Die in a moment, while what begins now is under way."""
        if self._now(name):
            asyncio.get_running_loop().call_later(UNDER_WAY_SECONDS, self._die, name)

    def _now(self, name: str) -> bool:
        if name != self._name:
            return False
        self._left -= 1
        return self._left == 0

    def _die(self, name: str) -> None:
        self._book.write("crash", [("-", name)])
        os.kill(os.getpid(), signal.SIGKILL)


class WitnessedQueue:
    """A queue that books what was received, and each handle before it is used."""

    def __init__(self, queue: Queue, *, place: str, book: Book, points: Points) -> None:
        self._queue = queue
        self._place = place
        self._book = book
        self._points = points

    @property
    def name(self) -> str:
        """As the queue's."""
        return self._queue.name

    @property
    def frame_bytes(self) -> int | None:
        """As the queue's."""
        return self._queue.frame_bytes

    async def receive(
        self, limit: int, wait: float, *, attempt_id: str | None = None, admission: Admission | None = None
    ) -> list[Delivery]:
        """Booked when it is answered."""
        self._points.reach("asking")
        got = await self._queue.receive(limit, wait, attempt_id=attempt_id, admission=admission)
        rows = [(self._place, d.message_id, short_handle(d.receipt_handle)) for d in got]
        self._book.write("recv", rows or [(self._place, "-")])
        if got:
            self._points.reach("received")
        return got

    async def delete(self, deliveries: Sequence[Delivery]) -> list[EntryResult]:
        """Booked before it is asked."""
        self._use("del", deliveries)
        call = lambda: self._queue.delete(deliveries)  # noqa: E731 - one call, named for the line
        return self._answered("del", deliveries, await self._told("del", deliveries, "delete-sent", call))

    async def change_visibility(self, deliveries: Sequence[Delivery], seconds: Sequence[int]) -> list[EntryResult]:
        """Booked before it is asked."""
        self._use("vis", deliveries)
        call = lambda: self._queue.change_visibility(deliveries, seconds)  # noqa: E731 - as above
        return self._answered("vis", deliveries, await self._told("vis", deliveries, "change-sent", call))

    async def send(self, messages: Sequence[Outgoing]) -> list[EntryResult]:
        """Dead letters are booked once they are accepted."""
        answers = await self._around("letter", "letter-sent", lambda: self._queue.send(messages))
        sources = [source_of(m) for m, answer in zip(messages, answers, strict=True) if answer is OK]
        self._book.write("letter", [(self._place, source) for source in sources])
        return answers

    async def attributes(self) -> QueueAttributes:
        """As the queue's."""
        return await self._queue.attributes()

    async def close(self) -> None:
        """As the queue's."""
        await self._queue.close()

    def _use(self, kind: str, deliveries: Sequence[Delivery]) -> None:
        self._book.write(kind, [self._row(delivery) for delivery in deliveries])

    def _row(self, delivery: Delivery) -> tuple[str, str, str]:
        return (self._place, delivery.message_id, short_handle(delivery.receipt_handle))

    async def _told(
        self, kind: str, deliveries: Sequence[Delivery], sent: str, call: Callable[[], Awaitable[list[EntryResult]]]
    ) -> list[EntryResult]:
        """A call that fails as a whole is booked for each of its entries."""
        rows = [self._row(delivery) for delivery in deliveries]  # handles change while the answer is outstanding
        try:
            return await self._around({"del": "delet", "vis": "chang"}[kind], sent, call)
        except QueueError as error:
            unknown = not isinstance(error, QueueThrottled | QueueRefused)
            back = [unknown and kind == "vis" and delivery.returning for delivery in deliveries]
            self._book.write("unback", [row for row, is_back in zip(rows, back, strict=True) if is_back])
            self._book.write(f"un{kind}", [row for row, is_back in zip(rows, back, strict=True) if not is_back])
            raise

    def _answered(self, kind: str, deliveries: Sequence[Delivery], answers: list[EntryResult]) -> list[EntryResult]:
        """Book what became of each entry: `done` when it is deleted, `void` when asking again is of no use."""
        told: dict[str, list[tuple[str, str, str]]] = {}
        for delivery, answer in zip(deliveries, answers, strict=True):
            if answer is not OK:
                final = isinstance(answer, EntryFailed) and not answer.retry
                back = kind == "vis" and answer is UNKNOWN and delivery.returning
                name = "void" if final else "unback" if back else f"un{kind}"
                told.setdefault(name, []).append(self._row(delivery))
            elif kind == "del":
                told.setdefault("done", []).append(self._row(delivery))
        for name, rows in told.items():
            self._book.write(name, rows)
        return answers

    async def _around(
        self, stem: str, sent: str, call: Callable[[], Awaitable[list[EntryResult]]]
    ) -> list[EntryResult]:
        self._points.reach(f"{stem}ing")
        self._points.under_way(sent)
        answers = await call()
        self._points.reach(f"{stem}ed")
        return answers


class WitnessedSink:
    """A sink that books what was accepted, right after it was, and when it was away."""

    def __init__(self, sink: Sink, *, place: str, kind: str, book: Book, points: Points, write_seconds: float) -> None:
        self._sink = sink
        self._place = place
        self._kind = kind
        self._book = book
        self._points = points
        self._write_seconds = write_seconds
        self._writes = itertools.count()

    @property
    def demand(self) -> Demand:
        """As the sink's."""
        return self._sink.demand

    async def open(self) -> None:
        """Booked: from here on the process listens to signals and works."""
        await self._sink.open()
        self._book.write("open", [(self._place, self._kind)])

    async def write(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        """Booked when it begins and when it ends, whatever its end is."""
        number = next(self._writes)
        self._book.write("write", [(self._place, number)])
        try:
            return await self._write(records)
        finally:
            self._book.write("wrote", [(self._place, number)])

    async def _write(self, records: Sequence[Message]) -> Sequence[Retried | Rejected | None]:
        """Booked between the sink's answer and its being known to anybody."""
        self._points.reach("writing")
        await asyncio.sleep(self._write_seconds)
        self._points.under_way("write-sent")
        try:
            answers = await self._sink.write(records)
        except SinkUnavailable:
            self._book.write("away", [(self._place,)])
            raise
        self._points.reach("committed")
        accepted = [record for record, answer in zip(records, answers, strict=True) if answer is None]
        self._book.write("commit", [(self._place, record.id, business_id(record.body)) for record in accepted])
        self._points.reach("accepted")
        return answers

    async def close(self) -> None:
        """The last thing that a worker does to its sink."""
        self._points.reach("closing")
        await self._sink.close()


def source_of(letter: Outgoing) -> str:
    """The id of the message that a dead letter was made of."""
    return str(json.loads(letter.attributes[CONTEXT].value)["message_id"])


def witness(book: Book, points: Points, *, write_seconds: float) -> None:
    """Wrap what `worker.app.build` opens from now on."""
    open_queue, make_sink = worker.app.build.open_queue, worker.app.build.make_sink

    async def open_witnessed(address: str, settings: PipelineSettings, emit: Emit) -> Queue:
        queue = await open_queue(address, settings, emit)
        book.write("queue", [(settings.name, type(queue).__name__)])
        return WitnessedQueue(queue, place=settings.name, book=book, points=points)

    def make_witnessed(settings: PipelineSettings, emit: Emit | None = None) -> Sink:
        sink, kind = make_sink(settings, emit), settings.sink
        return WitnessedSink(
            sink, place=settings.name, kind=kind, book=book, points=points, write_seconds=write_seconds
        )

    worker.app.build.open_queue = open_witnessed
    worker.app.build.make_sink = make_witnessed


def main() -> None:
    """Take our own variables out of the environment, and be the worker; a parent leaves them to its processes."""
    sys.argv[0] = "worker"
    if int(os.environ.get("WORKER_PROCESSES", "1")) > 1 and LIFELINE not in sys.argv:
        worker.process.parent.run.command_line = by_this_door
    else:
        wrap()
    from worker.cli import main as worker_main  # noqa: PLC0415 - after the seams are wrapped

    worker_main()


def by_this_door(config: Path | None, *, drain: bool) -> tuple[str, ...]:
    """As the product's: how a parent starts a process."""
    arguments = [*(["--drain"] if drain else []), *(["--config", str(config)] if config is not None else [])]
    return (sys.executable, "-m", "tests.system.chaos.crashing", "run", *arguments)


def wrap() -> None:
    """The witness at both seams, and what is to be broken; a step that a delivery may not make ends the worker."""
    life.strict = True
    path = Path(os.environ.pop("CHAOS_BOOK"))
    if LIFELINE in sys.argv:
        path = path.with_name(f"{os.environ['WORKER_ID']}.{os.getpid()}.book")
    book = Book(path)
    points = Points(os.environ.pop("WORKER_CRASH_POINT", ""), book)
    witness(book, points, write_seconds=float(os.environ.pop("CHAOS_WRITE_SECONDS", "0")))
    if name := os.environ.pop("CHAOS_SABOTAGE", ""):
        from tests.system.chaos.sabotage import SABOTAGES  # noqa: PLC0415 - it imports half of the product

        SABOTAGES[name][0]()


if __name__ == "__main__":
    main()
