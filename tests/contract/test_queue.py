"""What a `Queue` promises of receiving, leases and deleting, held against every implementation.

Each case is what AWS documents or was seen to do; where an implementation does otherwise, `places.DIFFERS` says so in
AWS's terms. Cases that need time to pass let a long poll wait for it.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tests.contract.steps import (
    drained,
    made,
    only,
    refused,
    sent,
    spoilt,
)
from worker.errors import QueueRefused
from worker.message import Attribute, Outgoing
from worker.sqs.queue import OK

if TYPE_CHECKING:
    from tests.contract.places import Place


async def test_receive_from_an_empty_queue_gives_nothing(place: Place) -> None:
    """An empty queue is an empty list, with and without waiting."""
    queue = await made(place)
    assert await queue.receive(10, 0) == []
    assert await queue.receive(10, 1) == []


async def test_long_poll_waits_for_as_long_as_asked(place: Place) -> None:
    """A long poll on an empty queue takes its time, so that polling does not spin."""
    queue = await made(place)
    began = time.monotonic()
    await queue.receive(10, 1)
    assert 0.9 <= time.monotonic() - began < 15


async def test_long_poll_wakes_when_a_message_arrives(place: Place) -> None:
    """A waiting receive is answered by a message sent meanwhile, not at the end of its wait."""
    queue = await made(place)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(queue.receive(10, 20))
        tasks.create_task(sent(queue, "late"))
    assert [d.body for d in receiving.result()] == ["late"]
    assert time.monotonic() - began < 15


async def test_receive_gives_no_more_than_asked(place: Place) -> None:
    """The limit of a receive is kept, and what it left stays visible."""
    queue = await made(place)
    await sent(queue, *"abcde")
    first = await queue.receive(2, 1)
    assert 1 <= len(first) <= 2
    assert len(first) + len(await drained(queue)) == 5


async def test_message_comes_as_it_was_sent(place: Place) -> None:
    """The body, to the last character, and attributes of every type survive the way."""
    queue = await made(place)
    attributes = {
        "text": Attribute("String", "naïve ☃"),
        "amount": Attribute("Number", "12.50"),
        "kind": Attribute("Number.int", "7"),
        "blob": Attribute("Binary", bytes(range(256))),
    }
    body = '{"name": "Zoë ☃ 😀", "tab": "\\t", "less": "<&>"}\n\t end'
    assert await queue.send([Outgoing(body, attributes)]) == [OK]
    delivery = await only(queue)
    assert (delivery.body, delivery.attributes) == (body, attributes)
    assert delivery.receive_count == 1
    assert delivery.message_id
    assert delivery.receipt_handle


async def test_trace_header_is_carried(place: Place) -> None:
    """The X-Ray header of the sender reaches the receiver."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
    queue = await made(place)
    assert await queue.send([Outgoing("x", trace_header=trace)]) == [OK]
    assert (await only(queue)).trace_header == trace


async def test_group_of_a_standard_message_is_kept(place: Place) -> None:
    """A group id on a standard queue is carried, and locks nothing."""
    queue = await made(place)
    await queue.send([Outgoing("one", group_id="tenant"), Outgoing("two", group_id="tenant")])
    assert [d.group_id for d in await drained(queue)] == ["tenant", "tenant"]


async def test_delivery_tells_when_it_was_sent_and_leased(place: Place) -> None:
    """Send time is Unix time, and the lease begins between the request and its answer, on the loop's clock."""
    queue = await made(place)
    await sent(queue, "x")
    began = asyncio.get_running_loop().time()
    delivery = await only(queue)
    assert began <= delivery.leased_at <= asyncio.get_running_loop().time()
    assert abs(time.time() - delivery.sent_at) < 5
    assert abs(time.time() - delivery.received_at) < 5


async def test_ten_messages_fit_one_call(place: Place) -> None:
    """Ten entries are sent, received and deleted, each answered."""
    queue = await made(place)
    await sent(queue, *"abcdefghij")
    deliveries = await drained(queue)
    assert sorted(d.body for d in deliveries) == list("abcdefghij")
    assert await queue.delete(deliveries) == [OK] * 10


# ── leases ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_message_comes_back_when_its_lease_ends(place: Place) -> None:
    """Not deleted in time, it is received again: same id and time of sending, count one higher, another handle."""
    queue = await made(place, VisibilityTimeout="2")
    await sent(queue, "x")
    first = await only(queue)
    assert await queue.receive(10, 0) == []
    second = await only(queue, wait=5)
    assert (second.message_id, second.sent_at, second.receive_count) == (first.message_id, first.sent_at, 2)
    assert second.receipt_handle != first.receipt_handle


async def test_visibility_zero_gives_the_message_back_at_once(place: Place) -> None:
    """A released message is received again without waiting, and the release counted as a receipt."""
    queue = await made(place)
    await sent(queue, "x")
    first = await only(queue)
    assert await queue.change_visibility([first], [0]) == [OK]
    assert (await only(queue)).receive_count == 2


async def test_longer_visibility_keeps_the_message_away(place: Place) -> None:
    """A renewed lease outlives the queue's own timeout."""
    queue = await made(place, VisibilityTimeout="2")
    await sent(queue, "x")
    assert await queue.change_visibility([await only(queue)], [30]) == [OK]
    assert await queue.receive(10, 3) == []


async def test_each_entry_has_its_own_visibility(place: Place) -> None:
    """In one call one message is released and another kept."""
    queue = await made(place)
    await sent(queue, "free", "kept")
    deliveries = sorted(await drained(queue), key=lambda d: d.body)
    assert await queue.change_visibility(deliveries, [0, 60]) == [OK, OK]
    assert [d.body for d in await drained(queue)] == ["free"]


async def test_visibility_of_a_deleted_message_cannot_change(place: Place) -> None:
    """Renewing what is deleted fails for good: the lease is lost, not merely late."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    assert await queue.delete([delivery]) == [OK]
    (answer,) = await queue.change_visibility([delivery], [30])
    assert refused(answer, "InvalidParameterValue", "MessageNotInflight", "ReceiptHandleIsInvalid")


async def test_visibility_beyond_twelve_hours_is_refused(place: Place) -> None:
    """A visibility past SQS's limit fails, for that entry or for the call."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    try:
        (answer,) = await queue.change_visibility([delivery], [43_201])
    except QueueRefused as error:
        assert error.code == "InvalidParameterValue"  # noqa: PT017  # AWS documents both ways of refusing
    else:
        assert refused(answer, "InvalidParameterValue")


# ── deleting ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_deleted_message_never_comes_back(place: Place) -> None:
    """Nothing is left after a delete, not even when the lease would have ended."""
    queue = await made(place, VisibilityTimeout="2")
    await sent(queue, "x")
    assert await queue.delete([await only(queue)]) == [OK]
    assert await queue.receive(10, 3) == []


async def test_delete_twice_is_no_error(place: Place) -> None:
    """A repeated delete succeeds, so that a delete whose answer was lost can be repeated."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    assert await queue.delete([delivery]) == [OK]
    assert await queue.delete([delivery]) == [OK]


async def test_delete_of_the_same_delivery_twice_in_one_call(place: Place) -> None:
    """Entries are told apart by position, so one batch may hold a message twice."""
    queue = await made(place)
    await sent(queue, "x")
    delivery = await only(queue)
    assert await queue.delete([delivery, delivery]) == [OK, OK]


async def test_old_handle_does_not_spoil_the_newer_one(place: Place) -> None:
    """A delete by a superseded handle is answered without an exception, and the newest handle still works."""
    queue = await made(place)
    await sent(queue, "x")
    first = await only(queue)
    await queue.change_visibility([first], [0])
    second = await only(queue)
    (answer,) = await queue.delete([first])
    assert answer is OK or refused(answer, "ReceiptHandleIsInvalid", "InvalidParameterValue")
    assert await queue.delete([second]) == [OK]


async def test_old_handle_changes_the_visibility_of_what_a_newer_one_holds(place: Place) -> None:
    """On a standard queue whoever lost a message can still give it away: the worker must not."""
    queue = await made(place)
    await sent(queue, "x")
    first = await only(queue)
    await queue.change_visibility([first], [0])
    second = await only(queue)
    assert await queue.change_visibility([first], [0]) == [OK]
    third = await only(queue)
    assert third.message_id == second.message_id
    assert third.receive_count == second.receive_count + 1


async def test_garbage_handle_fails_alone(place: Place) -> None:
    """A handle that SQS never gave fails its entry for good, and the entries around it succeed."""
    queue = await made(place)
    await sent(queue, "a", "b")
    left, right = await drained(queue)
    first, middle, last = await queue.delete([left, spoilt(left), right])
    assert (first, last) == (OK, OK)
    assert refused(middle, "ReceiptHandleIsInvalid")


async def test_garbage_handle_fails_alone_in_a_visibility_change(place: Place) -> None:
    """The same holds for renewing and releasing."""
    queue = await made(place)
    await sent(queue, "a")
    delivery = await only(queue)
    good, bad = await queue.change_visibility([delivery, spoilt(delivery)], [30, 30])
    assert good is OK
    assert refused(bad, "ReceiptHandleIsInvalid")
