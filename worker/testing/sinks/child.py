"""A process that writes to a sink and dies: `python -m worker.testing.sinks.child SINK stream|steps …`.

*SINK* is JSON: the target, its arguments, its keywords (see `Child`). `stream ROWS` writes batches until it is killed,
and prints the number of each that was accepted. `steps ROWS POINTS` forks a process for each of so many points of one
write, which kills itself there, and prints as JSON which of them were killed. Needs a system that can fork.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import signal
import sys
import threading
from typing import TYPE_CHECKING

from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from worker.sinks.sink import Sink

BATCHES = 100_000


class Steps:
    """Counts what is called and returned from, in every thread, and kills the process at one of them."""

    def __init__(self, last: int | None) -> None:
        self.count = 0
        """Written by every thread: a step more or less does not matter."""
        self.counting = False
        """Written around the write."""
        self._last = last

    def __call__(self, _frame: FrameType, _event: str, _argument: object) -> None:
        """As `sys.setprofile` wants it."""
        if self.counting:
            self.count += 1
            if self.count == self._last:
                os.kill(os.getpid(), signal.SIGKILL)


async def stream(make: Callable[[], Sink], rows: int) -> None:
    """Batches without end."""
    sink = make()
    await sink.open()
    for number in range(BATCHES):
        await write(sink, f"b{number}", rows)
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


def steps(make: Callable[[], Sink], rows: int, points: int) -> dict[str, bool]:
    """By the name of each batch, whether the process that wrote it was killed at its point."""
    total = _forked(lambda out: os.write(out, str(asyncio.run(stepped(make, "all", rows, None))).encode()))[1]
    chosen = sorted({1 + round(place * (int(total) - 1) / (points - 1)) for place in range(points)})
    ended = {"all": False}
    for point in chosen:
        code, _ = _forked(lambda _, at=point: asyncio.run(stepped(make, f"step{at}", rows, at)))  # type: ignore[misc]  # a default keeps the point
        ended[f"step{point}"] = code == -signal.SIGKILL
    return ended


async def stepped(make: Callable[[], Sink], name: str, rows: int, last: int | None) -> int:
    """One batch in peace, then one whose steps are counted: how many there were."""
    watch = Steps(last)
    threading.setprofile(watch)
    sys.setprofile(watch)
    sink = make()
    await sink.open()
    await write(sink, f"{name}.before", rows)
    watch.counting = True
    await write(sink, name, rows)
    watch.counting = False
    await sink.close()
    return watch.count


async def write(sink: Sink, name: str, rows: int) -> None:
    """A batch that has to be accepted, in parts if the sink takes fewer rows at once."""
    records = make_messages(rows, prefix=name)
    step = sink.demand.max_rows or rows
    for start in range(0, rows, step):
        part = records[start : start + step]
        answers = await sink.write(part)
        if list(answers) != [None] * len(part):
            raise SystemExit(f"the sink answered {answers} for good records")


def _forked(work: Callable[[int], object]) -> tuple[int, bytes]:
    """How a process ended that does *work* with a pipe, and what came through that."""
    out, into = os.pipe()
    number = os.fork()
    if not number:
        try:
            os.close(out)
            work(into)
        except BaseException:  # noqa: BLE001 - whatever it is, this process must not go on as the other one
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    os.close(into)
    with os.fdopen(out, "rb") as pipe:
        told = pipe.read()
    code = os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
    if code not in {0, -signal.SIGKILL}:
        raise SystemExit(f"a process of the steps ended with {code}")
    return code, told


def main() -> None:
    """The sink of argv, and what is to be done with it."""
    (target, arguments, keywords), (way, rows, *points) = json.loads(sys.argv[1]), sys.argv[2:]
    module, _, name = target.partition(":")
    factory = getattr(importlib.import_module(module), name)

    def make() -> Sink:
        sink: Sink = factory(*arguments, **keywords)
        return sink

    if way == "stream":
        asyncio.run(stream(make, int(rows)))
    else:
        sys.stdout.write(json.dumps(steps(make, int(rows), int(points[0]))))


if __name__ == "__main__":
    main()
