"""Entries: one call to SQS is asked until each of its entries is decided, with pauses, and never without end."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from tests.model.simloop import simulated
from worker import facts
from worker.errors import QueueUnavailable
from worker.message import Delivery, State
from worker.pipeline.entries import GRACE_SECONDS, TRY_AGAIN_BASE_SECONDS, TRY_AGAIN_MAX_SECONDS, Entries
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.facts import Fact
    from worker.sqs.queue import EntryResult


class Longest(random.Random):
    """Every pause is as long as it may be."""

    def uniform(self, a: float, b: float) -> float:
        """The upper end."""
        return max(a, b)

    def random(self) -> float:
        """The upper end."""
        return 1.0


def held(message_id: str, *, deadline: float = 1_000.0) -> Delivery:
    """One delivery in flight."""
    delivery = Delivery(
        message_id=message_id, receipt_handle="h", body="x", sent_at=0, received_at=0, receive_count=1, leased_at=0
    )
    delivery.deadline = deadline
    return delivery


class Asking:
    """Entries, and an SQS that answers by id: what was told for each try, and OK from then on."""

    def __init__(self, **answers: list[EntryResult]) -> None:
        self.answers = answers
        self.asked: list[tuple[float, str]] = []
        self.left: list[str] = []
        self.facts: list[Fact] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def call(self, batch: Sequence[Delivery]) -> list[EntryResult]:
        """One try."""
        self.asked.append((asyncio.get_running_loop().time(), "".join(one.message_id for one in batch)))
        self.meanwhile()
        return [self.answers[one.message_id].pop(0) if self.answers.get(one.message_id) else OK for one in batch]

    async def decide(self, *batch: Delivery) -> list[str]:
        """The ids of those given up on; what was done is noted in `left`."""
        entries = Entries("delete", batch, self.call, random=Longest(), emit=self.facts.append, pipeline="test")
        given_up: list[str] = []
        while entries.undecided:
            done, undone = await entries.decided()
            self.left += [one.message_id for one in done]
            given_up += [one.message_id for one in undone]
        return given_up

    def tries(self) -> list[str]:
        """The ids of each try."""
        return [ids for _, ids in self.asked]


def failed(code: str, count: int, *, final: bool) -> facts.SettleFailed:
    """The line for it."""
    return facts.SettleFailed("test", "delete", code, count, final=final)


@simulated
async def test_each_entry_is_asked_again_until_sqs_has_decided_it() -> None:
    """Unknown and passing trouble are asked again, what is done leaves at once, and a final no is given up."""
    passing, final = EntryFailed("Throttled", retry=True), EntryFailed("NoSuchHandle", retry=False)
    here = Asking(a=[UNKNOWN, UNKNOWN], b=[passing], c=[final])
    assert await here.decide(*map(held, "abcd")) == ["c"]
    assert here.tries() == ["abcd", "ab", "a"]
    assert here.left == ["d", "b", "a"]
    assert here.facts == [failed("Throttled", 1, final=False), failed("NoSuchHandle", 1, final=True)]


@simulated
async def test_a_call_that_fails_as_a_whole_leaves_every_entry_unknown() -> None:
    """It is told with its code and the number of them."""
    here, tries = Asking(), 0

    def fail_once() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise QueueUnavailable("delete", "Down")

    here.meanwhile = fail_once
    assert await here.decide(*map(held, "ab")) == []
    assert (here.tries(), here.left) == (["ab", "ab"], ["a", "b"])
    assert here.facts == [failed("Down", 2, final=False)]


@simulated
async def test_pauses_between_tries_grow_up_to_a_bound() -> None:
    """From the base, doubled each time."""
    here = Asking(a=[UNKNOWN] * 9)
    await here.decide(held("a"))
    times = [at for at, _ in here.asked]
    pauses = [later - sooner for sooner, later in pairwise(times)]
    assert pauses == pytest.approx(
        [min(TRY_AGAIN_MAX_SECONDS, TRY_AGAIN_BASE_SECONDS * 2**doubled) for doubled in range(9)]
    )


@simulated
async def test_a_yes_to_an_older_handle_is_asked_again_with_the_newer_one() -> None:
    """SQS may have ignored the older one."""
    here, renewed, other = Asking(), held("a"), held("b")

    def take_over() -> None:
        renewed.receipt_handle = "newer"

    here.meanwhile = take_over
    assert await here.decide(renewed, other) == []
    assert here.tries() == ["ab", "a"]
    assert here.left == ["b", "a"]


@simulated
async def test_what_is_here_again_is_not_asked_for() -> None:
    """After a try, and in a pause, it is done, whatever SQS answered."""
    no = EntryFailed("NoSuchHandle", retry=False)
    here = Asking(b=[no], c=[UNKNOWN] * 3)
    during, later, other = map(held, "bcd")

    def come_again(delivery: Delivery) -> None:
        delivery.state = State.RETURNED

    here.meanwhile = lambda: come_again(during)
    loop = asyncio.get_running_loop()
    loop.call_later(TRY_AGAIN_BASE_SECONDS / 100, come_again, later)
    assert await here.decide(during, later, other) == []
    assert (here.tries(), here.left) == (["bcd"], ["b", "d", "c"])
    assert here.facts == []


@simulated
async def test_nothing_is_asked_for_once_its_lease_has_been_over_for_a_while() -> None:
    """Nor what is lost; both are told together, and those beside them are asked on."""
    here = Asking(a=[UNKNOWN] * 20, b=[UNKNOWN] * 20, c=[UNKNOWN] * 20)
    over, lost, other = held("a", deadline=1.0), held("b"), held("c")

    def lose() -> None:
        lost.lost = True

    asyncio.get_running_loop().call_later(0.05, lose)
    assert await here.decide(over, lost, other) == ["b", "a"]
    last = max(at for at, ids in here.asked if "a" in ids)
    assert 1.0 < last < 1.0 + GRACE_SECONDS
    assert here.left == ["c"]
    assert here.facts == [failed("LeaseOver", 1, final=True)] * 2
