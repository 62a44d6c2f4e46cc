"""Threads for blocking calls: order, errors, cancellation and the end."""

from __future__ import annotations

import asyncio
import threading

import pytest

from worker.sinks.threads import Threads


async def test_calls_run_in_order_and_give_their_results() -> None:
    """One thread: first handed over, first done."""
    threads = Threads(1, name="t")
    order: list[int] = []
    async with asyncio.TaskGroup() as group:
        for number in range(10):
            group.create_task(threads.run(lambda number=number: order.append(number)))  # type: ignore[misc]  # bound early
    assert order == list(range(10))
    assert await threads.run(lambda: 7) == 7
    threads.stop()


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
async def test_what_the_call_raises_is_raised_to_the_caller(error: BaseException) -> None:
    """Not to the thread, which goes on."""
    threads = Threads(1, name="t")

    def fail() -> None:
        raise error

    with pytest.raises(type(error)):
        await threads.run(fail)
    assert await threads.run(lambda: "alive") == "alive"
    threads.stop()


async def test_stop_iteration_does_not_hang_the_caller() -> None:
    """A future takes no StopIteration; unconverted, the caller would wait for ever."""
    threads = Threads(1, name="t")

    def fail() -> None:
        raise StopIteration

    with pytest.raises(RuntimeError, match="StopIteration"):
        await threads.run(fail)
    threads.stop()


async def test_a_caller_that_leaves_before_the_start_is_not_served() -> None:
    """Cancelled while waiting for the thread, the call is never made; its end is still reported."""
    threads = Threads(1, name="t")
    gate = threading.Event()
    calls: list[str] = []
    ended: list[str] = []
    async with asyncio.TaskGroup() as group:
        group.create_task(threads.run(lambda: gate.wait(60)))
        waiting = group.create_task(threads.run(lambda: calls.append("made"), ended=lambda: ended.append("waiting")))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0)
        gate.set()
    await threads.run(lambda: None)
    assert calls == []
    assert ended == ["waiting"]
    threads.stop()


async def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    """The threads are daemons, and they end when told to."""
    threads = Threads(2, name="hanging")
    await threads.run(lambda: None)
    mine = [t for t in threading.enumerate() if t.name.startswith("hanging-")]
    assert len(mine) == 2
    assert all(t.daemon for t in mine)
    threads.stop()
    for thread in mine:
        thread.join(10)
    assert not any(t.is_alive() for t in mine)


def test_a_call_that_outlives_its_loop_ends_in_silence() -> None:
    """The loop is closed when the call returns: nobody is told, nothing is raised."""
    begun = threading.Event()
    gate = threading.Event()
    threads = Threads(1, name="outliving")

    def hang() -> None:
        begun.set()
        gate.wait(60)

    async def leave_early() -> None:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(threads.run(hang))
            await asyncio.to_thread(begun.wait, 10)
            call.cancel()

    asyncio.run(leave_early())
    (thread,) = [t for t in threading.enumerate() if t.name == "outliving-0"]
    gate.set()
    threads.stop()
    thread.join(10)
    assert not thread.is_alive()
