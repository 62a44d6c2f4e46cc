"""A wait queue: tasks wait in a row until there is something for them, or until their patience is over.

The owner has what they wait for: room, batches, turns. It says by `advance` that there may be more, and is asked what
there is for the first of the row: *offer* takes it out and returns it, or returns None, and that one waits on, and all
behind it. So nobody is woken but to be served or sent away, and nobody overtakes. Each may have a deadline, at which
*last_offer* is asked, wherever in the row it stands: it may give less. Who gets nothing even then leaves with None.

Between being served and going on, a task has not run yet. What it got is kept for it meanwhile:

    offered ──▶ kept ──▶ its task goes on, and has it
                 ├─────▶ its task was cancelled in that very moment: *take_back*, and the first of the row is asked
                 └─────▶ the owner wants everything back: `recall`, and its task goes on with None

- A cancelled task has taken nothing, whenever it was cancelled. Until it runs it is passed over.
- A process that stood still finds many past their deadlines at once. They get their last offers one by one, in the
  order of the row, so what there is goes to those who came first; the rest leave in the same step.
- One timer at most for the whole row (`waiting/deadlines.py`).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from worker.waiting.deadlines import Deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Waiter(Generic[T]):
    """One in the row. The owner's own kinds of it say what is wanted. Every attribute is written by the queue."""

    woken: asyncio.Future[None] = field(init=False)
    got: T | None = field(init=False, default=None)
    """Kept for it until its task goes on."""


W = TypeVar("W", bound=Waiter[Any])


class WaitQueue(Generic[W, T]):
    """Of one owner, whose waiters `W` are served `T`, which is never None."""

    def __init__(
        self,
        offer: Callable[[W], T | None],
        *,
        last_offer: Callable[[W], T | None] | None = None,
        take_back: Callable[[T], None],
    ) -> None:
        self._offer = offer
        """May say how long the one that it is asked for has patience (`be_patient`), as may *last_offer*."""
        self._last_offer = last_offer or offer
        self._take_back = take_back
        self._deadlines: Deadlines[W] = Deadlines(self._expire)
        self.waiting = self._deadlines.at
        """The row, first come first: who is not served yet, and the loop time at which its patience is over."""
        self._kept: dict[W, None] = {}
        """Are served, and their tasks have not gone on. Written by `_serve`, `wait`, `_leave` and `recall`."""
        self._loop: asyncio.AbstractEventLoop | None = None
        """Of whoever waits; asked for once, since it costs a call of the kernel (getpid). Written by `wait`."""

    async def wait(self, waiter: W, *, until: float = inf) -> T | None:
        """What *waiter* is served; None when that is nothing by loop time *until*, or was called back.

        If nobody waits already, the owner has looked in the same step whether there is anything for it: a task that
        need not wait makes no future.
        """
        loop = self._loop = self._loop or asyncio.get_running_loop()
        waiter.woken = loop.create_future()
        self._deadlines.set(waiter, until)
        try:
            await waiter.woken
        except asyncio.CancelledError:
            self._leave(waiter)
            raise
        got: T | None = waiter.got
        if got is not None:
            del self._kept[waiter]
        return got

    def be_patient(self, waiter: W, until: float) -> None:
        """*waiter* waits until loop time *until*, whatever was said before."""
        self._deadlines.set(waiter, until)

    def advance(self) -> None:
        """There may be more: serve the first of the row, and the next, until there is nothing for one."""
        waiting = self.waiting
        while waiting:
            first = next(iter(waiting))
            if first.woken.cancelled():
                del waiting[first]
            elif (got := self._offer(first)) is not None:
                self._serve(first, got)
            else:
                break

    def serve_first(self, got: T) -> None:
        """Give *got* to the first of the row without being asked; nothing happens if nobody waits."""
        for waiter in self.waiting:
            if not waiter.woken.cancelled():
                self._serve(waiter, got)
                break
        self.advance()

    def kept(self) -> Iterator[T]:
        """What was served to tasks that have not gone on yet."""
        return (waiter.got for waiter in self._kept if waiter.got is not None)

    def recall(self) -> list[T]:
        """Take back what was served to tasks that have not gone on yet, the earliest first; they get None."""
        recalled = list(self.kept())
        for waiter in self._kept:
            waiter.got = None
        self._kept.clear()
        return recalled

    def _serve(self, waiter: W, got: T) -> None:
        del self.waiting[waiter]
        waiter.got = got
        self._kept[waiter] = None
        waiter.woken.set_result(None)

    def _expire(self, waiter: W) -> None:
        """Its deadline is here: it gets the last offer, or leaves with None."""
        until = self.waiting[waiter]
        if waiter.woken.cancelled():
            return  # its task is about to leave
        got = self._last_offer(waiter)
        if got is not None:
            self._serve(waiter, got)
        elif self.waiting[waiter] == until:
            del self.waiting[waiter]
            waiter.woken.set_result(None)
        self.advance()  # the next one may want less

    def _leave(self, waiter: W) -> None:
        """Its task was cancelled: what it got goes back, and whoever is first now may want less."""
        self.waiting.pop(waiter, None)
        if waiter.got is not None:
            del self._kept[waiter]
            self._take_back(waiter.got)
        self.advance()
