"""The SDK door against answers that SQS would never give, and against those it gives on a bad day.

A server in the test answers as it is told; what counts is what the worker is told: a delivery, an answer for each
entry, or an error of ours that says whether trying again can help.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from tests.faults.scripted import (
    REQUEST_ID,
    Answer,
    BlackHole,
    Reply,
    Reset,
    Scripted,
    message,
    refused,
    said,
    scripted,
)
from worker.errors import (
    CredentialsRefused,
    QueueError,
    QueueMissing,
    QueueOverLimit,
    QueueRefused,
    QueueThrottled,
    QueueUnavailable,
)
from worker.message import Delivery, Outgoing
from worker.sqs.aws import AwsQueue, AwsQueueSpec, leased_at, open_aws_queue
from worker.sqs.queue import OK, UNKNOWN, Failed
from worker.telemetry.events import DeliveryDamaged, Fact, RequestMade

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HTML = b"<html><body>Please log in to the hotel's network.</body></html>"
LAPSE = 0.3


@pytest.fixture(autouse=True)
def credentials_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "credentials"
    write_credentials(file, "FIRST")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return file


def write_credentials(file: Path, key: str) -> None:
    """Static credentials, as somebody's cron job writes them."""
    file.write_text(f"[default]\naws_access_key_id = {key}\naws_secret_access_key = secret\naws_session_token = t\n")


def spoil_credentials(file: Path) -> None:
    """A file that somebody is in the middle of writing."""
    file.write_text("[default\n")


@pytest.fixture
async def server() -> AsyncIterator[Scripted]:
    async with scripted() as script:
        yield script


@pytest.fixture
def facts() -> list[Fact]:
    return []


def spec_of(server: Scripted, *, queue: str | None = None, visibility_timeout: int | None = None) -> AwsQueueSpec:
    """The queue `orders` on the scripted server."""
    return AwsQueueSpec(
        queue=queue or f"{server.endpoint_url}/000000000000/orders",
        pipeline="orders",
        region="us-east-1",
        endpoint_url=server.endpoint_url,
        receivers=1,
        settlers=1,
        visibility_timeout=visibility_timeout,
    )


@pytest.fixture
async def queue(server: Scripted, facts: list[Fact]) -> AsyncIterator[AwsQueue]:
    opened = await open_aws_queue(
        spec_of(server), facts.append, wall=lambda: 1700000009.0, margin_seconds=LAPSE, settle_seconds=LAPSE
    )
    yield opened
    await opened.close()


def delivery(number: int) -> Delivery:
    """A delivery to settle."""
    return Delivery(f"id-{number}", f"handle-{number}", "x", 0.0, 0.0, 1, 0.0)


# ── a call as a whole ───────────────────────────────────────────────────────────────────────────────────────────────

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
    server: Scripted, queue: AwsQueue, answer: Answer
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
    server: Scripted, queue: AwsQueue, facts: list[Fact], answer: Answer, expected: type[QueueError], code: str
) -> None:
    """Whatever goes wrong, the caller gets one class with one code after one request, and a fact says the same."""
    server.answers("ReceiveMessage", answer)
    with pytest.raises(QueueError) as raised:
        await queue.receive(10, 0)
    assert (type(raised.value), raised.value.code, raised.value.operation) == (expected, code, "receive")
    assert len(server.asked("ReceiveMessage")) == 1
    (fact,) = [f for f in facts if isinstance(f, RequestMade) and f.operation == "receive"]
    assert (fact.pipeline, fact.code) == ("orders", code)


async def test_queue_works_again_after_each_trouble(server: Scripted, queue: AwsQueue) -> None:
    """A failed call leaves nothing behind that would spoil the next one."""
    server.answers("ReceiveMessage", *[answer for answer, _, _ in BAD_DAYS.values()], said({"Messages": [message(1)]}))
    for _ in BAD_DAYS:
        with pytest.raises(QueueError):
            await queue.receive(10, 0)
    assert [d.message_id for d in await queue.receive(10, 0)] == ["id-1"]


async def test_own_wall_clock_ends_a_silent_long_poll(server: Scripted, queue: AwsQueue) -> None:
    """A long poll that nobody answers ends at its wait and the margin, by our clock and not by the SDK's minutes."""
    server.answers("ReceiveMessage", BlackHole())
    began = asyncio.get_running_loop().time()
    with pytest.raises(QueueUnavailable):
        await queue.receive(10, 1)
    assert 1 + LAPSE <= asyncio.get_running_loop().time() - began < 4


async def test_settling_does_not_wait_behind_long_polls(server: Scripted, queue: AwsQueue) -> None:
    """While every receiver's connection is held by a silent poll, a delete goes through at once."""
    server.answers("ReceiveMessage", BlackHole())
    server.answers("DeleteMessageBatch", said({"Successful": [{"Id": "0"}]}))
    async with asyncio.TaskGroup() as tasks:
        polls = [tasks.create_task(silence(queue)) for _ in range(3)]
        assert await queue.delete([delivery(1)]) == [OK]
        assert not any(poll.done() for poll in polls)


async def silence(queue: AwsQueue) -> None:
    """A receive that nobody answers."""
    with pytest.raises(QueueUnavailable):
        await queue.receive(10, 0)


async def test_close_fails_what_is_under_way_and_what_waits_for_a_connection(
    server: Scripted, facts: list[Fact]
) -> None:
    """Closing ends a call in the middle of its request and one that has none yet, both as QueueUnavailable."""
    queue = await open_aws_queue(spec_of(server), facts.append)
    server.answers("DeleteMessageBatch", BlackHole())
    async with asyncio.TaskGroup() as tasks:
        deletes = [tasks.create_task(closing(queue)) for _ in range(2)]
        await server.swallowed.wait()
        await queue.close()
    assert [delete.result() for delete in deletes] == ["Closed", "Closed"]
    assert len(server.asked("DeleteMessageBatch")) == 1


async def closing(queue: AwsQueue) -> str:
    """A delete during which the queue is closed, and the code it ends with."""
    with pytest.raises(QueueUnavailable) as raised:
        await queue.delete([delivery(1)])
    return raised.value.code


async def test_cancelled_call_stays_cancelled(server: Scripted, queue: AwsQueue, facts: list[Fact]) -> None:
    """A cancellation is neither swallowed nor dressed up as an error of SQS."""
    server.answers("ReceiveMessage", BlackHole())
    async with asyncio.TaskGroup() as tasks:
        poll = tasks.create_task(queue.receive(10, 20))
        await server.swallowed.wait()
        poll.cancel()
    assert poll.cancelled()
    assert [f.code for f in facts if isinstance(f, RequestMade) and f.operation == "receive"] == ["cancelled"]


# ── what a receive brings ───────────────────────────────────────────────────────────────────────────────────────────

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
    queue: AwsQueue,
    facts: list[Fact],
    damaged: dict[str, object],
    reason: str,
    message_id: str,
) -> None:
    """A message that cannot be trusted is reported and not handled; its neighbours are."""
    server.answers("ReceiveMessage", said({"Messages": [message(1), damaged, message(3)]}))
    assert [d.message_id for d in await queue.receive(10, 0)] == ["id-1", "id-3"]
    assert [f for f in facts if isinstance(f, DeliveryDamaged)] == [DeliveryDamaged("orders", reason, message_id)]


async def test_message_twice_in_one_answer_is_two_deliveries(server: Scripted, queue: AwsQueue) -> None:
    """Both receipts come through, each with its handle: the ledger decides which one counts."""
    twice = [message(1), message(1, ReceiptHandle="handle-newer")]
    server.answers("ReceiveMessage", said({"Messages": twice}))
    assert [d.receipt_handle for d in await queue.receive(10, 0)] == ["handle-1", "handle-newer"]


async def test_delivery_holds_what_sqs_said(server: Scripted, queue: AwsQueue) -> None:
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
        opened = await open_aws_queue(spec_of(server, visibility_timeout=visibility), facts.append)
        assert await opened.receive(3, 0, attempt_id=attempt) == []
        await opened.close()
    plain, full = (request.document for request in server.asked("ReceiveMessage"))
    assert (plain["MaxNumberOfMessages"], plain["WaitTimeSeconds"]) == (3, 0)
    assert plain["MessageAttributeNames"] == ["All"]
    assert "All" not in plain["MessageSystemAttributeNames"]
    assert not {"VisibilityTimeout", "ReceiveRequestAttemptId"} & set(plain)
    assert (full["VisibilityTimeout"], full["ReceiveRequestAttemptId"]) == (77, "try-1")


@pytest.mark.parametrize(
    ("ended", "wait", "expected"),
    [
        pytest.param(100.4, 20, 100.0, id="quick answer counts from the request"),
        pytest.param(119.0, 20, 118.0, id="long poll counts from a second before the answer"),
        pytest.param(104.0, 0, 100.0, id="slow answer without a wait counts from the request"),
    ],
)
def test_lease_begins_no_later_than_sqs_says(ended: float, wait: float, expected: float) -> None:
    """The start of a lease is never later than its hand-out, and a long poll does not age it."""
    assert leased_at(100.0, ended, wait) == expected


# ── what a batch call answers ───────────────────────────────────────────────────────────────────────────────────────


async def test_every_entry_gets_its_own_answer(server: Scripted, queue: AwsQueue) -> None:
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
        Failed("ReceiptHandleIsInvalid", retry=False, detail="bad"),
        Failed("InternalError", retry=True),
        UNKNOWN,
        UNKNOWN,
        OK,
    ]


async def test_empty_answer_leaves_every_entry_unknown(server: Scripted, queue: AwsQueue) -> None:
    """An answer without lists is not a success."""
    server.answers("DeleteMessageBatch", said({}))
    server.answers("ChangeMessageVisibilityBatch", said({"Successful": None}))
    server.answers("SendMessageBatch", said({"Failed": []}))
    both = [delivery(1), delivery(2)]
    assert await queue.delete(both) == [UNKNOWN, UNKNOWN]
    assert await queue.change_visibility(both, [0, 0]) == [UNKNOWN, UNKNOWN]
    assert await queue.send([Outgoing("a"), Outgoing("b")]) == [UNKNOWN, UNKNOWN]


async def test_entries_are_told_apart_by_position(server: Scripted, queue: AwsQueue) -> None:
    """The same delivery twice makes two entries with distinct ids, each with its own visibility."""
    server.answers("ChangeMessageVisibilityBatch", said({"Successful": [{"Id": "1"}]}))
    same = delivery(1)
    assert await queue.change_visibility([same, same], [0, 30]) == [UNKNOWN, OK]
    (request,) = server.asked("ChangeMessageVisibilityBatch")
    assert [(e["Id"], e["VisibilityTimeout"]) for e in request.document["Entries"]] == [("0", 0), ("1", 30)]


async def test_message_stored_damaged_is_not_a_success(server: Scripted, queue: AwsQueue) -> None:
    """SQS's hash of a sent body is checked, except where deduplication may answer with another message's."""
    wrong = [{"Id": str(i), "MessageId": "m", "MD5OfMessageBody": "0" * 32} for i in range(2)]
    server.answers("SendMessageBatch", said({"Successful": wrong}))
    answers = await queue.send([Outgoing("a"), Outgoing("b", group_id="g", deduplication_id="d")])
    assert answers == [UNKNOWN, OK]


# ── credentials and opening ─────────────────────────────────────────────────────────────────────────────────────────


async def test_replaced_credentials_are_read_again_when_sqs_calls_the_old_ones_expired(
    server: Scripted, queue: AwsQueue, credentials_file: Path
) -> None:
    """A rotated file costs one refused request, and no restart, on either client."""
    write_credentials(credentials_file, "SECOND")
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"), said({"Messages": [message(1)]}))
    server.answers("DeleteMessageBatch", said({"Successful": [{"Id": "0"}]}))
    received = await queue.receive(10, 0)
    assert await queue.delete(received) == [OK]
    old, new = server.asked("ReceiveMessage")
    assert "Credential=FIRST/" in old.headers["authorization"]
    assert "Credential=SECOND/" in new.headers["authorization"]
    assert "Credential=SECOND/" in server.asked("DeleteMessageBatch")[0].headers["authorization"]


async def test_calls_refused_together_all_go_on_with_the_replaced_credentials(
    server: Scripted, queue: AwsQueue, credentials_file: Path
) -> None:
    """Only one of two refused calls finds the file changed; the other goes on with what that one read."""
    write_credentials(credentials_file, "SECOND")
    expired = refused(403, "ExpiredToken")
    server.answers("ReceiveMessage", expired, expired, said({"Messages": [message(1)]}))
    async with asyncio.TaskGroup() as tasks:
        receives = [tasks.create_task(queue.receive(10, 0)) for _ in range(2)]
    assert [[d.message_id for d in receive.result()] for receive in receives] == [["id-1"], ["id-1"]]


async def test_credentials_that_cannot_be_read_again_are_an_error_of_ours(
    server: Scripted, queue: AwsQueue, credentials_file: Path
) -> None:
    """A file that is half written when it is read again is refused, and read once more by the next call."""
    spoil_credentials(credentials_file)
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"))
    with pytest.raises(QueueRefused, match="ConfigParseError"):
        await queue.receive(10, 0)
    write_credentials(credentials_file, "SECOND")
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"), said({}))
    assert await queue.receive(10, 0) == []


async def test_expired_credentials_that_nobody_replaced_are_refused(server: Scripted, queue: AwsQueue) -> None:
    """Without newer credentials there is no second request: the caller learns of it at once."""
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"))
    with pytest.raises(CredentialsRefused):
        await queue.receive(10, 0)
    assert len(server.asked("ReceiveMessage")) == 1


async def test_opening_without_credentials_says_what_to_do(
    server: Scripted, facts: list[Fact], credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No credentials at all: the error names the queue and the ways to give some."""
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials_file.with_name("none")))
    with pytest.raises(CredentialsRefused, match=r"'orders' in account 000000000000, region us-east-1.*AWS_PROFILE"):
        await open_aws_queue(spec_of(server), facts.append)
    assert server.requests == []


async def test_opening_by_arn_asks_for_the_url(server: Scripted, facts: list[Fact]) -> None:
    """An ARN is resolved by name and owner, and the URL that SQS gives is used from then on."""
    server.answers("GetQueueUrl", said({"QueueUrl": "https://elsewhere/1/orders"}))
    arn = "arn:aws:sqs:eu-west-1:111122223333:orders"
    opened = await open_aws_queue(spec_of(server, queue=arn), facts.append)
    await opened.close()
    (resolved,) = server.asked("GetQueueUrl")
    (read,) = server.asked("GetQueueAttributes")
    assert resolved.document == {"QueueName": "orders", "QueueOwnerAWSAccountId": "111122223333"}
    assert read.document["QueueUrl"] == opened.url == "https://elsewhere/1/orders"
    assert "/eu-west-1/sqs/" in read.headers["authorization"]
    assert opened.name == "orders"


async def test_opening_a_forbidden_queue_names_the_permissions(server: Scripted, facts: list[Fact]) -> None:
    """What is missing is said in IAM's words."""
    server.answers("GetQueueAttributes", refused(403, "AccessDenied"))
    with pytest.raises(QueueRefused, match=r"'orders'.*sqs:ReceiveMessage.*SQS's words"):
        await open_aws_queue(spec_of(server), facts.append)


async def test_opening_when_sqs_is_away_is_passing_trouble(server: Scripted, facts: list[Fact]) -> None:
    """A worker that starts during an outage is told that trying again may help."""
    server.answers("GetQueueAttributes", Reply(503, b"", REQUEST_ID))
    with pytest.raises(QueueUnavailable, match="Http503"):
        await open_aws_queue(spec_of(server), facts.append)


async def test_queue_attributes_that_make_no_sense_are_not_understood(server: Scripted, queue: AwsQueue) -> None:
    """Settings that cannot be read are an error, never a default."""
    arn = "arn:aws:sqs:us-east-1:000000000000:orders"
    for values in ({}, {"QueueArn": arn, "VisibilityTimeout": "soon"}, {"QueueArn": arn, "RedrivePolicy": "{}"}):
        server.answers("GetQueueAttributes", said({"Attributes": values}))
        with pytest.raises(QueueUnavailable, match="NotUnderstood"):
            await queue.attributes()
