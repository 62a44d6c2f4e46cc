"""HTTP and AWS JSON, byte by byte."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.http import Client
from worker.loopback.server import LoopbackServer
from worker.message import Attribute

if TYPE_CHECKING:
    from tests.unit.loopback.world import World


async def test_a_message_goes_round(client: Client) -> None:
    """Sent, received with its MD5 and its attributes, deleted."""
    sent = await client.call("SendMessage", {"QueueUrl": client.url(), "MessageBody": "hello"})
    assert sent.status == 200
    assert sent.json["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"
    assert sent.headers["content-type"] == "application/x-amz-json-1.0"
    assert len(sent.headers["x-amzn-requestid"]) == 36
    got = await client.call("ReceiveMessage", {"QueueUrl": client.url(), "AttributeNames": ["All"]})
    message = got.json["Messages"][0]
    assert (message["Body"], message["MessageId"]) == ("hello", sent.json["MessageId"])
    assert message["MD5OfBody"] == sent.json["MD5OfMessageBody"]
    assert message["Attributes"]["ApproximateReceiveCount"] == "1"
    assert message["Attributes"]["SentTimestamp"] == "1700000000000"
    deleted = await client.call("DeleteMessage", {"QueueUrl": client.url(), "ReceiptHandle": message["ReceiptHandle"]})
    assert (deleted.status, deleted.json) == (200, {})


async def test_an_empty_receive_has_no_messages_member(client: Client) -> None:
    """As SQS answers: an empty object, with a request id."""
    got = await client.call("ReceiveMessage", {"QueueUrl": client.url()})
    assert (got.json, "x-amzn-requestid" in got.headers) == ({}, True)


async def test_an_error_carries_both_spellings(client: Client) -> None:
    """The shape in the body, the query code in the header."""
    got = await client.call("ReceiveMessage", {"QueueUrl": client.url("nowhere")})
    assert got.status == 400
    assert got.json["__type"] == "com.amazonaws.sqs#QueueDoesNotExist"
    assert got.headers["x-amzn-query-error"] == "AWS.SimpleQueueService.NonExistentQueue;Sender"


@pytest.mark.parametrize(
    ("operation", "params", "status", "code"),
    [
        ("Nonsense", {}, 404, "UnknownOperationException"),
        ("ReceiveMessage", b"{", 400, "SerializationException"),
        ("ReceiveMessage", b"[]", 400, "SerializationException"),
        ("ReceiveMessage", b"\xff", 400, "SerializationException"),
        ("ReceiveMessage", {"QueueUrl": 5}, 400, "SerializationException"),
        ("ReceiveMessage", {}, 400, "MissingRequiredParameterException"),
        ("ReceiveMessage", {"QueueUrl": "/jobs"}, 404, "InvalidAddress"),
        ("ReceiveMessage", {"QueueUrl": "nowhere"}, 400, "QueueDoesNotExist"),
        ("ReceiveMessage", {"QueueUrl": "http://x/111111111111/jobs"}, 400, "QueueDoesNotExist"),
        ("SendMessage", {"QueueUrl": "http://x/000000000000/jobs"}, 400, "MissingRequiredParameterException"),
        ("DeleteMessageBatch", {"QueueUrl": "http://x/000000000000/jobs", "Entries": []}, 400, "EmptyBatchRequest"),
        ("CreateQueue", {"QueueName": "a", "Attributes": {"DelaySeconds": 5}}, 400, "SerializationException"),
        ("TagQueue", {"QueueUrl": "http://x/000000000000/jobs", "Tags": ["a"]}, 400, "SerializationException"),
        ("ChangeMessageVisibility", {"ReceiptHandle": "x"}, 400, "MissingRequiredParameterException"),
        ("DeleteMessageBatch", {"QueueUrl": "http://x/000000000000/jobs", "Entries": 5}, 400, "SerializationException"),
        ("UntagQueue", {"QueueUrl": "http://x/000000000000/jobs", "TagKeys": "a"}, 400, "SerializationException"),
    ],
)
async def test_bad_requests_are_told_what_is_wrong(
    client: Client, operation: str, params: object, status: int, code: str
) -> None:
    """An error of SQS's kind, and the connection goes on."""
    got = await client.call(operation, params)
    assert (got.status, got.json["__type"].partition("#")[2]) == (status, code)
    assert (await client.get("/_loopback/health")).body == b"ok"


@pytest.mark.parametrize(
    ("ids", "code"),
    [
        (["a", "a"], "BatchEntryIdsNotDistinct"),
        (["a b"], "InvalidBatchEntryId"),
        (["x" * 81], "InvalidBatchEntryId"),
        ([str(number) for number in range(11)], "TooManyEntriesInBatchRequest"),
    ],
)
async def test_batch_ids_are_checked(client: Client, ids: list[str], code: str) -> None:
    """At most ten, distinct, well-formed; nothing is performed otherwise."""
    entries = [{"Id": one, "MessageBody": "x"} for one in ids]
    got = await client.call("SendMessageBatch", {"QueueUrl": client.url(), "Entries": entries})
    assert got.json["__type"].endswith("#" + code)
    assert (await client.call("ReceiveMessage", {"QueueUrl": client.url()})).json == {}


async def test_a_batch_has_two_halves(client: Client) -> None:
    """Each Id is in exactly one of them."""
    entries = [{"Id": "good", "MessageBody": "x"}, {"Id": "bad", "MessageBody": "\x00"}]
    got = await client.call("SendMessageBatch", {"QueueUrl": client.url(), "Entries": entries})
    assert [one["Id"] for one in got.json["Successful"]] == ["good"]
    failed = got.json["Failed"][0]
    assert (failed["Id"], failed["Code"], failed["SenderFault"]) == ("bad", "InvalidMessageContents", True)


async def test_attributes_travel_with_their_digest_and_are_filtered(client: Client) -> None:
    """All, by name, by prefix; the digest is of what is shown; binary is base64."""
    attributes = {
        "app.id": {"DataType": "Number", "StringValue": "7"},
        "app.raw": {"DataType": "Binary", "BinaryValue": base64.b64encode(b"\x00\x01").decode()},
        "other": {"DataType": "String", "StringValue": "x"},
    }
    trace = {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}}
    sent = await client.call(
        "SendMessage",
        {
            "QueueUrl": client.url(),
            "MessageBody": "hello",
            "MessageAttributes": attributes,
            "MessageSystemAttributes": trace,
        },
    )

    async def receive(*names: str) -> dict[str, object]:
        params = {"QueueUrl": client.url(), "MessageAttributeNames": names, "VisibilityTimeout": 0}
        params["MessageSystemAttributeNames"] = ["AWSTraceHeader", "SenderId"]
        message: dict[str, object] = (await client.call("ReceiveMessage", params)).json["Messages"][0]
        return message

    everything = await receive("All")
    assert everything["MessageAttributes"] == attributes
    assert everything["MD5OfMessageAttributes"] == sent.json["MD5OfMessageAttributes"]
    assert set(everything["Attributes"]) == {"AWSTraceHeader", "SenderId"}  # type: ignore[call-overload] # a dict
    assert "MD5OfMessageSystemAttributes" in sent.json
    assert set((await receive("app.*"))["MessageAttributes"]) == {"app.id", "app.raw"}  # type: ignore[call-overload] # a dict
    assert (await receive("other"))["MD5OfMessageAttributes"] != everything["MD5OfMessageAttributes"]
    assert "MessageAttributes" not in await receive("nothing")


@pytest.mark.parametrize(
    "extra",
    [
        {"MessageSystemAttributes": {"Other": {"DataType": "String", "StringValue": "x"}}},
        {"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "%%%"}}},
        {"MessageAttributes": {"a": "x"}},
        {"DelaySeconds": "5"},
        {"DelaySeconds": True},
    ],
)
async def test_a_send_with_wrong_types_is_refused(client: Client, extra: dict[str, object]) -> None:
    """By type, before anything is performed."""
    got = await client.call("SendMessage", {"QueueUrl": client.url(), "MessageBody": "x", **extra})
    assert got.status == 400


async def test_fifo_and_dead_letter_attributes_are_shown(client: Client, world: World) -> None:
    """Group, sequence, deduplication id and the source of a dead letter."""
    world.queue("dead.fifo")
    world.queue("jobs.fifo", VisibilityTimeout=0)
    world.redrive("jobs.fifo", "dead.fifo", 1)
    world.send("x", "jobs.fifo", group="g", deduplication="d")
    world.receive("jobs.fifo")
    world.receive("jobs.fifo")
    params = {"QueueUrl": client.url("dead.fifo"), "AttributeNames": ["All"]}
    shown = (await client.call("ReceiveMessage", params)).json["Messages"][0]["Attributes"]
    assert shown["DeadLetterQueueSourceArn"] == "arn:aws:sqs:us-east-1:000000000000:jobs.fifo"
    assert (shown["MessageGroupId"], shown["MessageDeduplicationId"]) == ("g", "d")
    assert len(shown["SequenceNumber"]) == 20


async def test_queue_urls_lead_back_through_the_host_that_was_asked(client: Client) -> None:
    """Behind a name or a mapped port the URL is the client's."""
    got = await client.call("GetQueueUrl", {"QueueName": "jobs"}, Host="sqs.test:99")
    assert got.json == {"QueueUrl": "http://sqs.test:99/000000000000/jobs"}


async def test_a_request_may_arrive_byte_by_byte(client: Client) -> None:
    """Any split of the bytes is the same request."""
    for byte in client.request("SendMessage", {"QueueUrl": client.url(), "MessageBody": "hello"}):
        await client.send(bytes([byte]))
    assert (await client.answer()).status == 200


async def test_a_chunked_body_is_read(client: Client) -> None:
    """Chunks, cut anywhere."""
    body = json.dumps({"QueueUrl": client.url(), "MessageBody": "hello"}).encode()
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in (body[:7], body[7:]))
    head = f"POST / HTTP/1.1\r\nHost: {client.address}\r\nX-Amz-Target: AmazonSQS.SendMessage\r\n"
    await client.send(head.encode() + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert (await client.answer()).json["MD5OfMessageBody"] == "5d41402abc4b2a76b9719d911017c592"


async def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    """A hundred at once, and a long poll among them holds back what came after it, not what came before."""
    sends = [client.request("SendMessage", {"QueueUrl": client.url(), "MessageBody": f"m{n}"}) for n in range(100)]
    receives = [client.request("ReceiveMessage", {"QueueUrl": client.url()}) for _ in range(100)]
    await client.send(b"".join(sends + receives))
    answers = [await client.answer() for _ in range(200)]
    assert [one.json["Messages"][0]["Body"] for one in answers[100:]] == [f"m{n}" for n in range(100)]


async def test_a_long_poll_over_the_wire_is_answered_by_a_send_from_another_connection(
    client: Client, server: LoopbackServer
) -> None:
    """And the request pipelined behind it only then."""
    poll = client.request("ReceiveMessage", {"QueueUrl": client.url(), "WaitTimeSeconds": 20})
    await client.send(poll + client.request("ListQueues", {}))
    other = await Client.connect(server)
    await other.call("SendMessage", {"QueueUrl": other.url(), "MessageBody": "x"})
    assert (await client.answer()).json["Messages"][0]["Body"] == "x"
    assert (await client.answer()).json == {"QueueUrls": [client.url()]}
    await other.close()


async def test_a_poll_whose_client_left_takes_nothing(client: Client, server: LoopbackServer, world: World) -> None:
    """The message stays visible for the next one who asks."""
    gone = await Client.connect(server)
    await gone.send(gone.request("ReceiveMessage", {"QueueUrl": gone.url(), "WaitTimeSeconds": 20}))
    while not world.sqs.queue("jobs").polls:
        await client.get("/_loopback/health")
    await gone.close()
    while len(server.connections) > 1:
        await client.get("/_loopback/health")
    world.send("x")
    assert world.held() == (1, 0, 0)


async def test_a_client_that_does_not_read_holds_only_itself_up(
    client: Client, server: LoopbackServer, world: World
) -> None:
    """Answers wait for it instead of filling the memory, and all of them come once it reads."""
    world.sqs.set_queue_attributes("jobs", {"VisibilityTimeout": "0"})
    world.send("x" * 1_000_000)
    slow = await Client.connect(server)
    await slow.send(slow.request("ReceiveMessage", {"QueueUrl": slow.url()}) * 200)
    while world.sqs.queue("jobs").counts.received == 0:
        await client.get("/_loopback/health")
    for _ in range(20):
        await client.get("/_loopback/health")
    assert world.sqs.queue("jobs").counts.received < 100
    assert [len((await slow.answer()).body) > 1_000_000 for _ in range(200)] == [True] * 200
    await slow.close()


async def test_connection_close_is_honoured(client: Client) -> None:
    """The answer says so, and then the server hangs up."""
    got = await client.call("ListQueues", {}, Connection="close")
    assert got.headers["connection"] == "close"
    assert await client.reader.read() == b""


async def test_a_truncated_request_is_performed_never(client: Client, server: LoopbackServer, world: World) -> None:
    """Half a body and a hang-up changes nothing."""
    half = await Client.connect(server)
    await half.send(half.request("SendMessage", {"QueueUrl": half.url(), "MessageBody": "x"})[:-5])
    await half.close()
    while len(server.connections) > 1:
        await client.get("/_loopback/health")
    assert world.held() == (0, 0, 0)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n" + b"x" * (17 * 1024 * 1024), 413),
    ],
    ids=["tls", "length", "upgrade", "head", "body"],
)
async def test_what_is_not_a_request_is_refused_and_hung_up_on(client: Client, data: bytes, status: int) -> None:
    """With the status that says why; the memory it can take is bounded."""
    await client.send(data)
    assert (await client.answer()).status == status
    assert await client.reader.read() == b""


async def test_expect_continue_is_answered(client: Client) -> None:
    """Clients with large bodies ask before they send."""
    request = client.request("SendMessage", {"QueueUrl": client.url(), "MessageBody": "hello"}, Expect="100-continue")
    head, body = request.split(b"\r\n\r\n", 1)
    await client.send(head + b"\r\n\r\n")
    assert await client.reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    await client.send(body)
    assert (await client.answer()).status == 200


async def test_the_query_protocol_is_refused_in_its_own_language(client: Client) -> None:
    """An old SDK reads an XML error with a sentence in it."""
    body = b"Action=ListQueues"
    head = f"POST / HTTP/1.1\r\nHost: {client.address}\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    await client.send(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
    got = await client.answer()
    assert got.status == 400
    assert b"<Code>UnsupportedProtocol</Code>" in got.body


async def test_other_paths_and_methods_are_told_the_protocol(client: Client) -> None:
    """A browser finds a sentence, not a stack trace."""
    got = await client.get("/")
    assert got.status == 404
    assert "X-Amz-Target" in got.json["message"]
    assert (await client.get("/_loopback/nothing")).status == 404


async def test_the_account_counts_what_came(client: Client, world: World) -> None:
    """Requests by operation, errors by code, and every queue's books."""
    await client.call("SendMessage", {"QueueUrl": client.url(), "MessageBody": "hello"})
    await client.call("ReceiveMessage", {"QueueUrl": client.url()})
    await client.call("Nonsense", {})
    world.send("x", attributes={"a": Attribute("String", "x")})
    account = (await client.get("/_loopback/account")).json
    assert account["requests"] == {"SendMessage": 1, "ReceiveMessage": 1, "?": 1}
    assert account["errors"] == {"UnknownOperationException": 1}
    jobs = account["queues"]["jobs"]
    assert (jobs["sent"], jobs["received"], jobs["visible"], jobs["not_visible"]) == (2, 1, 1, 1)


async def test_reset_empties_everything(client: Client) -> None:
    """Queues, rules and counts."""
    await client.get("/_loopback/faults", method="POST", body=[{"action": "error"}])
    await client.get("/_loopback/reset", method="POST")
    account = (await client.get("/_loopback/account")).json
    assert account == {"requests": {}, "errors": {}, "queues": {}, "faults": []}


async def test_closing_the_server_ends_every_connection(world: World) -> None:
    """Long polls under way too."""
    async with LoopbackServer(world.sqs) as server:
        client, other = await Client.connect(server), await Client.connect(server)
        await client.send(client.request("ReceiveMessage", {"QueueUrl": client.url(), "WaitTimeSeconds": 20}))
        while not world.sqs.queue("jobs").polls:
            await other.get("/_loopback/health")
    assert await client.reader.read() == b""
    await client.close()
    await other.close()
    assert not world.sqs.queue("jobs").polls


async def test_a_connection_that_asks_nothing_is_closed_and_a_long_poll_is_not(world: World) -> None:
    """What a burst of clients opened is given back; whoever waits for a message asks all the time."""
    async with LoopbackServer(world.sqs, idle_seconds=0.1) as server:
        idle, polling = await Client.connect(server), await Client.connect(server)
        await idle.call("ListQueues", {})
        await polling.send(polling.request("ReceiveMessage", {"QueueUrl": polling.url(), "WaitTimeSeconds": 20}))
        async with asyncio.timeout(60):
            assert await idle.reader.read() == b""
            while len(server.connections) > 1:  # noqa: ASYNC110 - closed by a timer of its own
                await asyncio.sleep(0.01)
        sender = await Client.connect(server)
        await sender.call("SendMessage", {"QueueUrl": polling.url(), "MessageBody": "x"})
        assert len((await polling.answer()).json["Messages"]) == 1
        for one in (idle, polling, sender):
            await one.close()
