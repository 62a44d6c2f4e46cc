"""`worker run`, looked at 500 times a CPU-second: in which part of the worker is its event loop?

`python -m bench.sampled FILE ARGUMENTS…` runs the worker's own command line. FILE has, when it ends, how often each
part was found at work, and how much of the CPU was the event loop's thread. Starting up is not counted.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.cli import main as worker
from worker.pipeline.pipeline import Pipeline

if TYPE_CHECKING:
    from types import FrameType

    from worker.pipeline.stopping import Stop

SECONDS: Final = 0.002
LOOP: Final = "event loop and kernel"
PARTS: Final = (
    ("worker/sqs/native/read", "reading answers into deliveries"),
    ("worker/sqs/parse", "reading answers into deliveries"),
    ("worker/sqs/", "requests: sign, send, HTTP"),
    ("worker/codecs/", "decoding and its limits"),
    ("worker/facts/", "metrics, status, log"),
    ("worker/telemetry/", "metrics, status, log"),
    ("worker/sinks/", "handing rows to the sink"),
    ("worker/pipeline/settle", "settling"),
    ("worker/pipeline/entries", "settling"),
    ("worker/pipeline/ledger", "ledger, room, channels, messages"),
    ("worker/pipeline/room", "ledger, room, channels, messages"),
    ("worker/pipeline/channel", "ledger, room, channels, messages"),
    ("worker/pipeline/", "receiving, batches, handlers"),
    ("worker/process/", LOOP),  # who started the loop is below everything
    ("worker/cli", LOOP),
    ("worker/commands/", LOOP),
    ("worker/", "ledger, room, channels, messages"),
)
"""Beginnings of file names to parts; the first that fits counts."""


def part_of(frame: FrameType | None) -> str:
    """The part of the innermost frame that is ours; a library works for whoever called it."""
    while frame is not None:
        _, found, name = frame.f_code.co_filename.rpartition("/worker/")
        if found:
            return next(part for beginning, part in PARTS if f"worker/{name}".startswith(beginning))
        frame = frame.f_back
    return LOOP


def main() -> None:
    """Run the worker, then tell."""
    seen: Counter[str] = Counter()
    target, run = Path(sys.argv.pop(1)), Pipeline.run
    spent: list[tuple[float, float]] = []

    async def sampled(self: Pipeline, stop: Stop, *, drain: bool = False) -> None:
        signal.setitimer(signal.ITIMER_PROF, SECONDS, SECONDS)
        spent.append((time.thread_time(), time.process_time()))
        try:
            await run(self, stop, drain=drain)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            spent.append((time.thread_time(), time.process_time()))

    Pipeline.run = sampled  # type: ignore[method-assign] # the one change: a clock that looks while it runs
    signal.signal(signal.SIGPROF, lambda _, frame: seen.update([part_of(frame)]))
    try:
        worker()
    finally:
        (loop_before, all_before), (loop_after, all_after) = spent
        share = (loop_after - loop_before) / (all_after - all_before)
        target.write_text(json.dumps({"loop_share": share, "seen": seen}))


if __name__ == "__main__":
    main()
