"""The SDK door's reading of good answers: each delivery of a receive, each entry of a batch."""

from __future__ import annotations

import pytest

from tests.faults.sdk.scripted import (
    Scripted,
    message,
    said,
)
from tests.faults.sdk.steps import delivery, spec_of
from worker.facts import DeliveryDamaged, Fact
from worker.message import Outgoing
from worker.sqs.queue import OK, UNKNOWN, EntryFailed, Queue
from worker.sqs.sdk.open import open_sdk_queue

DAMAGES = {
    "wrong md5": (message(2, MD5OfBody="0" * 32), "md5", "id-2"),
    "no id": (message(2, MessageId=None), "message-id", ""),
    "no handle": (message(2, ReceiptHandle=None), "receipt-handle", "id-2"),
    "no body": (message(2, Body=None), "body", "id-2"),
    "count that is no number": (
        message(2, Attributes={"ApproximateReceiveCount": "many"}),
        "attributes",
        "id-2",
    ),
    "attribute without a value": (message(2, MessageAttributes={"a": {"DataType": "String"}}), "attributes", "id-2"),
}


@pytest.mark.parametrize(("damaged", "reason", "message_id"), DAMAGES.values(), ids=DAMAGES)
async def test_damaged_message_is_left_out_alone(  # a row of the table and three fixtures
    server: Scripted,
    queue: Queue,
    facts: list[Fact],
    damaged: dict[str, object],
    reason: str,
    message_id: str,
) -> None:
    """A message that cannot be trusted is reported and not handled; its neighbours are."""
    server.answers("ReceiveMessage", said({"Messages": [message(1), damaged, message(3)]}))
    assert [d.message_id for d in await queue.receive(10, 0)] == ["id-1", "id-3"]
    assert [f for f in facts if isinstance(f, DeliveryDamaged)] == [DeliveryDamaged("orders", reason, message_id)]


async def test_nothing_of_a_group_overtakes_a_damaged_message(server: Scripted, queue: Queue) -> None:
    """On a FIFO queue what is behind a damaged message of its group is left out with it; other groups are not."""

    def of(group: str, number: int, **more: object) -> dict[str, object]:
        return message(number, Attributes={"MessageGroupId": group, "SequenceNumber": str(number)}, **more)

    answer = [of("a", 1), of("a", 2, MD5OfBody="0" * 32), of("b", 3), of("a", 4)]
    server.answers("ReceiveMessage", said({"Messages": answer}))
    assert [d.message_id for d in await queue.receive(10, 0)] == ["id-1", "id-3"]


async def test_message_twice_in_one_answer_is_two_deliveries(server: Scripted, queue: Queue) -> None:
    """Both receipts come through, each with its handle: the ledger decides which one counts."""
    twice = [message(1), message(1, ReceiptHandle="handle-newer")]
    server.answers("ReceiveMessage", said({"Messages": twice}))
    assert [d.receipt_handle for d in await queue.receive(10, 0)] == ["handle-1", "handle-newer"]


async def test_delivery_holds_what_sqs_said(server: Scripted, queue: Queue) -> None:
    """Times are seconds, the count is a number, and the time of receipt is the injected clock's."""
    server.answers("ReceiveMessage", said({"Messages": [message(1)]}))
    (read,) = await queue.receive(10, 0)
    assert (read.body, read.sent_at, read.received_at, read.receive_count) == (
        "body 1",
        1700000000.123,
        1700000009.0,
        3,
    )


async def test_receive_asks_for_no_more_than_it_needs(server: Scripted, facts: list[Fact]) -> None:
    """The request holds the limit, the wait, the attributes of a delivery, and a visibility only if one is set."""
    server.answers("ReceiveMessage", said({}))
    for visibility, attempt in ((None, None), (77, "try-1")):
        opened = await open_sdk_queue(spec_of(server, visibility_timeout=visibility), facts.append)
        assert await opened.receive(3, 0, attempt_id=attempt) == []
        await opened.close()
    plain, full = (request.document for request in server.asked("ReceiveMessage"))
    assert (plain["MaxNumberOfMessages"], plain["WaitTimeSeconds"]) == (3, 0)
    assert plain["MessageAttributeNames"] == ["All"]
    assert "All" not in plain["MessageSystemAttributeNames"]
    assert not {"VisibilityTimeout", "ReceiveRequestAttemptId"} & set(plain)
    assert (full["VisibilityTimeout"], full["ReceiveRequestAttemptId"]) == (77, "try-1")


# ── what a batch call answers ─────────────────────────────────────────────────────────────────────────────────────────


async def test_every_entry_gets_its_own_answer(server: Scripted, queue: Queue) -> None:
    """Accepted, failed for good, failed in passing, in neither list, in both; and ids that nobody asked about."""
    failures = [
        {"Id": "1", "SenderFault": True, "Code": "ReceiptHandleIsInvalid", "Message": "bad"},
        {"Id": "2", "SenderFault": False, "Code": "InternalError"},
        {"Id": "4", "SenderFault": False, "Code": "InternalError"},
        {"Id": "99", "SenderFault": True, "Code": "InternalError"},
    ]
    accepted = [{"Id": "0"}, {"Id": "4"}, {"Id": "x"}, {"Id": "5"}]
    server.answers("DeleteMessageBatch", said({"Successful": accepted, "Failed": failures}))
    assert await queue.delete([delivery(i) for i in range(6)]) == [
        OK,
        EntryFailed("ReceiptHandleIsInvalid", retry=False, detail="bad"),
        EntryFailed("InternalError", retry=True),
        UNKNOWN,
        UNKNOWN,
        OK,
    ]


async def test_empty_answer_leaves_every_entry_unknown(server: Scripted, queue: Queue) -> None:
    """An answer without lists is not a success."""
    server.answers("DeleteMessageBatch", said({}))
    server.answers("ChangeMessageVisibilityBatch", said({"Successful": None}))
    server.answers("SendMessageBatch", said({"Failed": []}))
    both = [delivery(1), delivery(2)]
    assert await queue.delete(both) == [UNKNOWN, UNKNOWN]
    assert await queue.change_visibility(both, [0, 0]) == [UNKNOWN, UNKNOWN]
    assert await queue.send([Outgoing("a"), Outgoing("b")]) == [UNKNOWN, UNKNOWN]


async def test_entries_are_told_apart_by_position(server: Scripted, queue: Queue) -> None:
    """The same delivery twice makes two entries with distinct ids, each with its own visibility."""
    server.answers("ChangeMessageVisibilityBatch", said({"Successful": [{"Id": "1"}]}))
    same = delivery(1)
    assert await queue.change_visibility([same, same], [0, 30]) == [UNKNOWN, OK]
    (request,) = server.asked("ChangeMessageVisibilityBatch")
    assert [(e["Id"], e["VisibilityTimeout"]) for e in request.document["Entries"]] == [("0", 0), ("1", 30)]


async def test_message_stored_damaged_is_not_a_success(server: Scripted, queue: Queue) -> None:
    """SQS's hash of a sent body is checked, except where deduplication may answer with another message's."""
    wrong = [{"Id": str(i), "MessageId": "m", "MD5OfMessageBody": "0" * 32} for i in range(2)]
    server.answers("SendMessageBatch", said({"Successful": wrong}))
    answers = await queue.send([Outgoing("a"), Outgoing("b", group_id="g", deduplication_id="d")])
    assert answers == [UNKNOWN, OK]
