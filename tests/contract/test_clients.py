"""The clients that people use, unchanged, against the loopback: boto3 and the AWS command line."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from aiobotocore.session import get_session
from botocore.config import Config

from worker.loopback.server import LoopbackServer
from worker.loopback.service import LoopbackSqs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

AWS = Path(sys.executable).with_name("aws")


@pytest.fixture
def endpoint() -> Iterator[str]:
    """A loopback in a thread of its own, since boto3 blocks."""
    urls: list[str] = []
    listening, loops = threading.Event(), []

    async def run() -> None:
        stop = asyncio.Event()
        loops.append((asyncio.get_running_loop(), stop))
        async with LoopbackServer(LoopbackSqs(rng=random.Random(1))) as server:
            urls.append(server.endpoint_url)
            listening.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    assert listening.wait(60)
    yield urls[0]
    loop, stop = loops[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(60)
    assert not thread.is_alive()


@pytest.fixture
def sqs(endpoint: str) -> Iterator[Any]:
    """A boto3 client with one attempt, so that every error is seen."""
    client = boto3.client(
        "sqs",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}),
    )
    yield client
    client.close()


def test_boto3_sends_receives_and_deletes(sqs: Any) -> None:
    """The basic round, with attributes and their digests checked by the client."""
    url = sqs.create_queue(QueueName="jobs", Attributes={"VisibilityTimeout": "45"}, tags={"team": "red"})["QueueUrl"]
    attributes = {
        "text": {"DataType": "String", "StringValue": "é"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\x00"},
    }
    sent = sqs.send_message(QueueUrl=url, MessageBody="hello", MessageAttributes=attributes)
    got = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"], MessageSystemAttributeNames=["All"])
    message = got["Messages"][0]
    assert message["MessageAttributes"] == attributes
    assert message["MD5OfMessageAttributes"] == sent["MD5OfMessageAttributes"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    again = sqs.receive_message(QueueUrl=url)["Messages"][0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
    assert sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]["VisibilityTimeout"] == "45"
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"team": "red"}
    assert sqs.get_queue_url(QueueName="jobs")["QueueUrl"] == url
    assert sqs.list_queues(QueueNamePrefix="jo")["QueueUrls"] == [url]


def test_boto3_works_in_batches(sqs: Any) -> None:
    """Ten at a time, both halves of the answer."""
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    entries = [{"Id": str(n), "MessageBody": f"m{n}"} for n in range(10)]
    assert len(sqs.send_message_batch(QueueUrl=url, Entries=entries)["Successful"]) == 10
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    handles = [{"Id": str(n), "ReceiptHandle": one["ReceiptHandle"]} for n, one in enumerate(messages)]
    hidden = sqs.change_message_visibility_batch(
        QueueUrl=url, Entries=[one | {"VisibilityTimeout": 60} for one in handles]
    )
    assert len(hidden["Successful"]) == 10
    handles[0]["ReceiptHandle"] = "garbage"
    answer = sqs.delete_message_batch(QueueUrl=url, Entries=handles)
    assert len(answer["Successful"]) == 9
    assert [(one["Id"], one["Code"], one["SenderFault"]) for one in answer["Failed"]] == [
        ("0", "ReceiptHandleIsInvalid", True)
    ]


def test_boto3_reads_errors_as_its_own_classes(sqs: Any) -> None:
    """By class and by the older code."""
    with pytest.raises(sqs.exceptions.QueueDoesNotExist) as caught:
        sqs.get_queue_url(QueueName="nowhere")
    assert caught.value.response["Error"]["Code"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert caught.value.response["Error"]["QueryErrorCode"] == "QueueDoesNotExist"
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    with pytest.raises(sqs.exceptions.ReceiptHandleIsInvalid):
        sqs.delete_message(QueueUrl=url, ReceiptHandle="garbage")
    with pytest.raises(sqs.exceptions.EmptyBatchRequest):
        sqs.delete_message_batch(QueueUrl=url, Entries=[])
    with pytest.raises(sqs.exceptions.QueueNameExists):
        sqs.create_queue(QueueName="jobs", Attributes={"DelaySeconds": "5"})
    sqs.purge_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
        sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(sqs.exceptions.QueueDeletedRecently):
        sqs.create_queue(QueueName="jobs")


def test_boto3_long_polls(sqs: Any, endpoint: str) -> None:
    """Answered by a send from another client, long before the wait is over."""
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    got: list[Any] = []
    poll = threading.Thread(target=lambda: got.append(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)))
    poll.start()
    other = boto3.client(
        "sqs", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
    )
    other.send_message(QueueUrl=url, MessageBody="x")
    poll.join(10)
    other.close()
    assert got[0]["Messages"][0]["Body"] == "x"


def test_boto3_keeps_fifo_order_and_deduplicates(sqs: Any) -> None:
    """A group at a time, one message per deduplication id."""
    url = sqs.create_queue(QueueName="jobs.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    for body in ("1", "2", "2", "3"):
        sqs.send_message(QueueUrl=url, MessageBody=body, MessageGroupId="g", MessageDeduplicationId=body)
    ask = {"QueueUrl": url, "MaxNumberOfMessages": 2, "MessageSystemAttributeNames": ["All"]}
    first = sqs.receive_message(**ask, ReceiveRequestAttemptId="t")["Messages"]
    assert [one["Body"] for one in first] == ["1", "2"]
    assert first[0]["Attributes"]["SequenceNumber"] < first[1]["Attributes"]["SequenceNumber"]
    assert "Messages" not in sqs.receive_message(**ask)
    assert sqs.receive_message(**ask, ReceiveRequestAttemptId="t")["Messages"][0]["MessageId"] == first[0]["MessageId"]


def test_boto3_moves_dead_letters_back(sqs: Any) -> None:
    """Redrive by receive count, then a move task that returns them; it cannot be cancelled once it is over."""
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": "1"})
    url = sqs.create_queue(QueueName="jobs", Attributes={"RedrivePolicy": policy})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="poison")
    sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)
    assert "Messages" not in sqs.receive_message(QueueUrl=url)
    got = sqs.receive_message(QueueUrl=dead, MessageSystemAttributeNames=["All"], VisibilityTimeout=0)["Messages"][0]
    assert got["Attributes"]["DeadLetterQueueSourceArn"].endswith(":jobs")
    assert sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"] == [url]
    handle = sqs.start_message_move_task(SourceArn=arn)["TaskHandle"]
    task = sqs.list_message_move_tasks(SourceArn=arn)["Results"][0]
    assert (task["Status"], task["ApproximateNumberOfMessagesMoved"]) == ("COMPLETED", 1)
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["MessageId"] != got["MessageId"]
    with pytest.raises(sqs.exceptions.ResourceNotFoundException):
        sqs.cancel_message_move_task(TaskHandle=handle)


def test_boto3_sets_tags_and_permissions(sqs: Any) -> None:
    """Stored and shown."""
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    sqs.tag_queue(QueueUrl=url, Tags={"a": "1", "b": "2"})
    sqs.untag_queue(QueueUrl=url, TagKeys=["a"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"b": "2"}
    sqs.add_permission(QueueUrl=url, Label="l", AWSAccountIds=["111111111111"], Actions=["SendMessage"])
    assert "Policy" in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]
    sqs.remove_permission(QueueUrl=url, Label="l")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "1"})
    shown = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds", "Policy"])["Attributes"]
    assert shown == {"DelaySeconds": "1"}


def test_boto3_pages_through_queues(sqs: Any) -> None:
    """The paginator finds all of them, two at a time."""
    for number in range(5):
        sqs.create_queue(QueueName=f"q{number}")
    pages = sqs.get_paginator("list_queues").paginate(PaginationConfig={"PageSize": 2})
    assert [len(page["QueueUrls"]) for page in pages] == [2, 2, 1]


@pytest.fixture
async def command_line() -> AsyncIterator[Any]:
    """The AWS command line against a loopback in this loop."""
    async with LoopbackServer(LoopbackSqs(rng=random.Random(1))) as server:
        environment = {
            **os.environ,
            "AWS_ACCESS_KEY_ID": "AKIATEST",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

        async def run(*words: str) -> Any:
            process = await asyncio.create_subprocess_exec(
                AWS,
                "--endpoint-url",
                server.endpoint_url,
                "sqs",
                *words,
                env=environment,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            out, error = await process.communicate()
            assert process.returncode == 0, error.decode()
            return json.loads(out) if out else None

        yield run


async def test_the_aws_command_line_works_unchanged(command_line: Any) -> None:
    """Create, send in a batch, receive, describe, delete in a batch, purge."""
    url = (await command_line("create-queue", "--queue-name", "jobs"))["QueueUrl"]
    entries = json.dumps([{"Id": "a", "MessageBody": "hello"}])
    await command_line("send-message-batch", "--queue-url", url, "--entries", entries)
    got = await command_line("receive-message", "--queue-url", url, "--wait-time-seconds", "1")
    assert got["Messages"][0]["Body"] == "hello"
    shown = await command_line("get-queue-attributes", "--queue-url", url, "--attribute-names", "All")
    assert shown["Attributes"]["ApproximateNumberOfMessagesNotVisible"] == "1"
    handles = json.dumps([{"Id": "a", "ReceiptHandle": got["Messages"][0]["ReceiptHandle"]}])
    deleted = await command_line("delete-message-batch", "--queue-url", url, "--entries", handles)
    assert deleted["Successful"] == [{"Id": "a"}]
    assert await command_line("purge-queue", "--queue-url", url) is None


async def test_the_aws_command_line_redrives_dead_letters_and_reads_fifo(command_line: Any) -> None:
    """A dead-letter queue, a move task back, and a FIFO message."""
    create = ("create-queue", "--queue-name")
    dead = (await command_line(*create, "dead.fifo", "--attributes", "FifoQueue=true"))["QueueUrl"]
    arn = "arn:aws:sqs:us-east-1:000000000000:dead.fifo"
    policy = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1})
    attributes = json.dumps({"FifoQueue": "true", "RedrivePolicy": policy})
    url = (await command_line(*create, "jobs.fifo", "--attributes", attributes))["QueueUrl"]
    ids = ("--message-group-id", "g", "--message-deduplication-id", "d")
    await command_line("send-message", "--queue-url", url, "--message-body", "x", *ids)
    receive = ("receive-message", "--visibility-timeout", "0", "--queue-url")
    assert len((await command_line(*receive, url))["Messages"]) == 1
    assert await command_line(*receive, url) is None
    assert (await command_line(*receive, dead))["Messages"][0]["Body"] == "x"
    await command_line("start-message-move-task", "--source-arn", arn)
    tasks = await command_line("list-message-move-tasks", "--source-arn", arn)
    assert tasks["Results"][0]["Status"] == "COMPLETED"


async def test_aiobotocore_long_polls_and_deletes() -> None:
    """The SDK that the worker itself can use."""
    keys = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
    async with (
        LoopbackServer(LoopbackSqs(rng=random.Random(1))) as server,
        get_session().create_client("sqs", endpoint_url=server.endpoint_url, **keys) as sqs,
    ):
        url = (await sqs.create_queue(QueueName="jobs"))["QueueUrl"]
        async with asyncio.TaskGroup() as group:
            poll = group.create_task(sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20))
            group.create_task(sqs.send_message(QueueUrl=url, MessageBody="x"))
        message = poll.result()["Messages"][0]
        await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        assert server.sqs.queue("jobs").counts.deleted == 1
