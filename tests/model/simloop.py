"""An event loop in virtual time whose schedule comes from a seed, and processes in it that can crash and freeze.

Ready callbacks are drawn at random (or in order, without a seed); when nothing is ready the clock jumps to the next
timer; when there is no timer either, everybody waits for ever, which is an error here and not a hang. There are no
sockets, threads or signals: the core needs none. The trace is a hash over (time, callback) of every step, so that two
runs of one seed can be compared.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import hashlib
import heapq
import random
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

STEPS_AT_MOST = 5_000_000
"""A run that needs more is going round in circles."""


class Owner:
    """Whose callbacks and tasks they are: everything that starts in a context where `OWNER` is set belongs to it.

    Crashed, its callbacks are dropped unseen: nothing is cancelled, no `finally` runs. Frozen, they are set aside.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.crashed = False  # written by crash
        self.frozen = False  # written by freeze and thaw
        self.parked: list[asyncio.Handle] = []  # callbacks that came while frozen; written by the loop
        self.tasks: list[asyncio.Task[Any]] = []  # strong: a lost task would run its `finally`; written by the loop

    def alive(self) -> list[str]:
        """Names of its tasks that have not ended."""
        return [task.get_name() for task in self.tasks if not task.done()]


OWNER: Final[ContextVar[Owner | None]] = ContextVar("owner", default=None)


class Deadlock(Exception):
    """Nothing is ready and no timer is set: somebody waits for what nobody will do."""


class SimTask(asyncio.Task[Any]):
    """A task whose place in a set is its number and not its address: a TaskGroup cancels by iterating over a set."""

    def __init__(self, coro: Coroutine[Any, Any, Any], *, loop: SimLoop, **more: Any) -> None:
        self._number = loop.numbered()
        super().__init__(coro, loop=loop, **more)

    def __hash__(self) -> int:
        return self._number


class SimLoop(asyncio.BaseEventLoop):
    """One per run; closes like any other loop."""

    _ready: Any  # asyncio's own deque of handles
    _stopping: bool  # asyncio's own flag
    _scheduled: Any  # asyncio's own heap of timers

    def __init__(self, seed: object = None) -> None:
        super().__init__()
        self._now = 0.0
        self._order = None if seed is None else random.Random(f"{seed}:order")
        self._trace = hashlib.sha256()
        self.steps = 0
        self._tasks = 0  # made so far; written by numbered
        self.after_step: Callable[[Owner | None], None] | None = None
        """Called after every step with whose it was; what it raises ends the run."""
        self.set_task_factory(_owned_task)

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now

    def numbered(self) -> int:
        """The number of the next task."""
        self._tasks += 1
        return self._tasks

    def trace(self) -> str:
        """A hash of everything that ran so far, and when."""
        return self._trace.hexdigest()

    def advance(self, seconds: float) -> None:
        """Run for so long, from outside of the loop."""
        self.call_at(self._now + seconds, self.stop)
        self.run_forever()

    def do(self, act: Callable[[], object]) -> None:
        """Call *act* inside the loop, from outside of it, and run nothing else."""
        waiting, self._ready = self._ready, type(self._ready)()
        self.call_soon(act)
        self.call_soon(self.stop)
        order, self._order = self._order, None
        try:
            self.run_forever()
        finally:
            self._order = order
            waiting.extend(self._ready)
            self._ready = waiting

    def freeze(self, owner: Owner) -> None:
        """Let nothing of *owner* run, as if its machine stood still."""
        owner.frozen = True

    def thaw(self, owner: Owner) -> None:
        """Let *owner* run on, later than it thinks."""
        owner.frozen = False
        self._ready.extend(owner.parked)
        owner.parked.clear()

    def _run_once(self) -> None:
        self._move_due_timers()
        if not self._ready:
            self._jump()
        if self._order is not None and len(self._ready) > 1:
            self._ready.rotate(-self._order.randrange(len(self._ready)))
        handle = self._ready.popleft()
        owner = handle._context.get(OWNER)
        if handle._cancelled or (owner is not None and self._withheld(owner, handle)):
            return
        self.steps += 1
        if self.steps > STEPS_AT_MOST:
            raise Deadlock(f"more than {STEPS_AT_MOST} steps at {self._now:.3f} s")
        self._trace.update(f"{self._now:.6f} {_name(handle._callback)}\n".encode())
        handle._run()
        if self.after_step is not None:
            self.after_step(owner)

    def _withheld(self, owner: Owner, handle: asyncio.Handle) -> bool:
        if owner.frozen and not owner.crashed:
            owner.parked.append(handle)
        return owner.frozen or owner.crashed

    def _move_due_timers(self) -> None:
        while self._scheduled and (self._scheduled[0]._cancelled or self._scheduled[0]._when <= self._now):
            timer = heapq.heappop(self._scheduled)
            timer._scheduled = False
            if not timer._cancelled:
                self._ready.append(timer)

    def _jump(self) -> None:
        if not self._scheduled:
            if self._stopping:
                self._ready.append(asyncio.Handle(_nothing, (), self))
                return
            waiting = sorted(task.get_name() for task in asyncio.all_tasks(self))
            raise Deadlock(f"at {self._now:.3f} s everybody waits: {', '.join(waiting)}")
        self._now = max(self._now, self._scheduled[0]._when)
        self._move_due_timers()

    def _process_events(self, event_list: object) -> None:
        """Nothing outside happens here."""

    def _write_to_self(self) -> None:
        """No other thread may wake this loop, and none does."""

    def run_in_executor(self, executor: object, func: object, *args: object) -> NoReturn:
        """Refuse: threads are outside the simulation."""
        raise NotImplementedError("no threads in simulated time")


def bury(owner: Owner) -> None:
    """Close what a crash has left lying, so that the interpreter does not complain of it; the world has ended."""
    for task in owner.tasks:
        if not task.done():
            task._log_destroy_pending = False  # type: ignore[attr-defined] # it was a crash, nobody forgot it
            coro = task.get_coro()
            for _ in range(10):  # a `finally` that waits is asked again; a task group makes a group of the exit
                with contextlib.suppress(RuntimeError, BaseExceptionGroup):
                    coro.close()
                    break
    owner.tasks.clear()


def _owned_task(loop: asyncio.AbstractEventLoop, coro: Any, **more: Any) -> asyncio.Task[Any]:
    assert isinstance(loop, SimLoop)
    task = SimTask(coro, loop=loop, **more)
    context = more.get("context")
    owner = OWNER.get() if context is None else context.get(OWNER)
    if owner is not None:
        if len(owner.tasks) > 64:  # the ended ones are of no use to anybody
            owner.tasks[:] = [one for one in owner.tasks if not one.done()]
        owner.tasks.append(task)
    return task


def _nothing() -> None:
    """Give the loop a step to notice that it was stopped."""


def _name(callback: object) -> str:
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return str(owner.get_coro().__qualname__)  # type: ignore[union-attr] # tasks here are made of coroutines
    return str(getattr(callback, "__qualname__", type(callback).__name__))


def run(main: Coroutine[Any, Any, Any], *, seed: int | None = None) -> Any:
    """Run *main* in virtual time; fails when it leaves a task behind."""
    loop = SimLoop(seed)
    try:
        result = loop.run_until_complete(main)
        left = [task.get_name() for task in asyncio.all_tasks(loop)]
        if left:
            raise AssertionError(f"tasks left behind: {left}")
        return result
    finally:
        _cancel_rest(loop)
        loop.close()


def _cancel_rest(loop: SimLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))


def simulated(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Turn an async test into a plain one that runs in virtual time, in order."""

    @functools.wraps(test)
    def wrapper(*args: object, **kwargs: object) -> None:
        run(test(*args, **kwargs))

    return wrapper
