"""Supervise: keeps every process running until the worker shall stop, then sees all of them off within one deadline.

Takes the processes and a `Stop`; gives the worst of their exit codes. A process that ends unasked is started again
after a growing pause while the others go on; with *drain* one that ended clean found the queue empty, and is done.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.pipeline.farewell import IMPATIENT
from worker.pipeline.stage import Stages
from worker.process.parent.ends import CLEAN, FAILED, End, exit_code, hopeless, in_a_row, pause_seconds, worst
from worker.process.signals import PATIENCE_SECONDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from worker.facts import Emit
    from worker.pipeline.stopping import Stop
    from worker.process.parent.process import Process

MARGIN_SECONDS: Final = PATIENCE_SECONDS + 1.0
"""After the deadline: a process leaves by itself when its patience ends, and who has not left then hangs."""
GAVE_UP: Final = "gave-up"
"""The reason to stop when no process could be started."""


class Supervisor:
    """Used on the loop's thread only."""

    def __init__(self, processes: Sequence[Process], stop: Stop, emit: Emit, *, drain: bool, random: Random) -> None:
        self._processes = processes
        self._stop = stop
        self._emit = emit
        self._drain = drain
        self._random = random
        self._any_started = False
        """Some process of the worker has once been up. Written by `_judge`."""
        self._codes: dict[int, int] = {}
        """How each process ended for the last time. Written by `_keep`."""

    async def run(self) -> int:
        """Until every process has ended for good."""
        async with Stages(may_return=lambda: True) as stages:
            keeping = [stages.start(partial(self._keep, p), name=f"process-{p.number}") for p in self._processes]
            stopping = stages.start(partial(self._see_off, keeping), name="see-off")
            await asyncio.wait(keeping)
            await stages.end([stopping])
        return worst(self._codes.values())

    async def _keep(self, process: Process) -> None:
        """One place: a life after another, while there shall be one."""
        row = 0
        while not self._stop.requested:
            end = await process.live()
            row = in_a_row(row, end)
            self._any_started |= end.started or any(p.started for p in self._processes)
            self._codes[process.number] = end.code
            pause = self._pause(process, end, row)
            if pause is None or not await self._paused(pause):
                break
            process.restarts += 1
        process.ended = True

    def _pause(self, process: Process, end: End, row: int) -> float | None:
        """How long to wait before it is started again; None: it is not."""
        if self._stop.requested or (self._drain and end.code == CLEAN):
            self._codes[process.number] = _asked(end) if self._stop.requested else end.code
            self._emit(facts.ProcessEnded(process.number, end.pid, end.code, end.seconds))
            return None
        if hopeless(row, any_started=self._any_started):
            self._emit(facts.ParentGaveUp(process.number, end.code, row))
            self._stop.request(GAVE_UP)
            return None
        pause = round(pause_seconds(row, self._random), 3)
        self._emit(facts.ProcessLost(process.number, end.pid, end.code, end.seconds, pause))
        for each in self._processes:  # its successor as well
            each.alarm()
        return pause

    async def _paused(self, seconds: float) -> bool:
        """Wait; False when the worker was told to stop meanwhile."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return True
        return False

    async def _see_off(self, keeping: list[asyncio.Task[None]]) -> None:
        """The order of stopping: ask, wait, lose patience if somebody did, and in the end kill."""
        stop = self._stop
        await stop.wait()
        note = f"waits for {len(self._processes)} processes, {stop.drain_seconds:g} s at most; {IMPATIENT}"
        self._emit(facts.WorkerStopping(stop.reason, stop.drain_seconds, note))
        for process in self._processes:
            process.stop(stop.reason)
        await stop.patience(keeping, until=stop.deadline() + MARGIN_SECONDS)
        if stop.forced:
            for process in self._processes:
                process.force()
            await asyncio.wait(keeping, timeout=self._left())
        for process in self._processes:
            process.kill()

    def _left(self) -> float:
        return max(0.0, self._stop.deadline() + MARGIN_SECONDS - asyncio.get_running_loop().time())


def _asked(end: End) -> int:
    """The code of who was told to stop.

    A signal to the whole group may meet a process before it can hear one. What never started held nothing.
    """
    code = exit_code(end.code)
    return CLEAN if code == FAILED and not end.started else code
