"""One container of a pod as a real process: started, probed, started again, stopped with SIGTERM and, late, SIGKILL.

Takes what to run (`Recipe`); keeps the state that the API server shows, and says when it changed. What it prints goes
to a log file, and how it ended into the node's journal.
"""

from __future__ import annotations

import asyncio
import os
import signal
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from tests.cluster.node.probes import Prober
from tests.cluster.programs import with_parent

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cluster.api import Object

BACKOFF_SECONDS: Final = (0.5, 1.0, 2.0, 5.0)
"""The kubelet begins with 10 s and ends with 300."""
PROBES: Final = ("startupProbe", "livenessProbe", "readinessProbe")
KILLED: Final = 128


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to run a container."""

    command: list[str]
    environment: dict[str, str]
    folder: Path
    log: Path


def now() -> str:
    """The time as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Container:
    """Belongs to one `Pod`; `run` lasts until it needs not run any more."""

    def __init__(
        self, spec: Object, address: str, restart: str, changed: Callable[[], None], ended: Callable[[Object], None]
    ) -> None:
        self.spec = spec
        self.name: str = spec["name"]
        self.state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self.ready = False
        self.started = False
        self.restarts = 0
        self.exit_code: int | None = None
        self._address = address
        self._restart = restart
        self._changed = changed
        self._ended = ended
        self._last: Object = {}
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()
        self._grace = float("inf")

    def wait_for(self, reason: str, message: str) -> None:
        """It cannot be started yet, because of *message*."""
        self.state = {"waiting": {"reason": reason, "message": message}}
        self._changed()

    async def run(self, recipe: Recipe) -> None:
        """Start it, and again as its pod's policy says, until it is stopped."""
        while not self._stopping.is_set():
            await self._once(recipe)
            if (
                self._stopping.is_set()
                or self._restart == "Never"
                or (self._restart == "OnFailure" and self.exit_code == 0)
            ):
                return
            self._last, pause = self.state, BACKOFF_SECONDS[min(self.restarts, len(BACKOFF_SECONDS) - 1)]
            self.wait_for("CrashLoopBackOff", f"back-off {pause} s after exit code {self.exit_code}")
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopping.wait()
            self.restarts += 1
        if self._last and "waiting" in self.state:
            self.state = self._last

    async def stop(self, grace: float) -> None:
        """SIGTERM now and SIGKILL after *grace* seconds; a shorter grace than before holds from now on."""
        self._stopping.set()
        self.ready = False
        if self._process is not None and grace < self._grace:
            self._grace = grace
            await self._end(self._process, grace)

    async def _once(self, recipe: Recipe) -> None:
        """One life of the process."""
        with recipe.log.open("ab") as log:
            process = self._process = await asyncio.create_subprocess_exec(
                *with_parent(recipe.command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=asyncio.subprocess.STDOUT,
                env=recipe.environment,
                cwd=recipe.folder,
                start_new_session=True,
            )
        began = now()
        self.state = {"running": {"startedAt": began}}
        self._changed()
        probing = asyncio.create_task(self._probe(process, recipe))
        code = await process.wait()
        probing.cancel()
        self._sweep(process)
        self.exit_code = code if code >= 0 else KILLED - code
        self.ready = self.started = False
        reason = "Completed" if code == 0 else "Error"
        over = {"exitCode": self.exit_code, "reason": reason, "startedAt": began, "finishedAt": now()}
        self.state = {"terminated": over}
        self._process = None
        self._ended(over | {"container": self.name, "asked": self._stopping.is_set()})
        self._changed()

    async def _probe(self, process: asyncio.subprocess.Process, recipe: Recipe) -> None:
        """Startup first; then liveness and readiness side by side."""
        startup, live, ready = (self._prober(name, recipe) for name in PROBES)
        if startup is not None:
            passed = asyncio.Event()
            asking = asyncio.create_task(startup.verdicts(lambda good: passed.set() if good else self._kill(process)))
            try:
                await passed.wait()
            finally:
                asking.cancel()
        self.started = True
        self.ready = ready is None
        self._changed()
        async with asyncio.TaskGroup() as asking_on:
            if live is not None:
                asking_on.create_task(live.verdicts(lambda good: None if good else self._kill(process)))
            if ready is not None:
                asking_on.create_task(ready.verdicts(self._is_ready))

    def _prober(self, name: str, recipe: Recipe) -> Prober | None:
        async def execute(command: list[str]) -> int:
            process = await asyncio.create_subprocess_exec(
                *with_parent(command),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.DEVNULL,
                env=recipe.environment,
                cwd=recipe.folder,
            )
            try:
                return await process.wait()
            finally:
                if process.returncode is None:
                    process.kill()

        return Prober(self.spec[name], self.spec, self._address, execute) if name in self.spec else None

    def _is_ready(self, good: bool) -> None:  # noqa: FBT001 - a verdict
        good = good and not self._stopping.is_set()
        if good != self.ready:
            self.ready = good
            self._changed()

    def _kill(self, process: asyncio.subprocess.Process) -> None:
        """What a failed liveness probe does: the same end as any other, and then a new life."""
        self._ending = asyncio.ensure_future(self._end(process, 30.0))

    async def _end(self, process: asyncio.subprocess.Process, grace: float) -> None:
        with suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM if grace > 0 else signal.SIGKILL)
        try:
            async with asyncio.timeout(max(grace, 1.0)):
                await process.wait()
        except TimeoutError:
            self._sweep(process)

    def _sweep(self, process: asyncio.subprocess.Process) -> None:
        """Kill whatever is left of its session: a container takes its children with it."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)

    def status(self) -> Object:
        """As the API server wants it."""
        image = self.spec["image"]
        return {
            "name": self.name,
            "image": image,
            "imageID": f"stand-in://{image}",
            "state": self.state,
            "lastState": self._last,
            "ready": self.ready,
            "started": self.started,
            "restartCount": self.restarts,
        }
