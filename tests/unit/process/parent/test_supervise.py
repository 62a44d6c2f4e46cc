"""Keeping processes running, and seeing them off: in virtual time, with processes that live as they are told."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from tests.model.simloop import simulated
from worker import facts
from worker.pipeline.stopping import FORCED_SECONDS, Stop
from worker.process.parent.ends import End
from worker.process.parent.process import Command, Process
from worker.process.parent.supervise import GAVE_UP, MARGIN_SECONDS, Supervisor

if TYPE_CHECKING:
    from worker.facts import Fact

COMMAND = Command(("never",), {}, "w", 2)
FOR_EVER = (10**6, 0)


class Told(Process):
    """Lives as it is told: seconds and exit code of each life, the last one again and again."""

    def __init__(self, number: int, *lives: tuple[float, int], starts: bool = True, obeys: float | None = 0.5) -> None:
        super().__init__(number, COMMAND, lambda _: None)
        self._lives = list(lives)
        self._starts = starts
        self._obeys = obeys
        self._end: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.told: list[str] = []
        self.lived = 0

    async def live(self) -> End:
        """Until its time is over, or it does as it is asked."""
        self.lived += 1
        seconds, code = self._lives.pop(0) if len(self._lives) > 1 else self._lives[0]
        loop = asyncio.get_running_loop()
        began, self._end, self.started = loop.time(), loop.create_future(), self._starts
        timer = loop.call_later(seconds, self._ended, code)
        code = await self._end
        timer.cancel()
        self.started = False
        return End(code, loop.time() - began, 100 + self.number, self._starts)

    def stop(self, reason: str) -> None:
        """Drain, if it obeys."""
        self.told.append(f"stop {reason}")
        if self._obeys is not None:
            asyncio.get_running_loop().call_later(self._obeys, self._ended, 0)

    def force(self) -> None:
        """Leave, not clean."""
        self.told.append("force")
        asyncio.get_running_loop().call_later(0.1, self._ended, 1)

    def kill(self) -> None:
        """As the kernel does it; who has ended is not there."""
        if not self._end.done():
            self.told.append("kill")
            self._ended(-9)

    def _ended(self, code: int) -> None:
        if not self._end.done():
            self._end.set_result(code)


class Run:
    """A supervisor at work, and what it said."""

    def __init__(self, *processes: Told, drain: bool = False) -> None:
        self.stop = Stop(drain_seconds=25)
        self.facts: list[Fact] = []
        self.supervisor = Supervisor(processes, self.stop, self.facts.append, drain=drain, random=random.Random(1))

    async def until(self, seconds: float, reason: str = "SIGTERM") -> int:
        """Run it, and ask it to stop after *seconds*."""
        asyncio.get_running_loop().call_later(seconds, self.stop.request, reason)
        return await self.supervisor.run()

    def said(self, kind: type[Fact]) -> list[Fact]:
        """The facts of this kind."""
        return [fact for fact in self.facts if type(fact) is kind]


@simulated
async def test_all_are_asked_once_and_their_end_is_clean() -> None:
    """One signal to the parent is one word to each."""
    processes = [Told(0, FOR_EVER), Told(1, FOR_EVER)]
    run = Run(*processes)
    assert await run.until(10) == 0
    assert [p.told for p in processes] == [["stop SIGTERM"], ["stop SIGTERM"]]
    assert len(run.said(facts.ProcessEnded)) == 2
    assert run.said(facts.ProcessLost) == run.said(facts.ProcessKilled) == []


@simulated
async def test_one_that_dies_is_started_again_while_the_others_go_on() -> None:
    """Whatever it died of, an exit code of 0 that nobody asked for included; its last end is what counts."""
    dying, steady = Told(0, (5, -9), (5, 1), (5, 0), FOR_EVER), Told(1, FOR_EVER)
    run = Run(dying, steady)
    assert await run.until(60) == 0
    assert (dying.lived, dying.restarts, steady.lived) == (4, 3, 1)
    pauses = [fact.restart_in for fact in run.facts if isinstance(fact, facts.ProcessLost)]
    assert len(pauses) == 3
    assert pauses == sorted(pauses)
    assert all(low / 2 <= pause <= low for pause, low in zip(pauses, (0.5, 1, 2), strict=True))


@simulated
async def test_a_steady_life_makes_the_next_pause_short_again() -> None:
    """What happened an hour ago does not slow down today's restart."""
    run = Run(Told(0, (1, 1), (1, 1), (1, 1), (3600, 1), FOR_EVER))
    assert await run.until(4000) == 0
    pauses = [fact.restart_in for fact in run.facts if isinstance(fact, facts.ProcessLost)]
    assert pauses[2] >= 1.0
    assert pauses[3] <= 0.5


@simulated
async def test_the_start_is_given_up_when_nobody_ever_started() -> None:
    """Refused three times: the platform shall see exit code 3, not a loop."""
    refused, waiting = Told(0, (1, 3), starts=False), Told(1, FOR_EVER, starts=False)
    run = Run(refused, waiting)
    assert await run.supervisor.run() == 3
    assert (refused.lived, waiting.told) == (3, [f"stop {GAVE_UP}"])
    assert len(run.said(facts.ParentGaveUp)) == 1


@simulated
async def test_one_that_is_refused_later_does_not_end_those_that_work() -> None:
    """It is tried again for as long as there are others; stopped meanwhile, its last refusal is the exit code."""
    run = Run(Told(0, (1, 3), starts=False), Told(1, FOR_EVER))
    assert await run.until(600) == 3
    assert run.said(facts.ParentGaveUp) == []
    assert len(run.said(facts.ProcessLost)) > 15


@simulated
async def test_draining_ends_when_each_has_found_the_queue_empty() -> None:
    """One that dies on the way is started again, and only a clean end is an end."""
    first, second = Told(0, (5, 0)), Told(1, (2, -9), (9, 0))
    run = Run(first, second, drain=True)
    assert await run.supervisor.run() == 0
    assert (first.lived, second.lived, first.ended, second.ended) == (1, 2, True, True)


@simulated
async def test_who_hangs_is_killed_after_all_time_is_over() -> None:
    """The deadline and a margin in which it could have left by itself; then the exit code says not clean."""
    hanging, good = Told(0, FOR_EVER, obeys=None), Told(1, FOR_EVER)
    run = Run(hanging, good)
    assert await run.until(10) == 1
    assert asyncio.get_running_loop().time() >= 10 + 25 + MARGIN_SECONDS
    assert hanging.told == ["stop SIGTERM", "kill"]
    assert good.told == ["stop SIGTERM"]


@simulated
async def test_a_second_signal_forces_all() -> None:
    """Each gives back and leaves; nobody waits for the deadline."""
    slow = Told(0, FOR_EVER, obeys=None)
    run = Run(slow)
    asyncio.get_running_loop().call_later(12, run.stop.force)
    assert await run.until(10) == 1
    assert slow.told == ["stop SIGTERM", "force"]
    assert asyncio.get_running_loop().time() < 12 + FORCED_SECONDS + MARGIN_SECONDS


@simulated
async def test_a_stop_during_a_pause_starts_nobody() -> None:
    """What died and was not there any more at the end is no clean end."""
    dying = Told(0, (5, 1), FOR_EVER)
    run = Run(dying, Told(1, FOR_EVER))
    assert await run.until(5.1) == 1
    assert dying.lived == 1


@simulated
async def test_a_process_that_a_signal_met_at_its_start_held_nothing() -> None:
    """The group was signalled before it could hear; that is no failure. One that had started is."""
    early, late = Told(0, (20, -15), starts=False, obeys=None), Told(0, (20, -15), obeys=None)
    assert await Run(early).until(19) == 0
    assert await Run(late).until(19) == 1
