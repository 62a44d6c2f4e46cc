"""A wait queue, whatever is done to it in whatever order: nobody is lost, nothing is lost, and nobody overtakes."""

from __future__ import annotations

import asyncio
from collections import deque
from contextvars import copy_context
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.model.simloop import OWNER, Owner, SimLoop, simulated
from worker.waiting.deadlines import RESOLUTION_SECONDS
from worker.waiting.wait_queue import Waiter, WaitQueue

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(slots=True, eq=False)
class Customer(Waiter[list[int]]):
    """Wants so many pieces, and at the end of its patience fewer."""

    wants: int
    least: int
    until: float = inf
    recalled: bool = False


class Shop(RuleBasedStateMachine):
    """Numbered pieces in stock, customers who wait for some, and a process that may stand still."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = SimLoop()
        self.failures: list[object] = []
        self.loop.set_exception_handler(lambda _, context: self.failures.append(context))
        self.process = Owner("shop")
        self.context = copy_context()
        self.context.run(OWNER.set, self.process)
        self.made = 0
        self.thawed_at = 0.0
        self.stock: deque[int] = deque()
        self.row: list[Customer] = []  # who waits, as they came
        self.served: set[Customer] = set()
        self.cancelled: set[Customer] = set()
        self.tasks: dict[Customer, asyncio.Task[list[int]]] = {}
        self.queue: WaitQueue[Customer, list[int]] = WaitQueue(
            self.offer, last_offer=self.last_offer, take_back=self.take_back
        )

    # ── the owner ───────────────────────────────────────────────────────────────────────────────────────────────────

    def offer(self, customer: Customer) -> list[int] | None:
        """The first of the row is asked for, and nobody else."""
        assert customer is self.first
        return self.hand_out(customer, customer.wants) if len(self.stock) >= customer.wants else None

    def last_offer(self, customer: Customer) -> list[int] | None:
        """Only at the end of its patience."""
        assert self.loop.time() + RESOLUTION_SECONDS >= customer.until
        count = min(customer.wants, len(self.stock))
        return self.hand_out(customer, count) if count >= customer.least else None

    def hand_out(self, customer: Customer, count: int) -> list[int]:
        """Once to each, and to nobody who was cancelled before."""
        assert customer not in self.served | self.cancelled
        self.served.add(customer)
        if customer in self.row:
            self.row.remove(customer)
        return [self.stock.popleft() for _ in range(count)]

    def take_back(self, pieces: list[int]) -> None:
        """Served in vain."""
        self.stock.extendleft(reversed(pieces))

    @property
    def staying(self) -> list[Customer]:
        """The row, but for those that are about to leave it: they were cancelled, or sent away."""
        return [one for one in self.row if one not in self.cancelled and not one.woken.done()]

    @property
    def first(self) -> Customer | None:
        """Of those."""
        return next(iter(self.staying), None)

    async def shopping(self, customer: Customer) -> list[int]:
        """Wait; without anything it ends when its patience does, or when the process moves again."""
        if self.first is None and len(self.stock) >= customer.wants:
            return self.hand_out(customer, customer.wants)
        self.row.append(customer)
        try:
            got = await self.queue.wait(customer, until=customer.until)
        finally:
            if customer in self.row:
                self.row.remove(customer)
        if got is None and not customer.recalled:
            now = self.loop.time()
            assert customer.until - RESOLUTION_SECONDS <= now <= max(customer.until, self.thawed_at)
        return got or []

    def do(self, act: Callable[[], object]) -> None:
        """In the process, in one step in which nobody else runs."""
        self.loop.do(partial(self.context.run, act))

    def restock(self, count: int) -> None:
        """New pieces."""
        self.stock.extend(range(self.made, self.made + count))
        self.made += count
        self.queue.advance()

    # ── what happens ────────────────────────────────────────────────────────────────────────────────────────────────

    @rule(wants=st.integers(1, 6), less=st.integers(0, 5), patience=st.sampled_from([inf, 1.0, 3.0, 0.5]))
    def come(self, wants: int, less: int, patience: float) -> None:
        """A customer joins the row."""
        customer = Customer(wants, max(1, wants - less), self.loop.time() + patience)

        def start() -> None:
            self.tasks[customer] = self.loop.create_task(self.shopping(customer), context=self.context)

        self.do(start)
        self.loop.advance(0)

    @rule(count=st.integers(1, 6))
    def put(self, count: int) -> None:
        """Pieces come in; those who get some do not know it yet."""
        self.do(partial(self.restock, count))

    @rule(pick=st.integers(0, 1_000))
    def cancel(self, pick: int) -> None:
        """Somebody is cancelled, perhaps in the very moment in which it was served or sent away."""
        alive = [customer for customer, task in self.tasks.items() if not task.done()]
        if alive:
            customer = alive[pick % len(alive)]
            self.cancelled.add(customer)
            self.do(self.tasks[customer].cancel)

    @rule(pick=st.integers(0, 1_000))
    def bring_back(self, pick: int) -> None:
        """Somebody has done with what it got."""
        done = [one for one, task in self.tasks.items() if task.done() and not task.cancelled() and task.result()]
        if done:
            pieces = self.tasks.pop(done[pick % len(done)]).result()
            self.stock.extend(pieces)
            self.do(self.queue.advance)

    @rule()
    def recall(self) -> None:
        """The owner takes back all that nobody has in hand."""

        def act() -> None:
            for customer in self.served:
                customer.recalled = customer.recalled or not self.tasks[customer].done()
            self.stock.extendleft(piece for pieces in self.queue.recall() for piece in pieces)
            self.queue.advance()

        self.served &= self.tasks.keys()
        self.do(act)

    @rule()
    def serve_first(self) -> None:
        """The first of the row is given something that it has not asked for."""
        if (first := self.first) is not None:
            self.row.remove(first)
            self.served.add(first)
            self.made += 1
            self.do(partial(self.queue.serve_first, [self.made - 1]))

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 5.0]))
    def pass_time(self, seconds: float) -> None:
        """Everybody goes on who can."""
        self.loop.advance(seconds)

    @precondition(lambda self: self.row)
    @rule(seconds=st.sampled_from([1.0, 60.0]), count=st.integers(0, 6), pick=st.none() | st.integers(0, 1_000))
    def stand_still(self, seconds: float, count: int, pick: int | None) -> None:
        """The process does not run for a while; what happens when it runs again may be there before its timer."""
        self.loop.freeze(self.process)
        self.loop.advance(seconds)
        self.loop.thaw(self.process)
        self.thawed_at = self.loop.time()
        self.do(partial(self.restock, count))
        if pick is not None:
            self.cancel(pick)
        self.loop.advance(0)

    # ── what always holds ───────────────────────────────────────────────────────────────────────────────────────────

    @invariant()
    def nothing_fails(self) -> None:
        """Neither in a step of the owner nor in a timer."""
        assert not self.failures

    @invariant()
    def every_piece_is_somewhere(self) -> None:
        """In stock, kept for somebody, or in somebody's hands; and nowhere twice."""
        kept = [piece for pieces in self.queue.kept() for piece in pieces]
        ended = [task for task in self.tasks.values() if task.done() and not task.cancelled()]
        in_hand = [piece for task in ended for piece in task.result()]
        assert sorted([*self.stock, *kept, *in_hand]) == list(range(self.made))

    @invariant()
    def everybody_is_in_the_row_until_served_or_gone(self) -> None:
        """In the order in which they came."""
        assert [one for one in self.queue.waiting if one not in self.cancelled] == self.staying

    @invariant()
    def nobody_is_in_the_row_whose_task_has_ended(self) -> None:
        """However it ended."""
        assert not any(self.tasks[customer].done() for customer in self.queue.waiting)

    @invariant()
    def nobody_waits_for_what_is_there(self) -> None:
        """What the first wants is not in stock, unless one before it is just leaving."""
        assert not (self.first and self.first is self.row[0] and len(self.stock) >= self.first.wants)

    @invariant()
    def nobody_waits_longer_than_its_patience(self) -> None:
        """Where the process runs."""
        assert all(one.until >= self.loop.time() for one in self.staying)

    @invariant()
    def who_is_cancelled_ends_so(self) -> None:
        """And nobody else does."""
        ended = {one for one, task in self.tasks.items() if task.done()}
        assert {one for one in ended if self.tasks[one].cancelled()} == ended & self.cancelled

    @invariant()
    def there_is_one_timer_at_most(self) -> None:
        """However many wait."""
        assert sum(not timer.cancelled() for timer in self.loop._scheduled) <= 1

    def teardown(self) -> None:
        """When all are cancelled nobody is left, and nothing is kept for anybody."""
        try:
            for customer, task in self.tasks.items():
                if not task.done():
                    self.cancelled.add(customer)
                    self.do(task.cancel)
            self.loop.advance(0)
            assert all(task.done() for task in self.tasks.values())
            assert not self.queue.waiting
            assert not self.queue._kept
            self.every_piece_is_somewhere()
        finally:
            self.loop.close()


Shop.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


class TestShop(Shop.TestCase):  # type: ignore[misc,valid-type] # hypothesis makes the class at run time
    """Runs the machine."""


@simulated
async def test_who_was_told_to_have_patience_is_not_sent_away_before() -> None:
    """The owner may move a deadline when it is asked, even at the deadline itself."""
    loop = asyncio.get_running_loop()
    stock: list[int] = []

    def offer(customer: Customer) -> list[int] | None:
        if stock:
            return stock
        queue.be_patient(customer, loop.time() + 10 if loop.time() < 25 else 31)
        return None

    queue: WaitQueue[Customer, list[int]] = WaitQueue(offer, take_back=stock.extend)
    loop.call_at(31 - 2 * RESOLUTION_SECONDS, stock.append, 7)
    assert await queue.wait(Customer(1, 1), until=1) == [7]
    assert loop.time() == pytest.approx(31)
