"""A closable first-in-first-out channel that is emptied in batches by count, weight and age.

Producers put without waiting (what may be in flight is bounded by the ledger before it is received); takers wait for
a batch, one of them gathering at a time, in the order in which they came. Closed and empty, it answers every taker
with an empty list. asyncio.Queue can neither close (before 3.13) nor gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class ChannelClosed(Exception):
    """Something was put after the channel had been closed: a bug in the order of stopping."""


class Channel(Generic[T]):
    """One stage's input.

    A taker that is cancelled has taken nothing: items leave the channel in the same step in which `take` returns.
    """

    def __init__(self, weigh: Callable[[T], int] = lambda _: 0) -> None:
        self._weigh = weigh
        self._items: deque[T] = deque()  # written by put, take, empty
        self._arrivals: deque[tuple[float, int]] = deque()  # (loop time, items) of each put; written as _items
        self._turn = asyncio.Lock()  # the taker that gathers
        self._gathering: asyncio.Future[None] | None = None  # what that taker waits on; written by _wait
        self._wanted = 1  # items that complete its batch; written by take
        self._wanted_weight = 0  # weight that completes it; written by take
        self.weight = 0  # of all items waiting; written by put, take, empty
        self.closed = False  # written by close

    def __len__(self) -> int:
        return len(self._items)

    def put(self, items: Sequence[T]) -> None:
        """Append *items*; wakes the gathering taker when its batch is complete."""
        if self.closed:
            raise ChannelClosed
        if not items:
            return
        first = not self._items
        self._items.extend(items)
        self._arrivals.append((asyncio.get_running_loop().time(), len(items)))
        self.weight += sum(map(self._weigh, items))
        if first or self._complete():
            self._wake()

    async def take(self, limit: int, *, weight: int = 0, linger: float = 0.0) -> list[T]:
        """A batch of at most *limit* items and about *weight*; what there is once the oldest waited *linger* seconds.

        A weight of 0 means no bound; a first item heavier than the bound comes alone. Empty: closed and drained.
        """
        async with self._turn:
            self._wanted, self._wanted_weight = limit, weight
            while not self._items:
                if self.closed:
                    return []
                await self._wait(None)
            due = self._arrivals[0][0] + linger
            while not (self.closed or self._complete()) and asyncio.get_running_loop().time() < due:
                await self._wait(due)
            return self._pop(limit, weight)

    def close(self) -> None:
        """End of input: takers get what is left, then empty lists."""
        self.closed = True
        self._wake()

    def empty(self) -> list[T]:
        """Take out everything at once; used when what waits is to be released instead of handled."""
        items = list(self._items)
        self._items.clear()
        self._arrivals.clear()
        self.weight = 0
        return items

    def _complete(self) -> bool:
        return len(self._items) >= self._wanted or 0 < self._wanted_weight <= self.weight

    def _wake(self) -> None:
        if self._gathering is not None and not self._gathering.done():
            self._gathering.set_result(None)

    async def _wait(self, until: float | None) -> None:
        """Until `put` or `close` wakes us, or the loop's clock reaches *until*."""
        loop = asyncio.get_running_loop()
        self._gathering = loop.create_future()
        timer = None if until is None else loop.call_at(until, self._wake)
        try:
            await self._gathering
        finally:
            self._gathering = None
            if timer is not None:
                timer.cancel()

    def _pop(self, limit: int, weight: int) -> list[T]:
        if len(self._items) <= limit and (weight == 0 or self.weight <= weight):
            return self.empty()
        taken: list[T] = []
        total = 0
        items, weigh, bound = self._items, self._weigh, weight or inf
        while items and len(taken) < limit:
            heavier = total + weigh(items[0])
            if taken and heavier > bound:
                break
            total = heavier
            taken.append(items.popleft())
        self.weight -= total
        self._forget_arrivals(len(taken))
        return taken

    def _forget_arrivals(self, count: int) -> None:
        while count:
            arrived, items = self._arrivals.popleft()
            if items > count:
                self._arrivals.appendleft((arrived, items - count))
                return
            count -= items
