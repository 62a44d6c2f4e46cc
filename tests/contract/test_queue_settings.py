"""What a `Queue` promises of dead letters, settings and its end, held against every implementation."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import pytest

from tests.contract.steps import (
    drained,
    made,
    only,
    sent,
    with_dead_letters,
)
from worker.errors import QueueMissing, QueueUnavailable
from worker.message import Outgoing
from worker.sqs.queue import OK, Redrive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.contract.places import Place
    from worker.sqs.queue import Queue


async def test_message_moves_to_the_dead_letter_queue(place: Place) -> None:
    """After maxReceiveCount receipts the message is in the dead-letter queue and no longer in the source."""
    queue, dead = await with_dead_letters(place, 2)
    await sent(queue, "poison")
    for _ in range(2):
        assert await queue.change_visibility([await only(queue)], [0]) == [OK]
    assert await queue.receive(10, 0) == []
    assert (await only(dead)).body == "poison"


async def test_attributes_tell_the_redrive_policy(place: Place) -> None:
    """The worker reads where the queue sends its dead letters, and after how many receipts."""
    queue, dead = await with_dead_letters(place, 3)
    arn = (await dead.attributes()).arn
    assert (await queue.attributes()).redrive == Redrive(arn, 3)
    assert (await dead.attributes()).redrive is None


async def test_attributes_tell_the_settings(place: Place) -> None:
    """Timeouts and limits are read as they were set, and the ARN names the queue."""
    queue = await made(
        place,
        VisibilityTimeout="45",
        MessageRetentionPeriod="3600",
        ReceiveMessageWaitTimeSeconds="7",
        DelaySeconds="3",
    )
    read = await queue.attributes()
    assert (read.visibility_timeout, read.retention_seconds, read.wait_seconds, read.delay_seconds) == (45, 3600, 7, 3)
    assert (read.max_message_bytes, read.fifo) == (1_048_576, False)
    assert read.arn.endswith(f":{queue.name}")


async def test_attributes_of_a_fifo_queue_say_so(place: Place) -> None:
    """The worker learns from the queue that it has to keep groups in order."""
    assert (await (await made(place, fifo=True)).attributes()).fifo


async def test_attributes_count_the_messages(place: Place) -> None:
    """Visible, in flight and delayed are counted apart."""
    queue = await made(place)
    await sent(queue, "a", "b", "c")
    assert len(await queue.receive(1, 1)) == 1
    await queue.send([Outgoing("later", delay_seconds=60)])
    read = await queue.attributes()
    assert (read.visible, read.not_visible, read.delayed) == (2, 1, 1)


async def test_purge_empties_the_queue(place: Place) -> None:
    """After a purge nothing is received."""
    queue = await made(place)
    await sent(queue, "a", "b")
    await place.purge(queue.name)
    assert await drained(queue) == []


async def test_missing_queue_is_told_as_such(place: Place) -> None:
    """A queue that does not exist is not mistaken for trouble that passes."""
    with pytest.raises(QueueMissing):
        await place.open("no-such-queue")


async def test_queue_deleted_at_runtime_is_missing_to_every_call(place: Place) -> None:
    """When somebody deletes the queue under the worker, every call says so."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    await place.drop(queue.name)
    calls: list[Callable[[], Awaitable[object]]] = [
        lambda: queue.receive(1, 0),
        lambda: queue.delete([delivery]),
        lambda: queue.change_visibility([delivery], [0]),
        lambda: queue.send([Outgoing("x")]),
        queue.attributes,
    ]
    for call in calls:
        with pytest.raises(QueueMissing):
            await call()


async def test_closed_queue_is_unavailable(place: Place) -> None:
    """After its end every call says so, instead of hanging or breaking."""
    queue = await made(place)
    await sent(queue, "x")
    await queue.close()
    with pytest.raises(QueueUnavailable):
        await queue.receive(1, 0)
    with pytest.raises(QueueUnavailable):
        await queue.send([Outgoing("x")])


async def test_close_ends_a_receive_under_way(place: Place) -> None:
    """A long poll that is waiting when the queue is closed ends with QueueUnavailable, not with its wait."""
    queue = await made(place)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(failure_of(queue))
        await queue.attributes()  # the receive has begun when this call is answered
        await queue.close()
    assert isinstance(receiving.result(), QueueUnavailable)
    assert time.monotonic() - began < 15


async def failure_of(queue: Queue) -> Exception | None:
    """What a long poll raised."""
    try:
        await queue.receive(10, 20)
    except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
        return error
    return None
