"""The SDK door against answers that SQS would never give, and against those it gives on a bad day.

A server in the test answers as it is told; what counts is that the worker is told one error of ours, which says
whether trying again can help.
"""

from __future__ import annotations

import asyncio
import json

import pytest

from tests.faults.sdk.scripted import (
    Answer,
    BlackHole,
    Reply,
    Reset,
    Scripted,
    message,
    refused,
    said,
)
from tests.faults.sdk.steps import BUSY_SECONDS, LAPSE, delivery, spec_of
from worker.errors import (
    CredentialsRefused,
    QueueError,
    QueueMissing,
    QueueOverLimit,
    QueueRefused,
    QueueThrottled,
    QueueUnavailable,
)
from worker.facts import Fact, RequestMade
from worker.sqs.queue import OK, Queue
from worker.sqs.sdk.open import open_sdk_queue

HTML = b"<html><body>Please log in to the hotel's network.</body></html>"


NOT_SQS: dict[str, Answer] = {
    "html with 200": Reply(body=HTML, headers={"Content-Type": "text/html"}),
    "html with 200 and a request id": Reply(body=HTML),
    "json without a request id": Reply(headers={"Content-Type": "application/x-amz-json-1.0"}),
    "empty body": Reply(body=b""),
    "truncated json": Reply(body=json.dumps({"Messages": [message(1)]}).encode()[:-9]),
    "json that is no object": Reply(body=b"[]"),
    "invalid utf-8": Reply(body=b'{"Messages": "\xff"}'),
}


@pytest.mark.parametrize("answer", NOT_SQS.values(), ids=NOT_SQS)
async def test_answer_that_is_not_of_sqs_is_never_an_empty_queue(
    server: Scripted, queue: Queue, answer: Answer
) -> None:
    """A 200 that SQS cannot have given is passing trouble, on receiving and on settling alike."""
    server.answers("ReceiveMessage", answer)
    server.answers("DeleteMessageBatch", answer)
    with pytest.raises(QueueUnavailable) as received:
        await queue.receive(10, 0)
    with pytest.raises(QueueUnavailable) as deleted:
        await queue.delete([delivery(1)])
    assert (received.value.operation, received.value.code) == ("receive", "NotSqs")
    assert (deleted.value.operation, deleted.value.code) == ("delete", "NotSqs")


BAD_DAYS: dict[str, tuple[Answer, type[QueueError], str]] = {
    "throttled with 400": (refused(400, "RequestThrottled"), QueueThrottled, "RequestThrottled"),
    "throttled with 403": (
        refused(403, "RequestThrottled", "AWS.SimpleQueueService.RequestThrottled"),
        QueueThrottled,
        "RequestThrottled",
    ),
    "key management throttled": (
        refused(400, "KmsThrottled", "KMS.ThrottlingException"),
        QueueThrottled,
        "KmsThrottled",
    ),
    "over the limit in flight": (refused(403, "OverLimit", "OverLimit"), QueueOverLimit, "OverLimit"),
    "queue deleted": (
        refused(400, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
        QueueMissing,
        "QueueDoesNotExist",
    ),
    "access denied": (refused(403, "AccessDeniedException"), QueueRefused, "AccessDenied"),
    "signature refused": (refused(403, "SignatureDoesNotMatch"), CredentialsRefused, "SignatureDoesNotMatch"),
    "500 as json": (refused(500, "InternalFailure"), QueueUnavailable, "InternalFailure"),
    "500 as html": (Reply(500, HTML, {}), QueueUnavailable, "Http500"),
    "503 without a body": (Reply(503, b"", {}), QueueUnavailable, "Http503"),
    "403 of a proxy": (Reply(403, HTML, {}), QueueUnavailable, "Http403"),
    "429 of a proxy": (Reply(429, b"slow", {}), QueueThrottled, "Http429"),
    "error that is no object": (Reply(400, b"[]"), QueueUnavailable, "NotUnderstood"),
    "messages that are no list": (said({"Messages": 7}), QueueUnavailable, "NotUnderstood"),
    "message that is no object": (said({"Messages": [7]}), QueueUnavailable, "NotUnderstood"),
    "connection reset": (Reset(), QueueUnavailable, "ConnectionClosedError"),
    "body cut off": (Reply(body=b'{"Mess', promised=500), QueueUnavailable, "ConnectionClosedError"),
    "black hole": (BlackHole(), QueueUnavailable, "Timeout"),
}


@pytest.mark.parametrize(("answer", "expected", "code"), BAD_DAYS.values(), ids=BAD_DAYS)
async def test_trouble_becomes_one_error_of_ours(
    server: Scripted, queue: Queue, facts: list[Fact], answer: Answer, expected: type[QueueError], code: str
) -> None:
    """Whatever goes wrong, the caller gets one class with one code after one request, and a fact says the same."""
    server.answers("ReceiveMessage", answer)
    with pytest.raises(QueueError) as raised:
        await queue.receive(10, 0)
    assert (type(raised.value), raised.value.code, raised.value.operation) == (expected, code, "receive")
    assert len(server.asked("ReceiveMessage")) == 1
    (fact,) = [f for f in facts if isinstance(f, RequestMade) and f.operation == "receive"]
    assert (fact.pipeline, fact.code) == ("orders", code)


async def test_queue_works_again_after_each_trouble(server: Scripted, queue: Queue) -> None:
    """A failed call leaves nothing behind that would spoil the next one."""
    for answer, _, _ in BAD_DAYS.values():
        server.answers("ReceiveMessage", answer)
        with pytest.raises(QueueError):
            await queue.receive(10, 0)
    server.answers("ReceiveMessage", said({"Messages": [message(1)]}))
    assert [d.message_id for d in await queue.receive(10, 0)] == ["id-1"]


async def test_own_wall_clock_ends_a_silent_long_poll(server: Scripted, queue: Queue) -> None:
    """A long poll that nobody answers ends at its wait and the margin, by our clock and not by the SDK's minutes."""
    server.answers("ReceiveMessage", BlackHole())
    began = asyncio.get_running_loop().time()
    with pytest.raises(QueueUnavailable):
        await queue.receive(10, 1)
    assert 1 + LAPSE <= asyncio.get_running_loop().time() - began < 1 + LAPSE + BUSY_SECONDS


async def test_settling_does_not_wait_behind_long_polls(server: Scripted, queue: Queue) -> None:
    """While every receiver's connection is held by a silent poll, a delete goes through at once."""
    server.answers("ReceiveMessage", BlackHole())
    server.answers("DeleteMessageBatch", said({"Successful": [{"Id": "0"}]}))
    async with asyncio.TaskGroup() as tasks:
        polls = [tasks.create_task(silence(queue)) for _ in range(3)]
        assert await queue.delete([delivery(1)]) == [OK]
        assert not any(poll.done() for poll in polls)


async def silence(queue: Queue) -> None:
    """A receive that nobody answers."""
    with pytest.raises(QueueUnavailable):
        await queue.receive(10, 0)


async def test_close_fails_what_is_under_way_and_what_waits_for_a_connection(
    server: Scripted, facts: list[Fact]
) -> None:
    """Closing ends a call in the middle of its request and one that has none yet, both as QueueUnavailable."""
    queue = await open_sdk_queue(spec_of(server), facts.append)
    server.answers("DeleteMessageBatch", BlackHole())
    async with asyncio.TaskGroup() as tasks:
        deletes = [tasks.create_task(closing(queue)) for _ in range(2)]
        await server.swallowed.wait()
        await queue.close()
    assert [delete.result() for delete in deletes] == ["Closed", "Closed"]
    assert len(server.asked("DeleteMessageBatch")) == 1


async def closing(queue: Queue) -> str:
    """A delete during which the queue is closed, and the code it ends with."""
    with pytest.raises(QueueUnavailable) as raised:
        await queue.delete([delivery(1)])
    return raised.value.code


async def test_cancelled_call_stays_cancelled(server: Scripted, queue: Queue, facts: list[Fact]) -> None:
    """A cancellation is neither swallowed nor dressed up as an error of SQS."""
    server.answers("ReceiveMessage", BlackHole())
    async with asyncio.TaskGroup() as tasks:
        poll = tasks.create_task(queue.receive(10, 20))
        await server.swallowed.wait()
        poll.cancel()
    assert poll.cancelled()
    assert [f.code for f in facts if isinstance(f, RequestMade) and f.operation == "receive"] == ["cancelled"]
