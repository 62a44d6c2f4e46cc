"""Run: starts a worker, listens for signals, and ends it with the right exit code.

    0  it ran dry and everything in hand was settled or given back
    3  AWS or the sink refused it at the start: another start would be refused as well
    1  anything else: SQS or the sink still away after a minute of the start, a second signal, time to drain over with
       something still in hand, a defect, code that never ends

The order of stopping one pipeline is `Pipeline._run_dry`; here is what surrounds it.
"""

from __future__ import annotations

import asyncio
import gc
import os
import time
import traceback
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from worker import __version__, facts
from worker.app.build import open_pipeline
from worker.cancellation import YourThreads, guarded_task
from worker.ecs.protect import protector_of
from worker.errors import QueueError, QueueUnavailable, SinkError, SinkUnavailable, StageEnded, StartRefused
from worker.pipeline.caution import Caution
from worker.pipeline.farewell import waits_for
from worker.pipeline.stage import CANCELLED, Stages
from worker.pipeline.stopping import Stop
from worker.process import early
from worker.process.instruments import Instruments
from worker.process.leaving import leave_soon
from worker.process.loop import new_event_loop
from worker.process.platform import NOWHERE
from worker.process.signals import stop_on_signals

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from worker.ecs.protect import Protector
    from worker.pipeline.pipeline import Pipeline
    from worker.preflight import Way
    from worker.process.lifeline import Lifeline
    from worker.process.platform import Platform
    from worker.settings import Loaded

COLLECT: Final = (20_000, 50, 100)
"""New objects before a look for garbage, and how many such looks before a longer one."""
LEFT_BEHIND_SECONDS: Final = 1.0
"""For tasks of yours to end when the worker has."""
CLEAN: Final = 0
FAILED: Final = 1
REFUSED: Final = 3


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the worker has from its first step to its last."""

    loaded: Loaded
    instruments: Instruments
    stop: Stop
    caution: Caution
    drain: bool
    """To end when the queue is empty."""
    protector: Protector | None = None
    """Asks the platform to leave us alone while we are busy; None: there is nobody to ask."""


def run_worker(loaded: Loaded, *, drain: bool, lifeline: Lifeline | None = None, platform: Platform = NOWHERE) -> int:
    """Run a worker until a signal (or, to *drain*, an empty queue) ends it; returns the exit code.

    *lifeline* ties it to the parent that started it as one of several processes; *platform*: who else can be spoken to.
    """
    calm_collector()
    try:
        with asyncio.Runner(loop_factory=guarded_loop) as runner:
            return runner.run(_run(loaded, lifeline, platform, drain=drain))
    except (SystemExit, KeyboardInterrupt, RuntimeError):  # something stopped the loop itself; `_serve` has said so
        return FAILED


def calm_collector() -> None:
    """Look for garbage in cycles less often: the path makes none, and thousands of messages come and go by themselves.

    By default Python walks everything new after each 700 objects, which is every seventh receive.
    """
    gc.freeze()
    gc.set_threshold(*COLLECT)


def guarded_loop() -> asyncio.AbstractEventLoop:
    """The fastest loop there is, on which only the worker cancels the worker's tasks."""
    loop = new_event_loop()
    loop.set_task_factory(guarded_task)
    loop.set_default_executor(YourThreads(thread_name_prefix="executor"))
    return loop


async def _run(loaded: Loaded, lifeline: Lifeline | None, platform: Platform, *, drain: bool) -> int:
    instruments = Instruments(loaded, *([lifeline] if lifeline else []), manager=platform.manager)
    stop = Stop(drain_seconds=loaded.worker.drain_seconds)
    began, code = time.monotonic(), FAILED
    try:
        url = instruments.start()
        caution = Caution()
        if lifeline:
            lifeline.listening(url)
            lifeline.alarm = caution.alarm
        for notice in loaded.notices:
            instruments.emit(facts.SettingsNoticed(notice))
        with stop_on_signals(stop, too_late=lambda: leave(instruments), lifeline=lifeline):
            protector = protector_of(loaded.worker, platform.agent, instruments.emit, alone=lifeline is None)
            code = await _serve(Run(loaded, instruments, stop, caution, drain, protector), url)
            left = await _left_behind()
        reason = stop.reason or ("drained" if drain and code == CLEAN else "failed")
        instruments.emit(facts.WorkerStopped(reason, round(time.monotonic() - began, 3), clean=code == CLEAN))
        if left:
            leave(instruments)
        return code
    finally:
        instruments.close()
        if early.begun():
            leave_soon(code)


async def _serve(life: Run, url: str) -> int:
    """Open, run dry, close; every way to fail ends here, as a fact and a code."""
    emit = life.instruments.emit
    pipelines: list[Pipeline] = []  # once they are open
    try:
        async with AsyncExitStack() as parts, Stages(may_return=lambda: life.stop.requested) as stages:
            watching = _watch(life, stages, pipelines)
            code = await _open_and_run(life, parts, url, pipelines)
            await stages.end(watching)
        return code  # noqa: TRY300 - the way of an else is longer than the way here
    except* (QueueError, SinkError, StartRefused) as refused:
        for error in leaves(refused):
            emit(facts.WorkerRefused(type(error).__name__, getattr(error, "code", ""), str(error)))
        code = refusal_code(leaves(refused))
    except* StageEnded as ended:
        for error in leaves(ended):
            emit(facts.StageLost(getattr(error, "stage", ""), getattr(error, "how", ""), repr(error.__cause__ or "")))
        code = FAILED
    except* asyncio.CancelledError:
        emit(facts.StageLost("main", CANCELLED, "the event loop was stopped, or something cancelled its main task"))
        code = FAILED
    except* BaseException as failed:  # noqa: BLE001 - the last line: it becomes a fact and an exit code
        for error in leaves(failed):
            emit(facts.WorkerFailed(type(error).__name__, "".join(traceback.format_exception(error))))
        code = FAILED
    return code


def _watch(life: Run, stages: Stages, pipelines: Sequence[Pipeline]) -> list[asyncio.Task[None]]:
    """Begin what goes on beside the pipelines from the first step to the last."""
    watching = [
        stages.start(life.instruments.run, name="instruments"),
        stages.start(partial(_announce, life, pipelines), name="announce"),
    ]
    if life.protector is not None:
        watching.append(stages.start(partial(life.protector.run, pipelines), name="protect"))
    return watching


async def _open_and_run(life: Run, parts: AsyncExitStack, url: str, pipelines: list[Pipeline]) -> int:
    """*pipelines* is filled when they are open."""
    opened = await _opened(life, parts)
    if opened is None:
        return CLEAN
    pipelines += opened
    names = tuple(pipeline.spec.name for pipeline in pipelines)
    life.instruments.emit(facts.WorkerStarted(life.loaded.worker.worker_id, __version__, names, url))
    async with Stages(may_return=lambda: life.stop.requested or life.drain) as running:
        for pipeline in pipelines:
            running.start(partial(pipeline.run, life.stop, drain=life.drain), name=f"pipeline-{pipeline.spec.name}")
    left = sum(len(pipeline.ledger) for pipeline in pipelines)
    return FAILED if left or life.stop.forced else CLEAN


async def _opened(life: Run, parts: AsyncExitStack) -> list[Pipeline] | None:
    """All pipelines, watched; None when a signal came before they were open."""
    async with Stages(may_return=lambda: True) as either:
        opening = either.start(partial(_open_all, life, parts), name="open")
        told = either.start(life.stop.wait, name="told-before-open")
        await asyncio.wait([opening, told], return_when=asyncio.FIRST_COMPLETED)
        await either.end([told, opening])
    if opening.cancelled():
        return None
    for pipeline in opening.result():
        life.instruments.watch(pipeline)
    return opening.result()


async def _open_all(life: Run, parts: AsyncExitStack) -> list[Pipeline]:
    ways: list[Way] = []
    worker, emit = life.loaded.worker, life.instruments.emit
    return [
        await open_pipeline(settings, worker, emit, drain=life.drain, into=parts, ways=ways, caution=life.caution)
        for settings in life.loaded.pipelines
    ]


async def _left_behind() -> set[asyncio.Task[Any]]:
    """End what your code has started on our loop; what ignores that is returned: it would hold us for ever."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    return (await asyncio.wait(others, timeout=LEFT_BEHIND_SECONDS))[1] if others else set()


async def _announce(life: Run, pipelines: Sequence[Pipeline]) -> None:
    stop = life.stop
    await stop.wait()
    note = waits_for([pipeline.unfinished for pipeline in pipelines], drain_seconds=stop.drain_seconds)
    life.instruments.emit(facts.WorkerStopping(stop.reason, stop.drain_seconds, note))


def leave(instruments: Instruments) -> NoReturn:
    """End the process although tasks still run: a handler that ignores its cancellation would hold it for ever.

    What they hold was not settled, so it is visible again when its leases end.
    """
    running = ", ".join(sorted(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()}))
    instruments.emit(facts.WorkerFailed("NeverEnds", f"still running after the deadline: {running}"))
    instruments.close()
    os._exit(FAILED)


def refusal_code(errors: Iterable[BaseException]) -> int:
    """For who could not start: 3 leaves it to people; 1 asks the platform for another start, which may find it back."""
    away = all(isinstance(error, QueueUnavailable | SinkUnavailable) for error in errors)
    return FAILED if away else REFUSED


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """The single errors of a group of groups."""
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from leaves(error)
        else:
            yield error
