"""Run of a parent: starts WORKER_PROCESSES processes, serves for all of them, and ends with the worst exit code.

Takes the settings, the command line of one process and its environment. Signals are passed on once, as words on each
lifeline; a second one forces. The parent itself writes only facts about processes, and its children write to the same
standard output, untouched.
"""

from __future__ import annotations

import asyncio
import random
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import worker as package
from worker import __version__, facts
from worker.pipeline.stage import Stages
from worker.pipeline.stopping import Stop
from worker.process.instruments import log_stream
from worker.process.parent.ends import CLEAN
from worker.process.parent.figures import Figures
from worker.process.parent.process import Command, Process
from worker.process.parent.supervise import Supervisor
from worker.process.parent.verdicts import Verdicts
from worker.process.platform import NOWHERE
from worker.process.signals import stop_on_signals
from worker.telemetry.dispatch import FanOut
from worker.telemetry.http.server import TelemetryServer
from worker.telemetry.lag import watch_loop
from worker.telemetry.logs.logs import configure
from worker.telemetry.systemd.notifier import Notifier

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.facts import Emit
    from worker.process.platform import Platform
    from worker.settings import Loaded
    from worker.telemetry.systemd.notifier import Manager


DOOR: Final = str(Path(package.__file__).parents[1] / "sqs_worker_daemon.py")
"""A file, since a module or a folder of yours that is called `worker` would be found by name."""


def run_parent(
    loaded: Loaded,
    *,
    processes: int,
    environ: Mapping[str, str],
    config: Path | None,
    drain: bool,
    platform: Platform = NOWHERE,
) -> int:
    """Run *processes* workers until a signal (or, to *drain*, an empty queue) ends them; returns the exit code.

    The service manager of *platform* is told how they are; they themselves know nothing of it.
    """
    command = Command(command_line(config, drain=drain), environ, loaded.worker.worker_id, processes)
    return asyncio.run(_run(loaded, command, platform.manager, drain=drain))


def command_line(config: Path | None, *, drain: bool) -> tuple[str, ...]:
    """`worker run` of this very installation, whatever stands in the working folder."""
    named = ("--config", str(config)) if config is not None else ()
    return (sys.executable, "-P", DOOR, "run", *(["--drain"] if drain else []), *named)


async def _run(loaded: Loaded, command: Command, manager: Manager | None, *, drain: bool) -> int:
    worker = loaded.worker
    logs = configure(worker.log_level, worker.log_format, stream=log_stream(loaded), worker_id=worker.worker_id)
    processes: list[Process] = []
    verdicts = Verdicts(processes, worker_id=worker.worker_id, version=__version__)
    notifiers = [Notifier(manager, verdicts)] if manager else []
    emit = FanOut([logs, verdicts, *notifiers]).emit
    processes += [Process(number, command, emit) for number in range(command.processes)]
    server = TelemetryServer(worker.metrics_host, worker.metrics_port, metrics=Figures(processes), health=verdicts)
    try:
        url = server.start()
        emit(facts.ParentStarted(worker.worker_id, __version__, command.processes, url))
        for notifier in notifiers:
            notifier.start(emit)
        stop = Stop(drain_seconds=worker.drain_seconds)
        return await _supervise(processes, stop, emit, verdicts, drain=drain)
    finally:
        server.stop()
        for notifier in notifiers:
            notifier.stop()
        logs.close()


async def _supervise(processes: list[Process], stop: Stop, emit: Emit, verdicts: Verdicts, *, drain: bool) -> int:
    began = time.monotonic()
    supervisor = Supervisor(processes, stop, emit, drain=drain, random=random.Random())  # noqa: S311 - jitter, not a secret
    # The supervisor has the last word about who does not leave: its deadline is later than a process' own.
    with stop_on_signals(stop, too_late=_wait):
        async with Stages() as stages:
            watching = stages.start(partial(watch_loop, emit, verdicts), name="watch-loop")
            code = await supervisor.run()
            await stages.end([watching])
    reason = stop.reason or ("drained" if drain and code == CLEAN else "failed")
    emit(facts.WorkerStopped(reason, round(time.monotonic() - began, 3), clean=code == CLEAN))
    return code


def _wait() -> None:
    """What is too late for a worker is not yet for its parent."""
