"""The SDK door's credentials and its opening: rotated, missing and refused."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.sdk.scripted import (
    REQUEST_ID,
    Reply,
    Scripted,
    message,
    refused,
    said,
)
from tests.faults.sdk.steps import spec_of, spoil_credentials, write_credentials
from worker.errors import (
    CredentialsRefused,
    QueueRefused,
    QueueUnavailable,
)
from worker.sqs.open import open_native_queue
from worker.sqs.queue import OK, Queue
from worker.sqs.sdk.open import open_sdk_queue

if TYPE_CHECKING:
    from pathlib import Path

    from worker.facts import Fact

SLOW: Final = 1_700_000_000.0
"""A Unix time of 22:13 on the 14th, two hours behind SQS."""


async def test_replaced_credentials_are_read_again_when_sqs_calls_the_old_ones_expired(
    server: Scripted, queue: Queue, credentials_file: Path
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
    server: Scripted, queue: Queue, credentials_file: Path
) -> None:
    """Only one of two refused calls finds the file changed; the other goes on with what that one read."""
    write_credentials(credentials_file, "SECOND")
    expired = refused(403, "ExpiredToken")
    server.answers("ReceiveMessage", expired, expired, said({"Messages": [message(1)]}))
    async with asyncio.TaskGroup() as tasks:
        receives = [tasks.create_task(queue.receive(10, 0)) for _ in range(2)]
    assert [[d.message_id for d in receive.result()] for receive in receives] == [["id-1"], ["id-1"]]


async def test_credentials_that_cannot_be_read_again_leave_the_refusal(
    server: Scripted, queue: Queue, credentials_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that is half written is named beside SQS's own words, and is read again when its turn has come."""
    monkeypatch.setattr("worker.sqs.key_ring.AGAIN_SECONDS", 0.0)
    spoil_credentials(credentials_file)
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"))
    with pytest.raises(
        CredentialsRefused, match=r"ExpiredToken: SQS's words; .*CredentialsUnreadable: Unable to parse"
    ):
        await queue.receive(10, 0)
    write_credentials(credentials_file, "SECOND")
    server.answers("ReceiveMessage", refused(403, "ExpiredToken"), said({}))
    assert await queue.receive(10, 0) == []


@pytest.mark.parametrize(
    "code",
    [
        "AuthFailure",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "RequestExpired",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "AccessDeniedException",
    ],
)
async def test_whatever_sqs_calls_a_key_it_does_not_take_it_is_replaced(
    server: Scripted, queue: Queue, credentials_file: Path, code: str
) -> None:
    """Also a revoked session, which is denied by a policy; the request is made again with the new key."""
    write_credentials(credentials_file, "SECOND")
    server.answers("ReceiveMessage", refused(403, code), said({"Messages": [message(1)]}))
    assert [one.message_id for one in await queue.receive(10, 0)] == ["id-1"]
    assert "Credential=SECOND/" in server.asked("ReceiveMessage")[-1].headers["authorization"]


async def test_a_slow_clock_that_hid_the_end_of_the_keys_costs_one_call_nothing(
    server: Scripted, facts: list[Fact], credentials_file: Path
) -> None:
    """First SQS refuses the time, then the keys that ended unnoticed: our own path mends both within the call."""
    queue = await open_native_queue(spec_of(server), facts.append, required=True, wall=lambda: SLOW)
    write_credentials(credentials_file, "SECOND")
    skewed = refused(403, "RequestExpired")
    dated = Reply(403, skewed.body, skewed.headers | {"Date": formatdate(SLOW + 7_200, usegmt=True)})
    server.answers("ReceiveMessage", dated, refused(403, "ExpiredToken"), said({"Messages": [message(1)]}))
    assert [one.message_id for one in await queue.receive(10, 0)] == ["id-1"]
    await queue.close()
    assert "Credential=SECOND/20231115/" in server.asked("ReceiveMessage")[-1].headers["authorization"]


async def test_expired_credentials_that_nobody_replaced_are_refused(server: Scripted, queue: Queue) -> None:
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
        await open_sdk_queue(spec_of(server), facts.append)
    assert server.requests == []


async def test_opening_by_arn_asks_for_the_url(server: Scripted, facts: list[Fact]) -> None:
    """An ARN is resolved by name and owner, and the URL that SQS gives is used from then on."""
    server.answers("GetQueueUrl", said({"QueueUrl": "https://elsewhere/1/orders"}))
    arn = "arn:aws:sqs:eu-west-1:111122223333:orders"
    opened = await open_sdk_queue(spec_of(server, queue=arn), facts.append)
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
        await open_sdk_queue(spec_of(server), facts.append)


async def test_opening_when_sqs_is_away_is_passing_trouble(server: Scripted, facts: list[Fact]) -> None:
    """A worker that starts during an outage is told that trying again may help."""
    server.answers("GetQueueAttributes", Reply(503, b"", REQUEST_ID))
    with pytest.raises(QueueUnavailable, match="Http503"):
        await open_sdk_queue(spec_of(server), facts.append)


async def test_queue_attributes_that_make_no_sense_are_not_understood(server: Scripted, queue: Queue) -> None:
    """Settings that cannot be read are an error, never a default."""
    arn = "arn:aws:sqs:us-east-1:000000000000:orders"
    for values in ({}, {"QueueArn": arn, "VisibilityTimeout": "soon"}, {"QueueArn": arn, "RedrivePolicy": "{}"}):
        server.answers("GetQueueAttributes", said({"Attributes": values}))
        with pytest.raises(QueueUnavailable, match="NotUnderstood"):
            await queue.attributes()
