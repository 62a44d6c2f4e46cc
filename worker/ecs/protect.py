"""Protect: keeps ECS from ending this task while there is work in hand that stopping would cut off.

Takes the open pipelines and the agent; asks as the policy says, and tells what changed. It runs until cancelled, on the
loop, so that a worker that stands still renews nothing and is protected no longer than the last request said.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from worker import facts
from worker.ecs.agent import Told
from worker.ecs.policy import EXPIRES_MINUTES, Keeping
from worker.pipeline.backoff import ceiling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.ecs.policy import Wish
    from worker.facts import Emit
    from worker.pipeline.pipeline import Pipeline
    from worker.settings import WorkerSettings

LOOK_SECONDS: Final = 2.0
LONG_SECONDS: Final = 5.0
"""What has been under way for so long may well outlast the time to drain; what is quicker, that time is for."""
PAUSE_SECONDS: Final = 10.0
PAUSE_MAX_SECONDS: Final = 300.0
"""A permission that is missing will be for a while."""
NO_SERVICE: Final = "TASK_NOT_VALID"
"""ECS's word for a task of its own: nothing scales it in."""
NO_SERVICE_SECONDS: Final = 3600.0


class ProtectionAgent(Protocol):
    """Who is asked: the agent."""

    async def protect(self, *, minutes: int) -> Told:
        """Keep scale-in and deployments away from this task for *minutes*."""
        ...

    async def release(self) -> Told:
        """Let them end it."""
        ...


class Protector:
    """One for each process."""

    def __init__(self, agent: ProtectionAgent, emit: Emit, *, any_work: bool, alone: bool) -> None:
        self._agent = agent
        self._emit = emit
        self._any_work = any_work
        self._keeping = Keeping(alone=alone)
        self._failures = 0  # in a row; written by _ask

    async def run(self, pipelines: Sequence[Pipeline]) -> None:
        """Look, ask, wait; *pipelines* may be filled later. Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            wish = self._keeping.wish(loop.time(), busy=self._busy(pipelines))
            pause = LOOK_SECONDS if wish is None else await self._ask(wish)
            await asyncio.sleep(pause)

    def _busy(self, pipelines: Sequence[Pipeline]) -> bool:
        if self._any_work:
            return any(len(pipeline.ledger) for pipeline in pipelines)
        return any(pipeline.under_way.longest_seconds >= LONG_SECONDS for pipeline in pipelines)

    async def _ask(self, wish: Wish) -> float:
        """Ask for it; how long to wait before the next look."""
        protect, before = wish == "protect", self._keeping.protected
        told = await self._told(wish)
        if told.code:
            self._failures += 1
            pause = ceiling(self._failures, base_seconds=PAUSE_SECONDS, max_seconds=PAUSE_MAX_SECONDS)
            pause = NO_SERVICE_SECONDS if told.code == NO_SERVICE else pause
            self._emit(facts.TaskProtectionFailed(told.code, told.detail, wish, pause))
            return pause
        self._failures = 0
        self._keeping.done(wish, asyncio.get_running_loop().time())
        if bool(before) is not protect:
            self._emit(facts.TaskProtectionChanged(protected=protect, minutes=EXPIRES_MINUTES if protect else 0))
        return LOOK_SECONDS

    async def _told(self, wish: Wish) -> Told:
        if wish == "protect":
            return await self._agent.protect(minutes=EXPIRES_MINUTES)
        return await self._agent.release() if wish == "release" else Told()


def protector_of(worker: WorkerSettings, agent: ProtectionAgent | None, emit: Emit, *, alone: bool) -> Protector | None:
    """Who protects this task; None where there is no agent, or nobody wants it. *alone*: no other process here does."""
    if agent is None or worker.ecs_task_protection == "off":
        return None
    return Protector(agent, emit, any_work=worker.ecs_task_protection == "busy", alone=alone)
