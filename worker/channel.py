"""A closable first-in-first-out channel that is emptied in batches by count, weight and age.

Producers put without waiting (what may be in flight is bounded by the ledger before it is received); takers wait for
a batch, one of them gathering at a time, in the order in which they came. Closed and empty, it answers every taker
with an empty list. asyncio.Queue can neither close (before 3.13) nor gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class ChannelClosed(Exception):
    """Something was put after the channel had been closed: a bug in the order of stopping."""


@dataclass(slots=True, eq=False)
class _Taker(Generic[T]):
    """Somebody who waits for a batch."""

    limit: int
    weight: float
    linger: float
    batch: asyncio.Future[list[T]]


class Channel(Generic[T]):
    """One stage's input.

    A taker that is cancelled has taken nothing: what it was served in that very moment goes back to the front. Many
    takers are served in one step, so fifty full batches are on their way when the step ends that brought them.
    """

    def __init__(self, weigh: Callable[[T], int] = lambda _: 0) -> None:
        self._weigh = weigh
        self._items: deque[T] = deque()  # written by put, _pop, empty
        self._arrivals: deque[tuple[float, int]] = deque()  # (loop time, items) of each put; written as _items
        self._takers: deque[_Taker[T]] = deque()  # in the order in which they came; written by take and _serve
        self._served: dict[_Taker[T], None] = {}  # have a batch and do not know it yet; written by take and _serve
        self._timer: asyncio.TimerHandle | None = None  # when the first taker lingers no longer; written by _serve
        self.weight = 0  # of all items waiting; written by put, _pop, empty
        self.closed = False  # written by close

    def __len__(self) -> int:
        """Items that nobody has in hand."""
        return len(self._items) + sum(len(taker.batch.result()) for taker in self._served)

    def put(self, items: Sequence[T]) -> None:
        """Append *items*, and serve whoever has a whole batch now."""
        if self.closed:
            raise ChannelClosed
        if not items:
            return
        self._items.extend(items)
        self._arrivals.append((asyncio.get_running_loop().time(), len(items)))
        self.weight += sum(map(self._weigh, items))
        self._serve()

    async def take(self, limit: int, *, weight: int = 0, linger: float = 0.0) -> list[T]:
        """A batch of at most *limit* items and about *weight*; what there is once the oldest waited *linger* seconds.

        A weight of 0 means no bound; a first item heavier than the bound comes alone. Empty: closed and drained.
        """
        loop = asyncio.get_running_loop()
        taker = _Taker(limit, weight or inf, linger, loop.create_future())
        if not self._takers and self._due(taker) <= loop.time():
            return self._pop(taker)
        self._takers.append(taker)
        self._serve()
        try:
            return await taker.batch
        except asyncio.CancelledError:
            if taker in self._served:
                self._put_back(taker.batch.result())
            elif taker in self._takers:
                self._takers.remove(taker)
            self._serve()
            raise
        finally:
            self._served.pop(taker, None)

    def close(self) -> None:
        """End of input: takers get what is left, then empty lists."""
        self.closed = True
        self._serve()

    def empty(self) -> list[T]:
        """Take out everything at once; used when what waits is to be released instead of handled."""
        items = [item for taker in self._served for item in taker.batch.result()]
        for taker in self._served:
            taker.batch.result().clear()
        items += self._items
        self._items.clear()
        self._arrivals.clear()
        self.weight = 0
        return items

    def _due(self, taker: _Taker[T]) -> float:
        """Loop time at which *taker* is to be served, as things are."""
        if self.closed:
            return -inf
        if not self._items:
            return inf
        complete = len(self._items) >= taker.limit or self.weight >= taker.weight
        return -inf if complete else self._arrivals[0][0] + taker.linger

    def _serve(self) -> None:
        """Give every taker its batch whose turn it is, and look again when the first of the others is due."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        while self._takers:
            taker = self._takers[0]
            if taker.batch.cancelled():  # its task has not run yet
                self._takers.popleft()
                continue
            if (due := self._due(taker)) > now:
                if due < inf:
                    self._timer = loop.call_at(due, self._serve)
                return
            self._takers.popleft()
            taker.batch.set_result(self._pop(taker))
            self._served[taker] = None

    def _pop(self, taker: _Taker[T]) -> list[T]:
        items = self._items
        if len(items) <= taker.limit and self.weight <= taker.weight:
            taken, self.weight = list(items), 0
            items.clear()
            self._arrivals.clear()
            return taken
        taken = []
        total = 0
        while items and len(taken) < taker.limit:
            heavier = total + self._weigh(items[0])
            if taken and heavier > taker.weight:
                break
            total = heavier
            taken.append(items.popleft())
        self.weight -= total
        self._forget_arrivals(len(taken))
        return taken

    def _put_back(self, batch: list[T]) -> None:
        """Served to somebody who had been cancelled: they are the oldest."""
        if batch:
            self._items.extendleft(reversed(batch))
            self._arrivals.appendleft((asyncio.get_running_loop().time(), len(batch)))
            self.weight += sum(map(self._weigh, batch))

    def _forget_arrivals(self, count: int) -> None:
        while count:
            arrived, items = self._arrivals.popleft()
            if items > count:
                self._arrivals.appendleft((arrived, items - count))
                return
            count -= items
