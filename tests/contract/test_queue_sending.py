"""What a `Queue` promises of sending, to standard and FIFO queues, held against every implementation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.contract.steps import (
    drained,
    made,
    only,
    refused,
    sent,
    sent_in_groups,
    too_long,
)
from worker.errors import QueueRefused
from worker.message import Outgoing
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from tests.contract.places import Place


async def test_delayed_message_comes_late(place: Place) -> None:
    """A message sent with a delay is invisible until it has passed."""
    queue = await made(place)
    assert await queue.send([Outgoing("x", delay_seconds=2)]) == [OK]
    assert await queue.receive(10, 0) == []
    assert (await only(queue, wait=5)).body == "x"


async def test_largest_message_is_taken(place: Place) -> None:
    """A body of 1 MiB goes through whole."""
    queue = await made(place)
    body = "x" * 1_048_576
    await sent(queue, body)
    assert (await only(queue)).body == body


async def test_message_above_the_limit_is_refused(place: Place) -> None:
    """One byte more than 1 MiB is refused for good and stored nowhere."""
    queue = await made(place)
    assert await too_long(queue, [Outgoing("x" * 1_048_577)])
    assert await drained(queue) == []


async def test_batch_above_the_limit_is_refused(place: Place) -> None:
    """The limit holds for the batch together, so a caller has to split it."""
    queue = await made(place)
    assert await too_long(queue, [Outgoing("x" * 600_000), Outgoing("y" * 600_000)])


async def test_character_outside_xml_is_refused(place: Place) -> None:
    """A character that SQS does not take is refused for good and stored nowhere."""
    queue = await made(place)
    assert await too_long(queue, [Outgoing("nul \x00 inside")])
    assert await drained(queue) == []


@pytest.mark.parametrize("count", [0, 11])
async def test_batch_of_a_wrong_size_is_a_bug_of_ours(place: Place, count: int) -> None:
    """No entry and more than ten are found before SQS is asked."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    with pytest.raises(ValueError, match="1 to 10"):
        await queue.delete([delivery] * count)
    with pytest.raises(ValueError, match="1 to 10"):
        await queue.change_visibility([delivery] * count, [0] * count)
    with pytest.raises(ValueError, match="1 to 10"):
        await queue.send([Outgoing("x")] * count)


# ── FIFO ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_fifo_group_comes_in_send_order(place: Place) -> None:
    """The messages of a group are received in the order in which they were sent, each with its ids."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2", "a3")
    deliveries = await queue.receive(10, 1)
    assert [d.body for d in deliveries] == ["a1", "a2", "a3"]
    assert [(d.group_id, d.deduplication_id) for d in deliveries] == [("a", "a1"), ("a", "a2"), ("a", "a3")]


async def test_fifo_sequence_numbers_rise(place: Place) -> None:
    """Later messages of a group have higher numbers; ten of them, so that chance cannot put random ones in order."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, *(f"a{i}" for i in range(10)))
    numbers = [int(d.sequence_number or "") for d in await queue.receive(10, 1)]
    assert len(numbers) == 10
    assert numbers == sorted(set(numbers))


async def test_fifo_group_is_locked_while_in_flight(place: Place) -> None:
    """While a message of a group is in flight nothing of that group is given out; other groups go on."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2", "b1")
    (first,) = await queue.receive(1, 1)
    assert first.body == "a1"
    assert [d.body for d in await queue.receive(10, 0)] == ["b1"]
    assert await queue.delete([first]) == [OK]
    assert [d.body for d in await queue.receive(10, 1)] == ["a2"]


async def test_fifo_release_brings_the_same_message_first(place: Place) -> None:
    """A released message keeps its place: the next of its group does not overtake it."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2")
    (first,) = await queue.receive(1, 1)
    assert await queue.change_visibility([first], [0]) == [OK]
    assert [d.body for d in await queue.receive(10, 1)] == ["a1", "a2"]


async def test_fifo_release_is_not_held_back_by_later_ones_in_flight(place: Place) -> None:
    """A hidden message holds back what was sent after it, and nothing else: two can hold one group at a time."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2", "a3")
    first, second = await queue.receive(2, 1)
    assert await queue.change_visibility([first], [0]) == [OK]
    (again,) = await queue.receive(10, 1)
    assert again.body == "a1"
    assert await queue.delete([again]) == [OK]
    assert await queue.receive(10, 0) == []
    assert await queue.delete([second]) == [OK]
    assert [d.body for d in await queue.receive(10, 1)] == ["a3"]


async def test_fifo_delete_after_the_lease_is_refused(place: Place) -> None:
    """The message is visible again, and a handle of before deletes it no more."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1")
    (first,) = await queue.receive(1, 1)
    assert await queue.change_visibility([first], [0]) == [OK]
    assert refused((await queue.delete([first]))[0], "ReceiptHandleIsInvalid", "InvalidParameterValue")
    assert [d.body for d in await queue.receive(10, 1)] == ["a1"]


async def test_fifo_batch_with_a_message_without_a_group_is_refused_whole(place: Place) -> None:
    """The others of the batch are not in the queue either."""
    queue = await made(place, fifo=True)
    with pytest.raises(QueueRefused):
        await queue.send([Outgoing("a", group_id="g", deduplication_id="a"), Outgoing("b", deduplication_id="b")])
    assert await queue.receive(10, 0) == []


async def test_fifo_duplicate_is_accepted_and_dropped(place: Place) -> None:
    """The same deduplication id within five minutes is answered as sent and stored once."""
    queue = await made(place, fifo=True)
    for body in ("first", "second"):
        assert await queue.send([Outgoing(body, group_id="g", deduplication_id="same")]) == [OK]
    assert [d.body for d in await queue.receive(10, 1)] == ["first"]


async def test_fifo_duplicate_is_dropped_even_after_the_delete(place: Place) -> None:
    """Deduplication looks at sends, not at what the queue still holds."""
    queue = await made(place, fifo=True)
    message = Outgoing("x", group_id="g", deduplication_id="same")
    await queue.send([message])
    await queue.delete([await only(queue)])
    assert await queue.send([message]) == [OK]
    assert await queue.receive(10, 0) == []


async def test_fifo_content_can_be_the_deduplication_id(place: Place) -> None:
    """With content-based deduplication equal bodies are one message, and different ones two."""
    queue = await made(place, fifo=True, ContentBasedDeduplication="true")
    for body in ("same", "same", "other"):
        assert await queue.send([Outgoing(body, group_id="g")]) == [OK]
    assert [d.body for d in await queue.receive(10, 1)] == ["same", "other"]


async def test_fifo_attempt_id_repeats_a_receive(place: Place) -> None:
    """A receive repeated by its attempt id gives the same messages, so that a lost answer locks no group."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2")
    first = await queue.receive(1, 1, attempt_id="try-1")
    again = await queue.receive(1, 1, attempt_id="try-1")
    assert [d.message_id for d in again] == [d.message_id for d in first]
    assert await queue.delete(again) == [OK]


async def test_fifo_message_without_a_group_is_refused(place: Place) -> None:
    """A FIFO queue takes no message without a group."""
    queue = await made(place, fifo=True)
    assert await too_long(queue, [Outgoing("x", deduplication_id="d")])


async def test_fifo_message_without_a_deduplication_id_is_refused(place: Place) -> None:
    """Without content-based deduplication a FIFO queue takes no message without an id."""
    queue = await made(place, fifo=True)
    assert await too_long(queue, [Outgoing("x", group_id="g")])
