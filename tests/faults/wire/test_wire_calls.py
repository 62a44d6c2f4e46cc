"""One call over a bad wire: it ends in time, in our error or in a whole answer, and the queue is not used up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.faults.wire.place import PATIENCE_SECONDS, VISIBILITY_SECONDS, Place, until
from tests.faults.wire.ways import LAPSE
from tests.system.proxy import Trouble
from worker.errors import QueueRefused, QueueUnavailable
from worker.facts import RequestMade
from worker.message import Outgoing
from worker.sqs.queue import OK, QueueAttributes

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from worker.message import Delivery
    from worker.sqs.queue import Queue

ANSWERED: Final = b"HTTP/1.1 "
ASKED: Final = b"POST "

TOXICS: Final = {
    "refused": Trouble(refuse=True),
    "request-lost": Trouble(cut_on=ASKED, cut_direction="up"),
    "answer-lost": Trouble(cut_on=ANSWERED),
    "cut-in-the-status-line": Trouble(truncate_at=5),
    "cut-in-the-headers": Trouble(truncate_at=40),
    "cut-in-the-body": Trouble(truncate_at=190),
    "black-hole": Trouble(hold=frozenset({"up", "down"})),
    "one-way-requests-lost": Trouble(hold=frozenset({"up"})),
    "one-way-answers-lost": Trouble(hold=frozenset({"down"})),
    "drop-by-drop": Trouble(latency_seconds=0.02, drip_bytes=1),
    "slower-than-patience": Trouble(latency_seconds=LAPSE),
}
PERFORMED: Final = {"answer-lost", "one-way-answers-lost", "cut-in-the-body"}
"""Toxics under which the server has done what it was asked, and the caller does not know."""


async def outcome(call: Coroutine[Any, Any, object]) -> object:
    """What came of it: its answer, or its error with the seconds it took."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        return await call
    except QueueUnavailable as error:
        return type(error), bool(error.code), loop.time() - began < PATIENCE_SECONDS


async def all_calls(queue: Queue, held: list[Delivery]) -> dict[str, object]:
    """Every verb of the protocol at once; *held* are two deliveries to settle."""
    async with asyncio.TaskGroup() as tasks:
        calls = {
            name: tasks.create_task(outcome(call))
            for name, call in (
                ("receive", queue.receive(10, 0)),
                ("delete", queue.delete(held[:1])),
                ("change_visibility", queue.change_visibility(held[1:], [VISIBILITY_SECONDS])),
                ("send", queue.send([Outgoing("sent")])),
                ("attributes", queue.attributes()),
            )
        }
    return {name: task.result() for name, task in calls.items()}


@pytest.mark.parametrize("toxic", TOXICS)
async def test_each_call_ends_in_our_error_within_its_time_and_the_next_one_works(place: Place, toxic: str) -> None:
    """Whatever the wire does to the five verbs at once; when it is well again the same queue object is too."""
    await place.fill("one", "two", "three")
    queue = await place.open()
    held = await queue.receive(2, 0)
    await place.hang_up()
    place.network.behave(TOXICS[toxic])
    outcomes = await all_calls(queue, held)
    assert outcomes == dict.fromkeys(outcomes, (QueueUnavailable, True, True))
    assert [fact.code for fact in place.facts if isinstance(fact, RequestMade)].count("ok") == 2  # opening, receiving

    place.network.heal()
    await place.hang_up()
    assert await queue.delete(held[:1]) == [OK]
    assert await queue.change_visibility(held[1:], [0]) == [OK]
    assert isinstance(await queue.attributes(), QueueAttributes)
    place.pass_time(VISIBILITY_SECONDS)
    left = {delivery.body for delivery in await queue.receive(10, 0)} | {"sent"}
    assert left == {"two", "three", "sent"}


@pytest.mark.parametrize("toxic", sorted(PERFORMED))
async def test_a_lost_answer_hides_messages_only_until_their_visibility_ends(place: Place, toxic: str) -> None:
    """The server has handed them out to nobody; they are all back afterwards, counted as received twice."""
    await place.fill("one", "two", "three")
    queue = await place.open()
    await place.hang_up()
    place.network.behave(TOXICS[toxic])
    with pytest.raises(QueueUnavailable):
        await queue.receive(10, 0)
    place.network.heal()
    await place.hang_up()
    assert await place.counts() == (0, 3)
    assert await queue.receive(10, 0) == []
    place.pass_time(VISIBILITY_SECONDS)
    again = await queue.receive(10, 0)
    assert {(delivery.body, delivery.receive_count) for delivery in again} == {("one", 2), ("two", 2), ("three", 2)}


@pytest.mark.parametrize("toxic", sorted(PERFORMED))
async def test_a_delete_whose_answer_was_lost_is_ok_when_asked_again(place: Place, toxic: str) -> None:
    """The first one was performed; asking again is no error, so unknown may always be asked again."""
    await place.fill("one", "two")
    queue = await place.open()
    held = await queue.receive(10, 0)
    await place.hang_up()
    place.network.behave(TOXICS[toxic])
    with pytest.raises(QueueUnavailable):
        await queue.delete(held)
    assert await place.counts() == (0, 0)
    place.network.heal()
    await place.hang_up()
    assert await queue.delete(held) == [OK, OK]


async def test_a_request_that_was_lost_was_not_performed(place: Place) -> None:
    """The other half of unknown: nothing is deleted, and asking again deletes it."""
    await place.fill("one")
    queue = await place.open()
    held = await queue.receive(10, 0)
    place.network.behave(TOXICS["request-lost"])
    with pytest.raises(QueueUnavailable):
        await queue.delete(held)
    assert await place.counts() == (0, 1)
    place.network.heal()
    await place.hang_up()
    assert await queue.delete(held) == [OK]
    assert await place.counts() == (0, 0)


async def test_a_slow_wire_that_is_quick_enough_gives_the_whole_answer(place: Place) -> None:
    """Slowness is not trouble: an answer in many late pieces is read to its end."""
    await place.fill("one", "two", "three")
    queue = await place.open()
    place.network.behave(Trouble(latency_seconds=0.001, drip_bytes=32))
    assert {delivery.body for delivery in await queue.receive(10, 0)} == {"one", "two", "three"}


async def test_a_long_poll_over_a_silent_connection_ends_with_its_margin(place: Place) -> None:
    """A second of waiting and its margin, not the SDK's five minutes; the next one has a connection of its own."""
    queue = await place.open()
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        polled = tasks.create_task(outcome(queue.receive(10, 1)))
        await until(lambda: place.sqs.queue("orders").polls)  # the server holds the receive
        place.network.silence()
        began = loop.time()
    assert polled.result() == (QueueUnavailable, True, True)
    assert LAPSE < loop.time() - began < 1 + PATIENCE_SECONDS
    await place.fill("one")
    assert [delivery.body for delivery in await queue.receive(10, 1)] == ["one"]


async def test_a_refusal_over_a_good_wire_is_still_a_refusal(place: Place) -> None:
    """Trouble on the wire passes and a missing queue does not: the two are never mixed up."""
    queue = await place.open()
    place.sqs.delete_queue("orders")
    with pytest.raises(QueueRefused):
        await queue.receive(1, 0)
