"""What the cases of the contract suite do again and again: make queues, fill them, and look at answers.

Takes a place or a queue and gives what a case goes on with; a step that does not succeed fails its case.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.contract.places import fresh_name
from worker.errors import QueueRefused
from worker.message import Outgoing
from worker.sqs.queue import OK, EntryFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.contract.places import Place
    from worker.message import Delivery
    from worker.sqs.queue import EntryResult, Queue


GARBAGE = "AQEBgarbage"


async def made(place: Place, *, fifo: bool = False, **attributes: str) -> Queue:
    """A new queue of this test, opened."""
    name = fresh_name(fifo=fifo)
    await place.create(name, attributes | ({"FifoQueue": "true"} if fifo else {}))
    return await place.open(name)


async def sent(queue: Queue, *bodies: str) -> None:
    """Messages in the queue, each accepted."""
    assert await queue.send([Outgoing(body) for body in bodies]) == [OK] * len(bodies)


async def sent_in_groups(queue: Queue, *bodies: str) -> None:
    """FIFO messages, one call each, whose group is the first letter of the body."""
    for body in bodies:
        assert await queue.send([Outgoing(body, group_id=body[0], deduplication_id=body)]) == [OK]


async def only(queue: Queue, wait: float = 1) -> Delivery:
    """The one message that the queue holds."""
    (delivery,) = await queue.receive(10, wait)
    return delivery


async def drained(queue: Queue) -> list[Delivery]:
    """Everything that is visible, however many receives it takes."""
    deliveries: list[Delivery] = []
    while batch := await queue.receive(10, 0):
        deliveries += batch
    return deliveries


def spoilt(delivery: Delivery) -> Delivery:
    """The same delivery with a receipt handle that SQS never gave."""
    return replace(delivery, receipt_handle=GARBAGE)


def refused(answer: EntryResult, *codes: str) -> bool:
    """Whether the entry failed for good, with one of the *codes*."""
    return isinstance(answer, EntryFailed) and not answer.retry and answer.code in codes


async def too_long(queue: Queue, messages: Sequence[Outgoing]) -> bool:
    """Whether the call or each of its entries was refused for good."""
    try:
        answers = await queue.send(messages)
    except QueueRefused:
        return True
    return all(isinstance(answer, EntryFailed) and not answer.retry for answer in answers)


async def with_dead_letters(place: Place, max_receive_count: int) -> tuple[Queue, Queue]:
    """A queue and the dead-letter queue behind it."""
    dead = await made(place)
    arn = (await dead.attributes()).arn
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{max_receive_count}"}}'
    return await made(place, RedrivePolicy=policy), dead
