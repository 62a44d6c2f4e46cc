"""What a `Queue` promises, held against every implementation.

Each case is what AWS documents; where an implementation does otherwise, `places.DIFFERS` says so in AWS's terms. Cases
that need time to pass let a long poll wait for it.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.contract.places import fresh_name
from worker.errors import QueueMissing, QueueRefused, QueueUnavailable
from worker.message import Attribute, Outgoing
from worker.sqs.queue import OK, Failed, Redrive

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.contract.places import Place
    from worker.message import Delivery
    from worker.sqs.queue import Answer, Queue

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


def refused(answer: Answer, *codes: str) -> bool:
    """Whether the entry failed for good, with one of the *codes*."""
    return isinstance(answer, Failed) and not answer.retry and answer.code in codes


# ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────────


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
    assert 0.9 <= time.monotonic() - began < 4


async def test_long_poll_wakes_when_a_message_arrives(place: Place) -> None:
    """A waiting receive is answered by a message sent meanwhile, not at the end of its wait."""
    queue = await made(place)
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        receiving = tasks.create_task(queue.receive(10, 10))
        tasks.create_task(sent(queue, "late"))
    assert [d.body for d in receiving.result()] == ["late"]
    assert time.monotonic() - began < 5


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


# ── leases ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_message_comes_back_when_its_lease_ends(place: Place) -> None:
    """Not deleted in time, a message is received again: same id, count one higher, another handle."""
    queue = await made(place, VisibilityTimeout="2")
    await sent(queue, "x")
    first = await only(queue)
    assert await queue.receive(10, 0) == []
    second = await only(queue, wait=5)
    assert (second.message_id, second.receive_count) == (first.message_id, 2)
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


# ── deleting ────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


async def too_long(queue: Queue, messages: Sequence[Outgoing]) -> bool:
    """Whether the call or each of its entries was refused for good."""
    try:
        answers = await queue.send(messages)
    except QueueRefused:
        return True
    return all(isinstance(answer, Failed) and not answer.retry for answer in answers)


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


# ── FIFO ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_fifo_group_comes_in_send_order(place: Place) -> None:
    """The messages of a group are received in the order in which they were sent, with rising numbers."""
    queue = await made(place, fifo=True)
    await sent_in_groups(queue, "a1", "a2", "a3")
    deliveries = await queue.receive(10, 1)
    assert [d.body for d in deliveries] == ["a1", "a2", "a3"]
    numbers = [int(d.sequence_number or "") for d in deliveries]
    assert numbers == sorted(set(numbers))
    assert [(d.group_id, d.deduplication_id) for d in deliveries] == [("a", "a1"), ("a", "a2"), ("a", "a3")]


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


# ── dead letters, settings, the end ─────────────────────────────────────────────────────────────────────────────────


async def with_dead_letters(place: Place, max_receive_count: int) -> tuple[Queue, Queue]:
    """A queue and the dead-letter queue behind it."""
    dead = await made(place)
    arn = (await dead.attributes()).arn
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": "{max_receive_count}"}}'
    return await made(place, RedrivePolicy=policy), dead


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
    assert time.monotonic() - began < 5


async def failure_of(queue: Queue) -> Exception | None:
    """What a long poll raised."""
    try:
        await queue.receive(10, 10)
    except Exception as error:  # noqa: BLE001  # whatever it is, the test looks at it
        return error
    return None
