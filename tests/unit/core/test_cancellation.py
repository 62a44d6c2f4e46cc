"""Cancellation: your code cannot cancel the worker's tasks, by whatever way, and who was cancelled knows by whom."""

from __future__ import annotations

import ast
import asyncio
import contextvars
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

import worker
from tests.model.simloop import simulated
from worker.cancellation import TaskExited, guarded_task, meant, supervise, your_task
from worker.process.run import guarded_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

WORKER: Final = Path(worker.__file__).parent


def guarded(main: Callable[[], Coroutine[object, object, None]]) -> None:
    """Run *main* on a guarded loop."""

    def factory() -> asyncio.AbstractEventLoop:
        loop = asyncio.new_event_loop()
        loop.set_task_factory(guarded_task)
        return loop

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


@pytest.mark.parametrize("by_hand", [True, False], ids=["run_in_executor", "to_thread"])
def test_what_is_bound_follows_into_the_threads_of_the_loop(by_hand: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """So that a line logged there says whose message it is; and nothing of one call stays there for the next."""
    variable = contextvars.ContextVar("variable", default="unset")

    async def call(value: str) -> str:
        variable.set(value)
        if by_hand:
            return await asyncio.get_running_loop().run_in_executor(None, variable.get)
        return await asyncio.to_thread(variable.get)

    async def main() -> tuple[str, ...]:
        first = await asyncio.create_task(call("first")), await asyncio.create_task(call("second"))
        return (*first, await asyncio.get_running_loop().run_in_executor(None, variable.get))

    with asyncio.Runner(loop_factory=guarded_loop) as runner:
        assert runner.run(main()) == ("first", "second", "unset")


def directly(task: asyncio.Task[None]) -> None:
    """From the code itself."""
    task.cancel()


def by_timer(task: asyncio.Task[None]) -> None:
    """From a timer."""
    asyncio.get_running_loop().call_later(0, task.cancel)


def by_thread(task: asyncio.Task[None]) -> None:
    """From a thread that was given the context."""
    loop, context = asyncio.get_running_loop(), contextvars.copy_context()
    threading.Thread(target=lambda: context.run(lambda: loop.call_soon_threadsafe(task.cancel))).start()


def by_everything(_: asyncio.Task[None]) -> None:
    """From a helper that tidies up."""
    for one in asyncio.all_tasks() - {asyncio.current_task()}:
        one.cancel()


@pytest.mark.parametrize("cancel", [directly, by_timer, by_thread, by_everything])
def test_your_code_cannot_cancel_a_task_of_the_worker(cancel: Callable[[asyncio.Task[None]], None]) -> None:
    """The task goes on; asked by the worker it ends."""

    async def main() -> None:
        loop, go = asyncio.get_running_loop(), asyncio.Event()
        theirs = loop.create_task(wait_for(go))
        await asyncio.sleep(0)

        async def yours() -> None:
            cancel(theirs)
            for _ in range(20):
                await asyncio.sleep(0.001)

        await your_task(yours(), name="yours")
        assert not theirs.cancelling()
        theirs.cancel()
        await asyncio.wait([theirs])
        assert theirs.cancelled()

    guarded(main)


def test_your_code_cancels_its_own_tasks() -> None:
    """Your task groups, timeouts and background tasks work as they do everywhere."""

    async def main() -> None:
        async def yours() -> None:
            background = asyncio.get_running_loop().create_task(wait_for(asyncio.Event()))
            await asyncio.sleep(0)
            background.cancel()
            await asyncio.wait([background])
            assert background.cancelled()
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.001):
                    await asyncio.Event().wait()

        await your_task(yours(), name="yours")

    guarded(main)


def test_a_background_task_of_yours_that_exits_does_not_stop_the_loop() -> None:
    """Asyncio lets SystemExit of any task through to whoever runs the loop: here it is an error of that task."""

    async def main() -> None:
        async def exits() -> None:
            raise SystemExit(3)

        async def yours() -> None:
            with pytest.raises(TaskExited, match="SystemExit"):
                await asyncio.get_running_loop().create_task(exits())

        await your_task(yours(), name="yours")

    guarded(main)


@simulated
async def test_of_a_task_that_nobody_supervises_whoever_is_cancelled_is_meant_to_end() -> None:
    """And one whose future was cancelled below it is not."""
    heard: list[bool] = []
    below: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def listens() -> None:
        for waited_for in (below, asyncio.Event().wait()):
            try:
                await waited_for
            except asyncio.CancelledError:
                heard.append(meant())

    listening = asyncio.get_running_loop().create_task(listens())
    await asyncio.sleep(1)
    below.cancel()
    await asyncio.sleep(1)
    listening.cancel()
    await listening
    assert heard == [False, True]


@simulated
async def test_who_is_not_told_to_end_goes_on_as_if_nobody_had_cancelled_it() -> None:
    """All cancellations are taken back, so that a later time limit in the same task still knows its own."""
    heard: list[object] = []

    async def listens() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(meant())
        try:
            async with asyncio.timeout(1):
                await asyncio.Event().wait()
        except TimeoutError:
            heard.append("late")

    listening = asyncio.get_running_loop().create_task(listens())
    supervise(listening, lambda: False)
    await asyncio.sleep(1)
    listening.cancel()
    listening.cancel()
    await listening
    assert heard == [False, "late"]
    assert not listening.cancelling()


KEPT: Final = {
    "pipeline/stage.py": "raises it when all stages have ended",
    "process/run.py": "the last line: it becomes a fact and an exit code",
}
COUNTED: Final = {
    "cancellation.py": "the one question",
    "waiting/limit.py": "cancels its own task, and takes that back",
    "pipeline/stage.py": "as above, to wake its owner",
}


def test_whoever_catches_a_cancellation_raises_it_again_and_one_module_knows_whose_it_is() -> None:
    """In all of the worker's code but the modules named above, each with its reason."""
    kept, counted = set(), set()
    for path in WORKER.rglob("*.py"):
        name = path.relative_to(WORKER).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ExceptHandler) and node.type and "CancelledError" in ast.unparse(node.type):
                last = node.body[-1]
                kept |= set() if isinstance(last, ast.Raise) and last.exc is None else {name}
            elif isinstance(node, ast.Attribute) and node.attr in {"cancelling", "uncancel"}:
                counted.add(name)
    assert kept == set(KEPT)
    assert counted == set(COUNTED)


async def wait_for(event: asyncio.Event) -> None:
    """A coroutine that waits."""
    await event.wait()
