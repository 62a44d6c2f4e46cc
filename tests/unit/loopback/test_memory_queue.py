"""The in-memory queue: the worker's protocol straight onto the semantics, faults included, in virtual time."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.world import START, World, in_virtual_time
from worker.errors import QueueMissing, QueueOverLimit, QueueThrottled, QueueUnavailable
from worker.loopback.faults import FaultRule, Faults
from worker.loopback.in_memory import MemoryQueue
from worker.message import Attribute, Outgoing
from worker.sqs.queue import OK, UNKNOWN, EntryFailed

if TYPE_CHECKING:
    from worker.sqs.queue import Queue


def troubled(world: World, *rules: FaultRule) -> MemoryQueue:
    """A queue under these rules."""
    return MemoryQueue(world.sqs, "jobs", faults=Faults(rules, rng=random.Random(1), clock=world.sqs.clock))


def test_a_message_goes_round() -> None:
    """Sent, received with everything that belongs to it, hidden, deleted."""

    async def scenario(world: World) -> None:
        world.queue()
        queue: Queue = MemoryQueue(world.sqs, "jobs", visibility_timeout=50)
        attributes = {"a": Attribute("String", "x")}
        assert await queue.send([Outgoing("hello", attributes, trace_header="Root=1"), Outgoing("two")]) == [OK, OK]
        await asyncio.sleep(2)
        one, two = await queue.receive(10, 0)
        assert (one.body, one.attributes, one.trace_header) == ("hello", attributes, "Root=1")
        assert (one.sent_at, one.received_at, one.leased_at, one.receive_count) == (START, START + 2, 2, 1)
        assert await queue.change_visibility([one, two], [0, 10]) == [OK, OK]
        assert [again.body for again in await queue.receive(10, 0)] == ["hello"]
        await asyncio.sleep(10)
        assert (await queue.attributes()).visible == 1
        assert await queue.delete([two]) == [OK]
        described = await queue.attributes()
        assert (described.visible, described.not_visible, described.fifo, queue.name) == (0, 1, False, "jobs")

    in_virtual_time(scenario)


def test_a_long_poll_starts_its_lease_when_it_is_handed_out() -> None:
    """Not when it began to wait; and it ends empty on time."""

    async def scenario(world: World) -> None:
        world.queue()
        queue = MemoryQueue(world.sqs, "jobs")
        async with asyncio.TaskGroup() as group:
            poll = group.create_task(queue.receive(10, 20))
            await asyncio.sleep(5)
            world.send("x")
        assert [one.leased_at for one in poll.result()] == [5]
        assert await queue.receive(10, 20) == []
        assert asyncio.get_running_loop().time() == 25

    in_virtual_time(scenario)


def test_a_cancelled_poll_takes_nothing() -> None:
    """The message stays for the next one."""

    async def scenario(world: World) -> None:
        world.queue()
        queue = MemoryQueue(world.sqs, "jobs")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await queue.receive(10, 20)
        world.send("x")
        assert len(await queue.receive(10, 0)) == 1

    in_virtual_time(scenario)


def test_close_fails_what_is_under_way_and_what_comes_later() -> None:
    """With the error that means: try elsewhere."""

    async def scenario(world: World) -> None:
        world.queue()
        queue = MemoryQueue(world.sqs, "jobs")

        async def close_under_a_poll() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(queue.receive(10, 20))
                await asyncio.sleep(1)
                await queue.close()

        with pytest.raises(ExceptionGroup) as caught:
            await close_under_a_poll()
        assert caught.group_contains(QueueUnavailable)
        with pytest.raises(QueueUnavailable):
            await queue.receive(10, 0)
        world.send("x")
        assert world.held() == (1, 0, 0)

    in_virtual_time(scenario)


def test_refusals_are_errors_of_ours() -> None:
    """A missing queue, a full one, too many entries; a bad handle is its entry's failure."""

    async def scenario(world: World) -> None:
        with pytest.raises(QueueMissing):
            await MemoryQueue(world.sqs, "nowhere").receive(1, 0)
        full = World(in_flight_limit=1)
        full.queue()
        full.send("a")
        queue = MemoryQueue(full.sqs, "jobs")
        delivery = (await queue.receive(1, 0))[0]
        with pytest.raises(QueueOverLimit):
            await queue.receive(1, 0)
        delivery.receipt_handle = "garbage"
        answers = await queue.delete([delivery])
        assert isinstance(answers[0], EntryFailed)
        assert (answers[0].code, answers[0].retry) == ("ReceiptHandleIsInvalid", False)
        for entries in ([], [delivery] * 11):
            with pytest.raises(ValueError, match="1 to 10 entries"):
                await queue.delete(entries)

    in_virtual_time(scenario)


@pytest.mark.parametrize(
    ("rule", "error", "performed"),
    [
        (FaultRule("error", code="RequestThrottled"), QueueThrottled, False),
        (FaultRule("error", code="InternalError", performed=True), QueueUnavailable, True),
        (FaultRule("status", status=503), QueueUnavailable, False),
        (FaultRule("reset"), QueueUnavailable, False),
        (FaultRule("html"), QueueUnavailable, False),
        (FaultRule("lose_answer"), QueueUnavailable, True),
        (FaultRule("truncate"), QueueUnavailable, True),
        (FaultRule("no_request_id"), QueueUnavailable, True),
    ],
)
def test_a_spoilt_answer_is_an_error_and_perhaps_performed(
    rule: FaultRule, error: type[Exception], *, performed: bool
) -> None:
    """Exactly as over a wire."""

    async def scenario(world: World) -> None:
        world.queue()
        with pytest.raises(error):
            await troubled(world, rule).send([Outgoing("x")])
        assert world.held() == (int(performed), 0, 0)

    in_virtual_time(scenario)


def test_silence_lasts_until_the_caller_gives_up() -> None:
    """Or until close."""

    async def scenario(world: World) -> None:
        world.queue()
        queue = troubled(world, FaultRule("silence"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1000):
                await queue.receive(1, 0)

    in_virtual_time(scenario)


@pytest.mark.parametrize("performed", [False, True])
def test_latency_takes_its_time(*, performed: bool) -> None:
    """Before the work or after it; the lease begins with the work."""

    async def scenario(world: World) -> None:
        world.queue()
        world.send("x")
        delivery = (await troubled(world, FaultRule("latency", seconds=3, performed=performed)).receive(1, 0))[0]
        assert asyncio.get_running_loop().time() == 3
        assert delivery.leased_at == (0 if performed else 3)

    in_virtual_time(scenario)


def test_entries_fail_are_forgotten_and_messages_damaged() -> None:
    """By share; damaged messages are left out of the receive and stay in flight."""

    async def scenario(world: World) -> None:
        world.queue()
        messages = [Outgoing(str(number)) for number in range(10)]
        answers = await troubled(world, FaultRule("partial", share=0.5), FaultRule("omit", share=0.5)).send(messages)
        assert {type(one) for one in answers} == {type(OK), EntryFailed}
        assert UNKNOWN in answers
        sent = answers.count(OK)
        assert world.held() == (sent, 0, 0)
        got = await troubled(world, FaultRule("wrong_md5", share=0.5), FaultRule("duplicate", share=0.5)).receive(10, 0)
        assert world.held() == (0, sent, 0)
        assert len({one.message_id for one in got}) < sent

    in_virtual_time(scenario)


def test_a_message_can_stay_visible_after_a_receive() -> None:
    """Then two receives get it."""

    async def scenario(world: World) -> None:
        world.queue()
        world.send("x")
        queue = troubled(world, FaultRule("still_visible"))
        assert [(await queue.receive(1, 0))[0].receive_count for _ in range(2)] == [1, 2]

    in_virtual_time(scenario)
