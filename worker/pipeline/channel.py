"""A closable first-in-first-out channel that is emptied in batches by count, weight and age.

Producers put without waiting (what may be in flight is bounded by the ledger before it is received); takers wait for
a batch, one of them gathering at a time, in the order in which they came. Closed and empty, it answers every taker
with an empty list, and so is one that is nudged. asyncio.Queue can neither close (before 3.13) nor gather.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from itertools import accumulate, islice
from math import inf
from typing import TYPE_CHECKING, Generic, TypeVar

from worker.waiting.wait_queue import Waiter, WaitQueue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")


class ChannelClosed(Exception):
    """Something was put after the channel had been closed: a bug in the order of stopping."""


@dataclass(slots=True, eq=False)
class _Taker(Waiter[list[T]]):
    """Somebody who waits for a batch."""

    limit: int
    weight: float
    linger: float


class Channel(Generic[T]):
    """One stage's input.

    A taker that is cancelled has taken nothing: what it was served in that very moment goes back to the front. Many
    takers are served in one step, so fifty full batches are on their way when the step ends that brought them.
    """

    def __init__(self, weigh: Callable[[T], int] | None = None) -> None:
        # Once, here as on all of the hot path: to ask for the running loop is a call of the kernel each time (getpid).
        self._loop = asyncio.get_running_loop()
        self._weigh = weigh
        """None: items have no weight."""
        self._items: deque[T] = deque()  # written by put, _pop, empty
        self._arrivals: deque[tuple[float, int]] = deque()  # (loop time, items) of each put; written as _items
        self._takers: WaitQueue[_Taker[T], list[T]] = WaitQueue(
            self._offer, last_offer=self._offer_rest, take_back=self._put_back
        )
        self.weight = 0  # of all items waiting; written by put, _pop, empty
        self.closed = False  # written by close

    def __len__(self) -> int:
        """Items that nobody has in hand."""
        return len(self._items) + sum(map(len, self._takers.kept()))

    def put(self, items: Sequence[T]) -> None:
        """Append *items*, and serve whoever has a whole batch now."""
        if self.closed:
            raise ChannelClosed
        if not items:
            return
        self._items.extend(items)
        self._arrivals.append((self._loop.time(), len(items)))
        if self._weigh is not None:
            self.weight += sum(map(self._weigh, items))
        if self._takers.waiting:
            self._takers.advance()

    async def take(self, limit: int, *, weight: int = 0, linger: float = 0.0) -> list[T]:
        """A batch of at most *limit* items and about *weight*; what there is once the oldest waited *linger* seconds.

        A weight of 0 means no bound; a first item heavier than the bound comes alone. Empty: closed and drained.
        """
        heaviest = weight or inf
        due = inf  # behind others: until it is the first
        if not self._takers.waiting and (due := self._due(limit, heaviest, linger)) <= self._loop.time():
            return self._pop(limit, heaviest)
        return await self._takers.wait(_Taker(limit, heaviest, linger), until=due) or []

    def nudge(self) -> None:
        """Give the first of those who wait an empty batch, so that it looks for other work."""
        self._takers.serve_first([])

    def flush(self) -> None:
        """Hand out what waits to whoever wants it, however young it is."""
        self._arrivals = deque((-inf, items) for _, items in self._arrivals)
        self._takers.advance()

    def close(self) -> None:
        """End of input: takers get what is left, then empty lists."""
        self.closed = True
        self._takers.advance()

    def empty(self) -> list[T]:
        """Take out everything at once; used when what waits is to be released instead of handled."""
        items = [item for batch in self._takers.recall() for item in batch]
        items += self._items
        self._items.clear()
        self._arrivals.clear()
        self.weight = 0
        self._takers.advance()
        return items

    def _due(self, limit: int, weight: float, linger: float) -> float:
        """Loop time at which a taker is to be served, as things are."""
        if self.closed:
            return -inf
        if not self._items:
            return inf
        complete = len(self._items) >= limit or self.weight >= weight
        return -inf if complete else self._arrivals[0][0] + linger

    def _offer(self, taker: _Taker[T]) -> list[T] | None:
        due = self._due(taker.limit, taker.weight, taker.linger)
        if due == self._takers.waiting[taker]:
            return None  # the timer will say so
        if due <= self._loop.time():
            return self._pop(taker.limit, taker.weight)
        self._takers.be_patient(taker, due)
        return None

    def _offer_rest(self, taker: _Taker[T]) -> list[T]:
        return self._pop(taker.limit, taker.weight)

    def _pop(self, limit: int, weight: float) -> list[T]:
        items = self._items
        if len(items) <= limit and self.weight <= weight:
            taken, self.weight = list(items), 0
            items.clear()
            self._arrivals.clear()
            return taken
        if self._weigh is None:
            taken = [items.popleft() for _ in range(limit)]
        else:
            taken = self._pop_weighed(limit, weight, self._weigh)
        self._forget_arrivals(len(taken))
        return taken

    def _pop_weighed(self, limit: int, weight: float, weigh: Callable[[T], int]) -> list[T]:
        items = self._items
        taken = list(islice(items, limit))
        weights = list(map(weigh, taken))
        if sum(weights) > weight:
            fitting = sum(total <= weight for total in accumulate(weights))
            del taken[max(1, fitting) :], weights[max(1, fitting) :]
        for _ in taken:
            items.popleft()
        self.weight -= sum(weights)
        return taken

    def _put_back(self, batch: list[T]) -> None:
        """Served to somebody who had been cancelled: they are the oldest. A nudge is for the next."""
        if not batch:
            self.nudge()
            return
        self._items.extendleft(reversed(batch))
        self._arrivals.appendleft((self._loop.time(), len(batch)))
        if self._weigh is not None:
            self.weight += sum(map(self._weigh, batch))

    def _forget_arrivals(self, count: int) -> None:
        while count:
            arrived, items = self._arrivals.popleft()
            if items > count:
                self._arrivals.appendleft((arrived, items - count))
                return
            count -= items
