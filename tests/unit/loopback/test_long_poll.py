"""Long polls, in virtual time: woken by everything that can bring a message, in order, and never for nothing."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.world import World, in_virtual_time
from worker.loopback.long_poll import LongPoll, ReceiveRequest

if TYPE_CHECKING:
    from worker.loopback.messages import Stored


class Poll:
    """One long poll: what it got and when."""

    def __init__(self, world: World, name: str = "jobs", *, wait: float | None = 20, limit: int = 10) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()
        self.answer: list[str] | None = None
        self.seconds = -1.0
        self.over = asyncio.Event()
        self.waiter: LongPoll | None = world.sqs.receive_message(name, ReceiveRequest(limit, wait), self._done)

    def _done(self, messages: list[Stored]) -> None:
        assert self.answer is None
        self.answer = [one.body for one in messages]
        self.seconds = round(self._loop.time() - self._begun, 2)
        self.over.set()


def test_a_waiting_receive_is_answered_by_the_next_send() -> None:
    """At once, within the sender's own call."""

    async def scenario(world: World) -> None:
        world.queue()
        poll = Poll(world)
        await asyncio.sleep(3)
        world.send("x")
        assert (poll.answer, poll.seconds) == (["x"], 3)

    in_virtual_time(scenario)


def test_a_poll_ends_empty_after_its_wait() -> None:
    """The request's wait, else the queue's."""

    async def scenario(world: World) -> None:
        world.queue(ReceiveMessageWaitTimeSeconds=7)
        own, queues = Poll(world, wait=2), Poll(world, wait=None)
        await asyncio.gather(own.over.wait(), queues.over.wait())
        assert (own.answer, own.seconds, queues.answer, queues.seconds) == ([], 2, [], 7)

    in_virtual_time(scenario)


def test_polls_are_served_in_the_order_they_came() -> None:
    """Exactly as many are woken as there are messages."""

    async def scenario(world: World) -> None:
        world.queue()
        polls = [Poll(world, limit=1) for _ in range(3)]
        world.send("first")
        world.send("second")
        assert [poll.answer for poll in polls] == [["first"], ["second"], None]

    in_virtual_time(scenario)


async def test_a_newcomer_does_not_overtake_those_who_wait() -> None:
    """Even when the timer that would wake them is late and the newcomer finds the message first."""
    world = World()
    world.queue()
    world.send("x", delay=5)
    poll = Poll(world)
    world.now += 5
    assert world.receive() == []
    assert poll.answer == ["x"]


def test_a_cancelled_poll_takes_nothing() -> None:
    """A client that went away does not swallow the next message."""

    async def scenario(world: World) -> None:
        world.queue()
        gone, here = Poll(world), Poll(world)
        assert gone.waiter is not None
        gone.waiter.cancel()
        world.send("x")
        assert (gone.answer, here.answer) == (None, ["x"])

    in_virtual_time(scenario)


@pytest.mark.parametrize("way", ["delay", "visibility"])
def test_a_message_that_becomes_visible_wakes_the_poll_on_time(way: str) -> None:
    """By the end of its delay or of its lease, without anybody asking."""

    async def scenario(world: World) -> None:
        world.queue(VisibilityTimeout=5)
        world.send("x", delay=5 if way == "delay" else 0)
        if way == "visibility":
            world.receive()
        poll = Poll(world)
        await poll.over.wait()
        assert poll.answer == ["x"]
        assert 5 <= poll.seconds < 5.01

    in_virtual_time(scenario)


def test_a_released_message_wakes_the_poll() -> None:
    """Visibility 0 is a change like any other."""

    async def scenario(world: World) -> None:
        world.queue()
        world.send("x")
        handle = world.receive()[0].handle
        poll = Poll(world)
        world.sqs.change_message_visibility("jobs", handle, 0)
        assert poll.answer == ["x"]

    in_virtual_time(scenario)


def test_deleting_the_head_of_a_group_wakes_the_poll_for_the_rest() -> None:
    """On FIFO a delete is what makes the next message available."""

    async def scenario(world: World) -> None:
        world.queue("jobs.fifo")
        world.send("a1", "jobs.fifo", group="a")
        world.send("a2", "jobs.fifo", group="a")
        head = world.receive("jobs.fifo", limit=1)[0]
        poll = Poll(world, "jobs.fifo")
        assert poll.answer is None
        world.sqs.delete_message("jobs.fifo", head.handle)
        assert poll.answer == ["a2"]

    in_virtual_time(scenario)


def test_a_dead_letter_wakes_those_who_wait_for_it() -> None:
    """Moved at the source's receive, delivered at the dead-letter queue at once."""

    async def scenario(world: World) -> None:
        world.queue("dead")
        world.queue()
        world.redrive("jobs", "dead", 1)
        world.send("x")
        world.receive("jobs")
        poll = Poll(world, "dead")
        await asyncio.sleep(0)
        received = next(iter(world.sqs.queue("jobs").receipts.latest.values()))
        world.sqs.change_message_visibility("jobs", received.handle, 0)
        world.receive("jobs")
        assert poll.answer == ["x"]

    in_virtual_time(scenario)


def test_a_move_task_runs_by_itself_and_wakes_the_poll() -> None:
    """At its rate, with nobody calling in between."""

    async def scenario(world: World) -> None:
        world.queue("dead")
        world.queue("jobs", VisibilityTimeout=0)
        world.redrive("jobs", "dead", 1)
        for number in range(3):
            world.send(str(number))
        world.receive("jobs")
        world.receive("jobs")
        assert world.held("dead") == (3, 0, 0)
        world.queue("back")
        polls = [Poll(world, "back", limit=1) for _ in range(3)]
        world.sqs.start_message_move_task(
            world.sqs.queue("dead").arn, destination_arn=world.sqs.queue("back").arn, rate=1
        )
        await asyncio.gather(*(poll.over.wait() for poll in polls))
        assert [poll.answer for poll in polls] == [["0"], ["1"], ["2"]]
        assert polls[2].seconds == pytest.approx(2, abs=1.1)

    in_virtual_time(scenario)


def test_a_deleted_queue_sends_its_polls_home() -> None:
    """They get an empty answer at once."""

    async def scenario(world: World) -> None:
        world.queue()
        poll = Poll(world)
        world.sqs.delete_queue("jobs")
        assert poll.answer == []

    in_virtual_time(scenario)
