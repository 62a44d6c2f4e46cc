"""The wall clock of a request: it ends what waits, and only that."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import uvloop

from tests.model.simloop import simulated
from worker.waiting.limit import Limit, Limits

if TYPE_CHECKING:
    from collections.abc import Callable


async def forever() -> None:
    """Until somebody ends it."""
    await asyncio.get_running_loop().create_future()


async def test_what_waits_too_long_ends_as_a_timeout() -> None:
    """And the task is not cancelled afterwards."""
    with pytest.raises(TimeoutError), Limits().within(0.0):
        await forever()
    await asyncio.sleep(0)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_what_is_in_time_is_left_alone() -> None:
    """Nothing is left over that could end something else."""
    with Limits().within(0.0):
        pass
    for _ in range(5):
        await asyncio.sleep(0)


async def test_ended_from_outside_is_a_timeout_too() -> None:
    """As when the queue is closed; ending it twice is ending it once."""
    limit = Limits().within(60.0)
    asyncio.get_running_loop().call_soon(limit.end)
    asyncio.get_running_loop().call_soon(limit.end)
    with pytest.raises(TimeoutError), limit:
        await forever()
    await asyncio.sleep(0)


async def limited(limit: Limit) -> None:
    with limit:
        await forever()


async def test_a_cancellation_stays_one_even_when_the_time_ends_with_it() -> None:
    """Whoever cancels the task means it; a timeout at the same moment does not hide it."""
    limit = Limits().within(60.0)
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(limited(limit))
        await asyncio.sleep(0)
        task.cancel()
        limit.end()
    assert task.cancelled()


async def paused(turns: list[int]) -> None:
    """Some turns of the loop in a pause, and then no end."""
    with Limits().within(0.0) as limit:
        limit.pause()
        limit.pause()
        for turn in range(5):
            await asyncio.sleep(0)
            turns.append(turn)
        limit.resume()
        limit.resume()
        await forever()


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_pause_is_not_counted(new_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """While paused nothing ends it; afterwards what was left is left. On both loops: their timers differ."""
    turns: list[int] = []
    with asyncio.Runner(loop_factory=new_loop) as runner, pytest.raises(TimeoutError):
        runner.run(paused(turns))
    assert len(turns) == 5


async def test_an_error_is_not_dressed_up() -> None:
    """What went wrong in the block is what the caller is told."""
    with pytest.raises(ValueError, match="mine"), Limits().within(60.0):
        raise ValueError("mine")


async def restarted(after: float, seconds: float) -> None:
    """A minute, of which something has passed, is made *seconds*."""
    with Limits().within(60.0) as limit:
        await asyncio.sleep(after)
        limit.restart(seconds)
        await forever()


async def paused_for(seconds: float, *, after: float) -> None:
    """A minute with a pause in it."""
    with Limits().within(60.0) as limit:
        await asyncio.sleep(after)
        limit.pause()
        await asyncio.sleep(seconds)
        limit.resume()
        await forever()


@simulated
async def test_a_restart_counts_from_now() -> None:
    """The new time is all there is, longer or shorter than what was left."""
    loop = asyncio.get_running_loop()
    for seconds in (5.0, 500.0):
        began = loop.time()
        with pytest.raises(TimeoutError):
            await restarted(30, seconds)
        assert loop.time() - began == pytest.approx(30 + seconds)


@simulated
async def test_what_is_left_at_a_pause_is_left_after_it() -> None:
    """To the second, also when little was left."""
    loop = asyncio.get_running_loop()
    with pytest.raises(TimeoutError):
        await paused_for(1_000, after=59.5)
    assert loop.time() == pytest.approx(1_060)


@simulated
async def test_each_of_several_ends_in_its_own_time() -> None:
    """They share one timer, which goes on to the next one."""
    limits, loop = Limits(), asyncio.get_running_loop()
    ended: list[float] = []

    async def one(seconds: float) -> None:
        with pytest.raises(TimeoutError):
            await limited(limits.within(seconds))
        ended.append(loop.time())

    async with asyncio.TaskGroup() as tasks:
        for seconds in (30, 10, 20):
            tasks.create_task(one(seconds))
    assert ended == pytest.approx([10, 20, 30])


@simulated
async def test_an_owner_whose_calls_never_began_ends_as_well() -> None:
    """There is no timer to be cancelled then; later its end ends whatever waits."""
    limits = Limits()
    limits.end()
    waiting = asyncio.get_running_loop().create_task(limited(limits.within(60)))
    await asyncio.sleep(1)
    limits.end()
    with pytest.raises(TimeoutError):
        await waiting
    assert asyncio.get_running_loop().time() == pytest.approx(1)


@simulated
async def test_a_timer_that_finds_nothing_to_end_goes_off_in_silence() -> None:
    """As it nearly always does: the calls were answered long before."""
    loop = asyncio.get_running_loop()
    said: list[object] = []
    loop.set_exception_handler(lambda _, context: said.append(context))
    with Limits().within(1.0):
        pass
    await asyncio.sleep(2)
    assert said == []
