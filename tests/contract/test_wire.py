"""What a server answers on the wire, seen without an SDK: hashes, request ids, and how errors are spelt.

Both the SDK and the native path rely on these; where a server differs from AWS, `places.DIFFERS` says so.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Any

from tests.contract.places import fresh_name

if TYPE_CHECKING:
    from tests.contract.places import ServerPlace

ATTRIBUTES: dict[str, Any] = {
    "blob": {"DataType": "Binary", "BinaryValue": base64.b64encode(b"\x00\xff").decode()},
    "amount": {"DataType": "Number.int", "StringValue": "7"},
    "text": {"DataType": "String", "StringValue": "☃"},
}


def md5(text: str) -> str:
    """The hash of a body as the developer guide has it."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def md5_of_attributes(attributes: dict[str, Any]) -> str:
    """The hash of message attributes as the developer guide has it: by name, each part behind its length."""
    hashed = hashlib.md5(usedforsecurity=False)
    for name, value in sorted(attributes.items()):
        binary = "BinaryValue" in value
        content = base64.b64decode(value["BinaryValue"]) if binary else value["StringValue"].encode()
        for part in (name.encode(), value["DataType"].encode()):
            hashed.update(len(part).to_bytes(4, "big") + part)
        hashed.update((b"\x02" if binary else b"\x01") + len(content).to_bytes(4, "big") + content)
    return hashed.hexdigest()


async def made(server: ServerPlace, *, fifo: bool = False, **attributes: str) -> str:
    """The URL of a new queue of this test."""
    asked = attributes | ({"FifoQueue": "true"} if fifo else {})
    answer = await server.wire.must("CreateQueue", QueueName=fresh_name(fifo=fifo), Attributes=asked)
    return str(answer["QueueUrl"])


async def test_answers_are_json_with_a_request_id(server: ServerPlace) -> None:
    """Every answer, good or bad, is JSON of SQS's type and names the request: the worker requires the id."""
    url = await made(server)
    good = await server.wire.call("ReceiveMessage", QueueUrl=url)
    bad = await server.wire.call("GetQueueUrl", QueueName="no-such-queue")
    for answer in (good, bad):
        assert answer.headers["x-amzn-requestid"]
        assert answer.headers["content-type"].startswith("application/x-amz-json-1.0")


async def test_empty_receive_is_an_object_without_messages(server: ServerPlace) -> None:
    """An empty queue answers with a JSON object in which no message stands."""
    answer = await server.wire.call("ReceiveMessage", QueueUrl=await made(server))
    assert (answer.status, answer.document.get("Messages", [])) == (200, [])


async def test_hashes_are_those_of_the_developer_guide(server: ServerPlace) -> None:
    """Body and attributes are hashed as documented, in the answer to a send and in a receive."""
    url, body = await made(server), "naïve ☃"
    stored = await server.wire.must("SendMessage", QueueUrl=url, MessageBody=body, MessageAttributes=ATTRIBUTES)
    assert stored["MD5OfMessageBody"] == md5(body)
    assert stored["MD5OfMessageAttributes"] == md5_of_attributes(ATTRIBUTES)
    asked = {"QueueUrl": url, "MessageAttributeNames": ["All"], "WaitTimeSeconds": 1}
    (message,) = (await server.wire.must("ReceiveMessage", **asked))["Messages"]
    assert message["MD5OfBody"] == md5(body)
    assert message["MD5OfMessageAttributes"] == md5_of_attributes(ATTRIBUTES)


async def test_batch_answers_with_hashes(server: ServerPlace) -> None:
    """Each accepted entry of a batch carries its id, its message's id and its hash."""
    entries = [{"Id": str(i), "MessageBody": body} for i, body in enumerate("ab")]
    answer = await server.wire.must("SendMessageBatch", QueueUrl=await made(server), Entries=entries)
    assert {e["Id"]: e["MD5OfMessageBody"] for e in answer["Successful"]} == {"0": md5("a"), "1": md5("b")}
    assert len({e["MessageId"] for e in answer["Successful"]}) == 2
    assert not answer.get("Failed")


async def test_only_the_attributes_asked_for_come(server: ServerPlace) -> None:
    """Nothing is sent that was not asked for."""
    url = await made(server)
    await server.wire.must("SendMessage", QueueUrl=url, MessageBody="x", MessageAttributes=ATTRIBUTES)
    names = ["SentTimestamp"]
    (message,) = (await server.wire.must("ReceiveMessage", QueueUrl=url, MessageSystemAttributeNames=names))["Messages"]
    assert list(message["Attributes"]) == names
    assert "MessageAttributes" not in message


async def test_missing_queue_has_both_spellings(server: ServerPlace) -> None:
    """A missing queue is 400 with the shape's name in the body and the older code in the header."""
    answer = await server.wire.call("GetQueueUrl", QueueName="no-such-queue")
    assert (answer.status, answer.error_type) == (400, "QueueDoesNotExist")
    assert answer.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"


async def test_failed_entry_tells_code_and_blame(server: ServerPlace) -> None:
    """A failed entry names its id, its code, and that the sender is to blame."""
    entries = [{"Id": "0", "ReceiptHandle": "AQEBgarbage"}]
    answer = await server.wire.call("DeleteMessageBatch", QueueUrl=await made(server), Entries=entries)
    (failed,) = answer.document["Failed"]
    assert (answer.status, failed["Id"], failed["Code"]) == (200, "0", "ReceiptHandleIsInvalid")
    assert failed["SenderFault"] is True


async def test_repeated_batch_ids_are_refused(server: ServerPlace) -> None:
    """Two entries of one id are refused together."""
    entries = [{"Id": "same", "MessageBody": body} for body in "ab"]
    answer = await server.wire.call("SendMessageBatch", QueueUrl=await made(server), Entries=entries)
    assert (answer.status, answer.error_type) == (400, "BatchEntryIdsNotDistinct")


async def test_empty_batch_is_refused(server: ServerPlace) -> None:
    """A batch without entries is refused."""
    answer = await server.wire.call("SendMessageBatch", QueueUrl=await made(server), Entries=[])
    assert (answer.status, answer.error_type) == (400, "EmptyBatchRequest")


async def test_eleven_entries_are_refused(server: ServerPlace) -> None:
    """A batch of more than ten is refused."""
    entries = [{"Id": str(i), "MessageBody": "x"} for i in range(11)]
    answer = await server.wire.call("SendMessageBatch", QueueUrl=await made(server), Entries=entries)
    assert (answer.status, answer.error_type) == (400, "TooManyEntriesInBatchRequest")


async def test_dead_letter_names_its_source(server: ServerPlace) -> None:
    """A message that SQS moved tells the queue it came from."""
    dead = await made(server)
    names = ["QueueArn"]
    arn = (await server.wire.must("GetQueueAttributes", QueueUrl=dead, AttributeNames=names))["Attributes"]["QueueArn"]
    policy = f'{{"deadLetterTargetArn": "{arn}", "maxReceiveCount": 1}}'
    source = await made(server, RedrivePolicy=policy)
    told = await server.wire.must("GetQueueAttributes", QueueUrl=source, AttributeNames=names)
    await server.wire.must("SendMessage", QueueUrl=source, MessageBody="x")
    receive = {"VisibilityTimeout": 0, "MessageSystemAttributeNames": ["All"]}
    await server.wire.must("ReceiveMessage", QueueUrl=source, **receive)
    await server.wire.must("ReceiveMessage", QueueUrl=source, **receive)
    (message,) = (await server.wire.must("ReceiveMessage", QueueUrl=dead, **receive, WaitTimeSeconds=1))["Messages"]
    assert message["Attributes"]["DeadLetterQueueSourceArn"] == told["Attributes"]["QueueArn"]


async def test_purge_twice_within_a_minute_is_refused(server: ServerPlace) -> None:
    """A second purge has to wait for a minute."""
    url = await made(server)
    await server.wire.must("PurgeQueue", QueueUrl=url)
    answer = await server.wire.call("PurgeQueue", QueueUrl=url)
    assert answer.status in {400, 403}
    assert answer.error_type == "PurgeQueueInProgress"
