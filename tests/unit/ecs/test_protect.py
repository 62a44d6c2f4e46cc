"""A pipeline at work, and what ECS is asked for meanwhile: in virtual time, with an agent that remembers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from tests.unit.pipeline.bench import Bench
from worker import facts
from worker.ecs.agent import Told
from worker.ecs.protect import (
    LONG_SECONDS,
    LOOK_SECONDS,
    NO_SERVICE_SECONDS,
    PAUSE_MAX_SECONDS,
    Protector,
    protector_of,
)
from worker.pipeline.stage import Stages
from worker.pipeline.stopping import Stop
from worker.settings import load

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Fact


class Remembering:
    """An agent: `answers` one after another, then yes."""

    def __init__(self, *answers: Told) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, float]] = []

    async def protect(self, *, minutes: int) -> Told:
        """Remember it."""
        assert minutes == 10
        return self._asked("protect")

    async def release(self) -> Told:
        """Remember it."""
        return self._asked("release")

    def _asked(self, wish: str) -> Told:
        self.asked.append((wish, asyncio.get_running_loop().time()))
        return self._answers.pop(0) if self._answers else Told()


class Ward:
    """A bench under the protection of an agent."""

    def __init__(self, *answers: Told, any_work: bool = False, alone: bool = True) -> None:
        self.bench = Bench()
        self.agent = Remembering(*answers)
        self.facts: list[Fact] = []
        self.protector = Protector(self.agent, self.facts.append, any_work=any_work, alone=alone)

    async def work(self, numbers: Sequence[int], *, seconds: float, until: float) -> None:
        """Let each write take *seconds*; end at loop time *until*."""
        self.bench.sink.seconds = seconds
        pipeline, stop = self.bench.pipeline(), Stop(drain_seconds=25)
        async with Stages(may_return=lambda: True) as stages:
            keeping = stages.start(lambda: self.protector.run([pipeline]), name="protect")
            running = stages.start(lambda: pipeline.run(stop), name="pipeline")
            await self.bench.send(numbers)
            await asyncio.sleep(until - asyncio.get_running_loop().time())
            stop.request("SIGTERM")
            await asyncio.wait([running])
            await stages.end([keeping])

    def wishes(self) -> list[str]:
        """Without their times."""
        return [wish for wish, _ in self.agent.asked]

    def changes(self) -> list[bool]:
        """What was told to have changed."""
        return [fact.protected for fact in self.facts if isinstance(fact, facts.TaskProtectionChanged)]


@simulated
async def test_long_work_is_protected_while_it_lasts_and_a_minute_longer() -> None:
    """A quarter of an hour: asked for when it has lasted 5 s, renewed twice, released after it."""
    ward = Ward()
    await ward.work([1], seconds=900, until=1200)
    assert ward.wishes() == ["release", "protect", "protect", "protect", "release"]
    asked_at, released_at = ward.agent.asked[1][1], ward.agent.asked[-1][1]
    assert LONG_SECONDS <= asked_at <= LONG_SECONDS + 2 * LOOK_SECONDS
    assert 900 <= released_at <= 900 + 60 + 2 * LOOK_SECONDS
    assert ward.changes() == [True, False]


@simulated
async def test_quick_work_is_left_to_the_drain_and_never_holds_up_a_deployment() -> None:
    """However much of it there is: what stopping can finish needs no protection."""
    ward = Ward()
    await ward.work(range(500), seconds=1.0, until=40)
    assert ward.bench.sink.rows
    assert ward.wishes() == ["release"]
    assert ward.changes() == []


@simulated
async def test_any_work_is_protected_where_that_is_wanted() -> None:
    """`busy`: a message in hand is enough."""
    ward = Ward(any_work=True)
    await ward.work([1], seconds=3.0, until=200)
    assert ward.wishes()[:2] == ["release", "protect"]
    assert ward.agent.asked[1][1] <= 2 * LOOK_SECONDS
    assert ward.wishes()[2:] == ["release"]


@simulated
async def test_work_that_is_tried_again_counts_from_its_own_beginning() -> None:
    """A record that the sink did not take goes another way; long work on it is long work."""
    ward = Ward()
    bench = ward.bench
    first = iter([True])

    def answer(records: Sequence[object]) -> list[None]:
        if next(first, False):
            from worker.errors import BatchFailed  # noqa: PLC0415 - what a sink raises

            raise BatchFailed("slow")
        return [None] * len(records)

    bench.sink.answer = answer
    await ward.work([1, 2], seconds=100, until=600)
    assert ward.wishes() == ["release", "protect", "release"]
    assert len(bench.sink.rows) == 2
    assert ward.agent.asked[-1][1] >= 200 + 60 - 1


@simulated
async def test_a_refusal_is_told_and_tried_again_ever_more_seldom() -> None:
    """Without the permission the worker works as well as before, and says what is missing."""
    denied = Told("AccessDeniedException", "not authorized to perform: ecs:UpdateTaskProtection")
    ward = Ward(*[denied] * 100)
    await ward.work([1], seconds=900, until=1500)
    failed = [fact for fact in ward.facts if isinstance(fact, facts.TaskProtectionFailed)]
    assert [fact.retry_in for fact in failed[:6]] == [10, 20, 40, 80, 160, PAUSE_MAX_SECONDS]
    assert len(failed) < 12
    assert len(ward.bench.sink.rows) == 1


@simulated
async def test_a_task_that_is_of_no_service_is_asked_about_once_an_hour() -> None:
    """Nothing scales it in; there is nothing to mend, and nothing to fill a log with."""
    ward = Ward(*[Told("TASK_NOT_VALID")] * 10)
    await ward.work([], seconds=1, until=2 * NO_SERVICE_SECONDS - 60)
    assert ward.wishes() == ["release"] * 2


@simulated
async def test_one_of_several_processes_lets_its_protection_run_out() -> None:
    """Another one may be busy: releasing is not its to do."""
    ward = Ward(alone=False)
    await ward.work([1], seconds=30, until=300)
    assert ward.wishes() == ["protect"]
    assert ward.changes() == [True, False]


@pytest.mark.parametrize(("choice", "made"), [("auto", True), ("busy", True), ("off", False)])
def test_it_is_made_where_there_is_an_agent_and_somebody_wants_it(choice: str, *, made: bool) -> None:
    """`off`, or no agent: no task, no request."""
    worker = load({"SQS_QUEUE_URL": "orders", "ECS_TASK_PROTECTION": choice}).worker
    agent = Remembering()
    assert (protector_of(worker, agent, lambda _: None, alone=True) is not None) is made
    assert protector_of(worker, None, lambda _: None, alone=True) is None
