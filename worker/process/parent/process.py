"""One process of several: a place that holds one life of `worker run` after another.

Takes the command and its environment; `live` starts it and gives how it ended. What it says on its lifeline is kept
for the threads that answer probes; when this parent is killed the lifeline breaks, and the process runs dry by itself.
"""

from __future__ import annotations

import asyncio
import socket
import time
from asyncio.subprocess import DEVNULL
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.pipeline.stage import Stages
from worker.process.lifeline import CRASHED, FORCE, LISTENING, STARTED, STOP
from worker.process.parent.ends import FAILED, End

if TYPE_CHECKING:
    from asyncio.subprocess import Process as Child
    from collections.abc import Mapping

    from worker.facts import Emit

ID_CHARACTERS: Final = 128
"""Of a WORKER_ID, as its setting allows."""
LAST_WORDS_SECONDS: Final = 0.2
"""For what it said before it ended."""


@dataclass(frozen=True, slots=True)
class Command:
    """How a process is started."""

    arguments: tuple[str, ...]
    """The command line, to which its lifeline is added."""
    environment: Mapping[str, str]
    worker_id: str
    processes: int

    def environment_of(self, number: int) -> dict[str, str]:
        """What is its own: a name, and an address of its own for metrics. All else is as the parent was given it."""
        tail = f"-{number}"
        return {
            **self.environment,
            "WORKER_ID": self.worker_id[: ID_CHARACTERS - len(tail)] + tail,
            "WORKER_PROCESSES": str(self.processes),
            "METRICS_HOST": "127.0.0.1",
            "METRICS_PORT": "0",
        }


class Process:
    """Used on the loop's thread; what has a docstring is read on others too, and replaced whole."""

    def __init__(self, number: int, command: Command, emit: Emit) -> None:
        self.number = number
        self._command = command
        self._emit = emit
        self._child: Child | None = None
        self._line: asyncio.StreamWriter | None = None
        self._unsaid: list[str] = []
        """Told while it was just being started. Written by `_say` and `live`."""
        self.pid: int | None = None
        """Of the one that runs now. Written by `live`."""
        self.url: str | None = None
        """Where it answers, once it said so. Written by `_hear` and `live`."""
        self.started = False
        """It has opened everything and receives. Written by `_hear` and `live`."""
        self.silent_since = time.monotonic()
        """Since when there is nobody to ask. Written by `live`; of use while there is no `url`."""
        self.restarts = 0
        """Times it was started again. Written by `Supervisor`."""
        self.ended = False
        """It ended and will not be started again. Written by `Supervisor`."""

    async def live(self) -> End:
        """One life, from start to end."""
        began = time.monotonic()
        ours, theirs = socket.socketpair()
        try:
            try:
                child = await self._start(theirs)
            finally:
                theirs.close()
        except OSError:
            ours.close()
            return End(FAILED, time.monotonic() - began)
        try:
            reader, self._line = await asyncio.open_unix_connection(sock=ours)
        except OSError:
            ours.close()
            child.kill()
            await child.wait()
            return End(FAILED, time.monotonic() - began)
        self._child, self.pid = child, child.pid
        self._emit(facts.ProcessStarted(self.number, child.pid))
        for words in self._unsaid:
            self._say(words)
        try:
            return await self._follow(child, reader, began)
        finally:
            self._line.close()
            self._child = self._line = self.pid = self.url = None
            self.started, self.silent_since = False, time.monotonic()

    def stop(self, reason: str) -> None:
        """Ask it to run dry; one that is just being started is asked first of all."""
        self._say(f"{STOP} {reason}")

    def force(self) -> None:
        """Ask it to give back and leave."""
        self._say(FORCE)

    def alarm(self) -> None:
        """Tell it that a process has crashed; one that is not running will be told when it is."""
        if CRASHED not in self._unsaid:
            self._say(CRASHED)

    def kill(self) -> None:
        """End it; what it holds is visible again when its leases end."""
        if self._child is not None and self.pid is not None:
            self._emit(facts.ProcessKilled(self.number, self.pid))
            with suppress(ProcessLookupError):  # it has just ended by itself
                self._child.kill()

    async def _start(self, theirs: socket.socket) -> Child:
        return await asyncio.create_subprocess_exec(
            *self._command.arguments,
            "--lifeline",
            str(theirs.fileno()),
            stdin=DEVNULL,
            env=self._command.environment_of(self.number),
            pass_fds=[theirs.fileno()],
        )

    async def _follow(self, child: Child, reader: asyncio.StreamReader, began: float) -> End:
        async with Stages(may_return=lambda: True) as stages:
            hearing = stages.start(partial(self._hear, reader), name=f"hear-{self.number}")
            code = await child.wait()
            # What it said last is read; but something that a handler started may hold the other end for ever.
            await asyncio.wait([hearing], timeout=LAST_WORDS_SECONDS)
            await stages.end([hearing])
        return End(code, round(time.monotonic() - began, 3), child.pid, self.started)

    async def _hear(self, reader: asyncio.StreamReader) -> None:
        with suppress(OSError, ValueError):  # ValueError: nothing that our own code has said
            while line := await reader.readline():
                word, _, rest = line.decode().strip().partition(" ")
                if word == LISTENING:
                    self.url = rest
                elif word == STARTED:
                    self.started = True

    def _say(self, words: str) -> None:
        if self._line is None:
            self._unsaid.append(words)
        else:
            self._line.write(f"{words}\n".encode())
