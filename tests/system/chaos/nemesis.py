"""The nemesis: carries the plan out, one generator for each fault, all of them stepped by one loop.

Takes the plan and the world, gives a `Fault` for each entry: when it began and was healed, how often it was seen to
strike, and when the workers were seen to be past it. What is done to processes stands here, what is done to the world
around them in `surroundings`.
"""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

from tests.system.chaos.waiting import Under, pause, progress, until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from tests.system.chaos.crew import Crew, Process
    from tests.system.chaos.schedule import Planned
    from tests.system.chaos.surroundings import Surroundings
    from tests.system.chaos.waiting import Answered, Steps

RESTART_SECONDS = 0.2
BUSY_SECONDS = 5.0
"""How long SIGTERM waits for a worker with messages in its hands; then an idle one is told."""


class Nemesis:
    """Everything that goes wrong."""

    def __init__(self, crew: Crew, surroundings: Surroundings, *, visibility: int) -> None:
        self._crew = crew
        self._surroundings = surroundings
        self._visibility = visibility
        self._guests = 0
        self._busy: set[str] = set()
        """Workers that something is being done to: one thing at a time. Written by _bodily."""
        self.faults: list[Under] = []

    def run(self, plan: Sequence[Planned], seconds: float, tick: Callable[[], None]) -> None:
        """Carry *plan* out over *seconds*, and until the last fault is healed; *tick* is called all the time."""
        began = time.monotonic()
        waiting = list(plan)
        active: list[Steps] = []
        while waiting or active or time.monotonic() < began + seconds:
            while waiting and began + waiting[0].at_seconds <= time.monotonic():
                under = Under(waiting.pop(0))
                self.faults.append(under)
                active.append(self._generator(under))
            tick()
            active = [steps for steps in active if _goes_on(steps)]

    def _generator(self, under: Under) -> Steps:
        around = self._surroundings
        return {
            "kill": self._bodily,
            "term": self._bodily,
            "stop": self._bodily,
            "stall": self._bodily,
            "crash": self._crash,
            "sqs": around.trouble,
            "lock": around.lock,
            "database": around.lost_commits if under.planned.detail == "commit-loss" else around.restart,
        }[under.planned.kind](under)

    def _bodily(self, under: Under) -> Steps:
        """To one worker, when it works and nothing else is being done to it."""
        name = f"w{under.planned.target}"
        if not (yield from until(lambda: name not in self._busy and self._crew.members[name].working)):
            return
        self._busy.add(name)
        act = {"kill": self._kill, "term": self._term, "stop": self._stop, "stall": self._stop}[under.planned.kind]
        member = self._crew.members[name]
        yield from act(under, member if under.planned.kind == "term" else self._crew.victim(name))
        self._busy.discard(name)

    def _kill(self, under: Under, member: Process) -> Steps:
        """SIGKILL with messages in its hands, and a new life."""
        if not (yield from self._caught_at_work(member)):
            return
        under.begin_ns = time.monotonic_ns()
        member.signal(signal.SIGKILL, "kill")
        yield from until(lambda: not member.alive)
        under.fired = int(member.process.returncode == -signal.SIGKILL)
        yield from self._reborn(under)

    def _term(self, under: Under, member: Process) -> Steps:
        """SIGTERM, with messages in its hands if possible, and a new life when it has ended."""
        yield from until(lambda: bool(member.in_hand(self._visibility)), BUSY_SECONDS)
        under.begin_ns = time.monotonic_ns()
        member.signal(signal.SIGTERM, "term")
        yield from until(lambda: not member.alive)
        under.fired = int(not member.alive)
        yield from self._reborn(under)

    def _stop(self, under: Under, member: Process) -> Steps:
        """SIGSTOP for longer than its leases live, then SIGCONT: it wakes with handles that are void."""
        caught = yield from self._caught_at_work(member)
        under.begin_ns = time.monotonic_ns()
        if not caught:
            return
        yield from pause(under.planned.seconds)
        under.fired = int(_state(member) == "T") and member.in_hand(under.planned.seconds + self._visibility)
        received = member.seen["recv"]
        _wake(member)
        under.heal_ns = time.monotonic_ns()
        if (yield from until(lambda: member.seen["recv"] > received + 1)):
            under.recovered_ns = time.monotonic_ns()

    def _caught_at_work(self, member: Process) -> Answered:
        """SIGSTOP at a moment when it has messages in its hands; if that does not come, it goes on and False."""

        def caught() -> bool:
            if not member.in_hand(self._visibility):
                return False
            member.paused = True
            member.signal(signal.SIGSTOP)
            member.look()  # what it had booked when it was stopped
            if not member.in_hand(self._visibility):
                _wake(member)
            return member.paused

        return (yield from until(caught))

    def _crash(self, under: Under) -> Steps:
        """A guest that dies at a named point in mid-step; the others finish what it held."""
        point, self._guests = under.planned.detail, self._guests + 1
        slow = str(0.8 * self._visibility) if point.startswith("chang") else "0"
        under.begin_ns = time.monotonic_ns()
        guest = self._crew.start(f"guest{self._guests}", WORKER_CRASH_POINT=f"{point}:1", CHAOS_WRITE_SECONDS=slow)
        if point == "closing":
            yield from until(lambda: guest.working or not guest.alive)
            guest.signal(signal.SIGTERM)
        if not (yield from until(lambda: not guest.alive)):
            guest.signal(signal.SIGTERM, "term")  # it never came to its point: an ordinary worker, and nothing struck
            yield from until(lambda: not guest.alive)
        under.fired = guest.seen["crash"]
        under.heal_ns = guest.ended_ns
        yield from progress(under, self._crew)

    def _reborn(self, under: Under) -> Steps:
        yield from pause(RESTART_SECONDS)
        """A new life; one process of several is started again by its parent."""
        name = f"w{under.planned.target}"
        member = self._crew.members[name] if self._crew.members[name].alive else self._crew.start(name)
        under.heal_ns = time.monotonic_ns()
        if (yield from until(lambda: member.working)):
            under.recovered_ns = time.monotonic_ns()


def _goes_on(steps: Generator[None, None, None]) -> bool:
    return next(steps, END) is not END


END = object()


def _wake(member: Process) -> None:
    member.signal(signal.SIGCONT)
    member.paused = False


def _state(member: Process) -> str:
    """The letter of the kernel: T is stopped."""
    with open(f"/proc/{member.process.pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - /proc is no place for paths
        return file.read().rpartition(")")[2].split()[0]
