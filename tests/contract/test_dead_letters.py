"""What our dead letters need of a `Queue`, held against every implementation: its limit is told, and it is kept to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.contract.steps import drained, made, sent, too_long
from worker.message import Attribute, Outgoing
from worker.outcome import Rejected
from worker.pipeline.deadletter import CONTEXT, DeadLetters
from worker.pipeline.letter import restored
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from tests.contract.places import Place
    from worker.facts import Fact
    from worker.sqs.queue import Queue

LIMIT = 2_048


def letters_to(dead: Queue, facts: list[Fact]) -> DeadLetters:
    """Our dead letters, by one who does not know the queue's limit yet."""
    return DeadLetters(dead, source="orders", worker="w", fifo=False, emit=facts.append, pipeline="p")


async def test_a_queue_tells_its_limit_and_refuses_what_is_larger_for_good(place: Place) -> None:
    """`MaximumMessageSize` is among the attributes; one byte more is no passing trouble."""
    queue = await made(place, MaximumMessageSize=str(LIMIT))
    assert (await queue.attributes()).max_message_bytes == LIMIT
    assert await queue.send([Outgoing("x" * LIMIT)]) == [OK]
    assert await too_long(queue, [Outgoing("x" * (LIMIT + 1))])


async def test_a_body_as_large_as_the_limit_becomes_a_letter(place: Place) -> None:
    """It is refused with our words beside it, and goes without; another one in its batch keeps them."""
    facts: list[Fact] = []
    source, dead = await made(place), await made(place, MaximumMessageSize=str(LIMIT))
    await sent(source, "x" * LIMIT, "small")
    deliveries = await drained(source)
    accepted = await letters_to(dead, facts).send([(one, Rejected("decode")) for one in deliveries])
    assert accepted == {one.message_id for one in deliveries}
    assert {len(one.body): CONTEXT in one.attributes for one in await drained(dead)} == {LIMIT: False, 5: True}


async def test_a_letter_gives_back_what_was_sent(place: Place) -> None:
    """Ten attributes of every type survive the way there: one in the context, and all as they were when it is read."""
    facts: list[Fact] = []
    source, dead = await made(place), await made(place)
    attributes = {f"a{n}": Attribute("String", f"{n}") for n in range(8)}
    attributes |= {"number": Attribute("Number", "7"), "raw": Attribute("Binary", b"\x00\xff")}
    assert await source.send([Outgoing("body", attributes)]) == [OK]
    (delivery,) = await drained(source)
    assert await letters_to(dead, facts).send([(delivery, Rejected("decode"))]) == {delivery.message_id}
    (letter,) = await drained(dead)
    assert len(letter.attributes) == len(attributes)
    assert restored(letter.attributes, "orders") == attributes
