"""Stages: however one ends before it was told to, somebody hears of it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from worker.cancellation import meant
from worker.errors import StageEnded
from worker.pipeline.stage import Stages

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine


async def lasting() -> None:
    """A stage that never ends by itself."""
    await asyncio.Event().wait()


async def returning() -> None:
    """A stage that ends too early."""


async def failing() -> None:
    """A stage with a defect."""
    raise ValueError("a defect")


async def exiting() -> None:
    """What asyncio lets through to whoever runs the loop."""
    raise SystemExit(7)


async def panicking() -> None:
    """As extensions written in Rust do."""
    raise BaseException("panicked")  # noqa: TRY002 - the point


def cancellations() -> int:
    """That this task was told of and nobody took back."""
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


def ends(group: BaseExceptionGroup[BaseException]) -> list[str]:
    """The errors in *group*, each as a line."""
    return [str(error) for error in group.exceptions]


@pytest.mark.parametrize(
    ("work", "said"),
    [
        (returning, "the stage s returned before the worker was told to stop"),
        (failing, "a defect"),
        (exiting, "the stage s raised SystemExit"),
        (panicking, "panicked"),
    ],
)
def test_a_stage_that_ends_untold_is_a_failure_and_ends_the_others(
    work: Callable[[], Coroutine[object, object, None]], said: str
) -> None:
    """By return, by error and by what asyncio would let through; whoever waits inside is woken."""

    @simulated
    async def play() -> None:
        with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - it is the end of the block that raises
            async with Stages() as stages:
                other = stages.start(lasting, name="other")
                stages.start(work, name="s")
                await asyncio.Event().wait()
        assert ends(caught.value) == [said]
        assert other.cancelled()
        assert not cancellations()  # of ours, which woke the owner
        await asyncio.sleep(1)

    play()


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("waiting", [True, False])
def test_a_stage_that_somebody_cancels_is_a_failure(*, begun: bool, waiting: bool) -> None:
    """The one end that a TaskGroup takes for a good one; even of a stage that has not begun."""

    @simulated
    async def play() -> None:
        with pytest.raises(BaseExceptionGroup) as caught:  # noqa: PT012 - it is the end of the block that raises
            async with Stages() as stages:
                stages.start(lasting, name="other")
                struck = stages.start(lasting, name="s")
                if begun:
                    await asyncio.sleep(0.1)
                struck.cancel()
                if waiting:
                    await asyncio.Event().wait()
        assert ends(caught.value) == ["the stage s was cancelled, and not by the worker"]
        assert not cancellations()
        await asyncio.sleep(1)

    play()


@pytest.mark.parametrize("waiting", [True, False])
def test_stages_that_fail_together_are_all_told_of_and_leave_nothing_behind(*, waiting: bool) -> None:
    """Each with the name of its stage; the owner is woken once, inside the block, and not at its end."""

    @simulated
    async def play() -> None:
        said: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context))
        with pytest.raises(BaseExceptionGroup, match=r"^stages") as caught:  # noqa: PT012 - it is the end of the block that raises
            async with Stages() as stages:
                tasks = [stages.start(failing, name=name) for name in "ab"]
                stages.start(lasting, name="other")
                if waiting:
                    await asyncio.Event().wait()
        assert [task.get_name() for task in tasks] == ["a", "b"]
        assert [error.__notes__ for error in caught.value.exceptions] == [
            ["This ended the stage a."], ["This ended the stage b."],
        ]  # fmt: skip
        assert (cancellations(), said) == (0, [])

    play()


@simulated
async def test_a_cancellation_of_the_owner_at_the_moment_of_a_failure_stays_one() -> None:
    """Ours is taken back and no other, so that whoever waits outside for its own knows it again."""

    async def own() -> int:
        with pytest.raises(BaseExceptionGroup):  # noqa: PT012 - it is the end of the block that raises
            async with Stages() as stages:
                stages.start(failing, name="s")
                await asyncio.Event().wait()
        return cancellations()

    owner = asyncio.get_running_loop().create_task(own())
    for _ in range(3):  # it begins, its stage fails, it is woken
        await asyncio.sleep(0)
    assert owner.cancelling() == 1
    owner.cancel()
    assert await owner == 1


@simulated
async def test_a_stage_that_was_told_to_end_is_no_failure() -> None:
    """Told by `end`, or returning when its owner says that it is time."""
    time_to_return = False
    async with Stages(may_return=lambda: time_to_return) as stages:
        told = stages.start(lasting, name="told")
        time_to_return = True
        by_itself = stages.start(returning, name="by itself")
        await stages.end([told])
    assert told.cancelled()
    assert by_itself.done()


@simulated
async def test_the_time_to_return_is_no_time_to_be_cancelled() -> None:
    """While the worker runs dry its stages return; one that is cancelled by others is still a failure."""
    with pytest.raises(BaseExceptionGroup, match="stages"):
        async with Stages(may_return=lambda: True) as stages:
            stages.start(lasting, name="s").cancel()


@pytest.mark.parametrize("inside", [True, False])
def test_whoever_cancels_the_owner_gets_a_cancellation(*, inside: bool) -> None:
    """The stages are cancelled with it, and are no failures; inside the block or at its end."""

    @simulated
    async def play() -> None:
        async def own() -> None:
            async with Stages() as stages:
                stages.start(lasting, name="s")
                if inside:
                    await asyncio.Event().wait()

        owner = asyncio.get_running_loop().create_task(own())
        await asyncio.sleep(1)
        owner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await owner

    play()


@simulated
async def test_an_error_of_the_owner_ends_the_stages() -> None:
    """It is told, and what the stages do about their end is no failure of theirs."""
    with pytest.raises(ExceptionGroup) as caught:  # noqa: PT012 - it is the end of the block that raises
        async with Stages() as stages:
            stages.start(lasting, name="s")
            await asyncio.sleep(1)
            raise ValueError("the owner's")
    assert ends(caught.value) == ["the owner's"]


@simulated
async def test_a_stage_knows_whether_it_is_meant_to_end() -> None:
    """A library that cancels the task it runs in is told from the worker, and its cancellation is taken back."""
    heard: list[bool] = []

    async def listens() -> None:
        while not heard or not heard[-1]:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard.append(meant())

    async with Stages(may_return=lambda: len(heard) > 1) as stages:
        listening = stages.start(listens, name="s")
        await asyncio.sleep(1)
        listening.cancel()
        await asyncio.sleep(1)
        assert heard == [False]
        assert not listening.cancelling()
        await stages.end([listening])
    assert heard == [False, True]


@simulated
async def test_a_task_that_a_stage_has_started_is_not_the_stage() -> None:
    """Whoever cancels it means it, although nobody has told the stage to end."""
    heard: list[bool] = []

    async def listens() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append(meant())

    async def starts() -> None:
        started = asyncio.get_running_loop().create_task(listens())
        await asyncio.sleep(1)
        started.cancel()
        await started

    async with Stages(may_return=lambda: True) as stages:
        await stages.start(starts, name="s")
    assert heard == [True]


def test_the_error_names_the_stage() -> None:
    """For whoever reads the line at night."""
    assert StageEnded("poll-orders", "returned").stage == "poll-orders"
