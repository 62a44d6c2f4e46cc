"""On the wire, what others recorded on AWS and a reader of its pages would not expect."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.loopback.http import Client, Response
    from tests.unit.loopback.world import World

FIFO = "jobs.fifo"


def code(response: Response) -> tuple[int, str]:
    """The status, and the error's name; empty where there is none."""
    return response.status, response.json.get("__type", "").partition("#")[2]


async def attributes(client: Client, name: str) -> dict[str, str]:
    """All attributes of a queue."""
    got = await client.call("GetQueueAttributes", {"QueueUrl": client.url(name), "AttributeNames": ["All"]})
    found: dict[str, str] = got.json["Attributes"]
    return found


# ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("lacks", "refusal"),
    [
        ("MessageGroupId", "MissingRequiredParameterException"),
        ("MessageDeduplicationId", "InvalidParameterValueException"),
    ],
)
async def test_a_fifo_batch_with_an_entry_out_of_line_is_refused_whole(
    client: Client, world: World, lacks: str, refusal: str
) -> None:
    """400 for the call, and nothing of it is in the queue, where other faults of an entry are the entry's."""
    world.queue(FIFO, ContentBasedDeduplication="false")
    good = {"Id": "0", "MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": "d"}
    bad = {name: value for name, value in good.items() if name != lacks} | {"Id": "1"}
    got = await client.call("SendMessageBatch", {"QueueUrl": client.url(FIFO), "Entries": [good, bad]})
    assert code(got) == (400, refusal)
    assert world.held(FIFO) == (0, 0, 0)


async def test_a_delay_of_nothing_on_fifo_is_the_queues_delay(client: Client, world: World) -> None:
    """A message of its own may not be delayed there, so 0 says nothing."""
    world.queue(FIFO, DelaySeconds=10)
    message = {"QueueUrl": client.url(FIFO), "MessageBody": "x", "MessageGroupId": "g", "DelaySeconds": 0}
    assert (await client.call("SendMessage", message)).status == 200
    assert world.held(FIFO) == (0, 0, 1)
    refused = await client.call("SendMessage", message | {"DelaySeconds": 1})
    assert code(refused) == (400, "InvalidParameterValueException")


@pytest.mark.parametrize("batch", [False, True])
async def test_the_trace_header_of_a_request_is_the_messages(client: Client, batch: bool) -> None:  # noqa: FBT001
    """By which tracing libraries mark sends; a message that has one of its own keeps it."""
    own = {"MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=own"}}}
    for message in ({"MessageBody": "bare"}, {"MessageBody": "own", **own}):
        operation, params = (
            ("SendMessageBatch", {"Entries": [{"Id": "0", **message}]}) if batch else ("SendMessage", message)
        )
        await client.call(operation, {"QueueUrl": client.url(), **params}, X_Amzn_Trace_Id="Root=request")
    asked = {"QueueUrl": client.url(), "MaxNumberOfMessages": 10, "MessageSystemAttributeNames": ["AWSTraceHeader"]}
    got = (await client.call("ReceiveMessage", asked)).json["Messages"]
    assert {one["Body"]: one["Attributes"]["AWSTraceHeader"] for one in got} == {
        "bare": "Root=request",
        "own": "Root=own",
    }


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        ("größe", "x", (200, "")),
        ("数.量", "x", (200, "")),
        ("a b", "x", (400, "InvalidParameterValueException")),
        (".a", "x", (400, "InvalidParameterValueException")),
        ("a", "\x01", (400, "InvalidParameterValueException")),
        ("a", "", (400, "InvalidParameterValueException")),
    ],
)
async def test_which_attributes_a_message_may_have(
    client: Client, name: str, value: str, outcome: tuple[int, str]
) -> None:
    """Letters of any language in the name; no control characters in the value, whose code is not the body's."""
    sent = {"QueueUrl": client.url(), "MessageBody": "x"}
    sent |= {"MessageAttributes": {name: {"DataType": "String", "StringValue": value}}}  # type: ignore[dict-item]
    assert code(await client.call("SendMessage", sent)) == outcome


# ── receiving ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        (["*"], {"Help.Me", "Hello", "General"}),
        ([".*"], {"Help.Me", "Hello", "General"}),
        (["All"], {"Help.Me", "Hello", "General"}),
        (["Hel.*"], {"Help.Me", "Hello"}),
        (["Help.*"], {"Help.Me"}),
        (["Help"], set()),
        (["Foo", "Hello"], {"Hello"}),
        (["Hel*"], set()),
        ([], set()),
    ],
)
async def test_filters_of_message_attributes(client: Client, asked: list[str], shown: set[str]) -> None:
    """A prefix ends before `.*`, whether or not the name goes on with a dot."""
    made = {name: {"DataType": "String", "StringValue": "x"} for name in ("Help.Me", "Hello", "General")}
    await client.call("SendMessage", {"QueueUrl": client.url(), "MessageBody": "x", "MessageAttributes": made})
    got = await client.call("ReceiveMessage", {"QueueUrl": client.url(), "MessageAttributeNames": asked})
    message = got.json["Messages"][0]
    assert set(message.get("MessageAttributes", {})) == shown
    assert ("MD5OfMessageAttributes" in message) == bool(shown)


async def test_a_bare_name_is_a_queues_url(client: Client, world: World) -> None:
    """For each operation that takes one."""
    assert (await client.call("SendMessage", {"QueueUrl": "jobs", "MessageBody": "x"})).status == 200
    assert len((await client.call("ReceiveMessage", {"QueueUrl": "jobs"})).json["Messages"]) == 1
    assert world.held() == (0, 1, 0)


# ── queues ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("name", "given", "outcome"),
    [
        ("a.fifo", {"FifoQueue": "true"}, (200, "")),
        ("a.fifo", {"FifoQueue": "True", "ContentBasedDeduplication": "TRUE"}, (200, "")),
        ("a.fifo", {"FifoQueue": "false"}, (400, "InvalidParameterValueException")),
        ("a", {"FifoQueue": "false"}, (400, "InvalidAttributeName")),
        ("a", {"FifoQueue": "False"}, (400, "InvalidAttributeName")),
        ("a", {"SqsManagedSseEnabled": "False"}, (200, "")),
        ("a", {"SqsManagedSseEnabled": "no"}, (400, "InvalidAttributeValue")),
        ("a", {"ContentBasedDeduplication": "true"}, (400, "InvalidAttributeName")),
    ],
)
async def test_truths_of_a_new_queue(
    client: Client, name: str, given: dict[str, str], outcome: tuple[int, str]
) -> None:
    """In any case, and given back in small letters; a standard queue does not know the word FifoQueue."""
    assert code(await client.call("CreateQueue", {"QueueName": name, "Attributes": given})) == outcome
    if outcome == (200, ""):
        shown = await attributes(client, name)
        assert {key: shown[key] for key in given} == {key: value.lower() for key, value in given.items()}


@pytest.mark.parametrize(
    ("name", "value", "outcome"),
    [
        (FIFO, "true", (200, "")),
        (FIFO, "TRUE", (200, "")),
        (FIFO, "false", (400, "InvalidAttributeValue")),
        ("jobs", "true", (400, "InvalidAttributeName")),
        ("jobs", "false", (400, "InvalidAttributeName")),
    ],
)
async def test_a_queue_stays_of_its_kind(
    client: Client, world: World, name: str, value: str, outcome: tuple[int, str]
) -> None:
    """Saying what it is already is no change."""
    world.queue(FIFO)
    set_ = {"QueueUrl": client.url(name), "Attributes": {"FifoQueue": value}}
    assert code(await client.call("SetQueueAttributes", set_)) == outcome


@pytest.mark.parametrize("count", [3, "3"])
async def test_a_receive_count_is_given_back_as_a_number(client: Client, world: World, count: object) -> None:
    """Whether it was set when the queue was made or later; and making the same queue again is no contradiction."""
    arn = world.queue("dead").arn
    policy = {"RedrivePolicy": json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})}
    for operation, params in (
        ("CreateQueue", {"QueueName": "a", "Attributes": policy}),
        ("CreateQueue", {"QueueName": "a", "Attributes": policy}),
        ("SetQueueAttributes", {"QueueUrl": client.url(), "Attributes": policy}),
    ):
        assert code(await client.call(operation, params)) == (200, "")
    for name in ("a", "jobs"):
        shown = (await attributes(client, name))["RedrivePolicy"]
        assert json.loads(shown) == {"deadLetterTargetArn": arn, "maxReceiveCount": 3}


@pytest.mark.parametrize(
    ("operation", "params", "refusal"),
    [
        ("TagQueue", {"Tags": {}}, "MissingRequiredParameterException"),
        ("TagQueue", {}, "MissingRequiredParameterException"),
        ("TagQueue", {"Tags": {"": "x"}}, "InvalidParameterValueException"),
        ("TagQueue", {"Tags": {"k" * 129: "x"}}, "InvalidParameterValueException"),
        ("TagQueue", {"Tags": {"k": "x" * 257}}, "InvalidParameterValueException"),
        ("UntagQueue", {"TagKeys": []}, "InvalidParameterValueException"),
        ("UntagQueue", {}, "InvalidParameterValueException"),
        ("UntagQueue", {"TagKeys": [""]}, "InvalidParameterValueException"),
        ("AddPermission", {"Label": "l", "AWSAccountIds": ["1"], "Actions": []}, "MissingRequiredParameterException"),
        ("AddPermission", {"Label": "l", "AWSAccountIds": [], "Actions": ["*"]}, "InvalidParameterValueException"),
    ],
)
async def test_lists_that_must_not_be_empty(
    client: Client, operation: str, params: dict[str, Any], refusal: str
) -> None:
    """Nor may a tag's key, or be longer than it may; nothing is changed."""
    before = await attributes(client, "jobs")
    assert code(await client.call(operation, {"QueueUrl": client.url(), **params})) == (400, refusal)
    assert (await client.call("ListQueueTags", {"QueueUrl": client.url()})).json == {}
    assert await attributes(client, "jobs") == before


# ── move tasks ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("handle", "outcome"),
    [
        ("garbage", (400, "InvalidParameterValueException")),
        ("", (400, "InvalidParameterValueException")),
        (base64.b64encode(b"[1]").decode(), (400, "InvalidParameterValueException")),
        (
            base64.b64encode(b'{"taskId":"0","sourceArn":"arn:aws:sqs:us-east-1:000000000000:jobs"}').decode(),
            (404, "ResourceNotFoundException"),
        ),
    ],
)
async def test_a_handle_of_no_task_cannot_be_cancelled(client: Client, handle: str, outcome: tuple[int, str]) -> None:
    """What is no handle at all is told from a task that is unknown or over."""
    assert code(await client.call("CancelMessageMoveTask", {"TaskHandle": handle})) == outcome


async def test_a_second_move_out_of_a_queue_is_an_invalid_parameter(client: Client, world: World) -> None:
    """As long as the first one runs."""
    arn = world.queue("dead").arn
    world.redrive("jobs", "dead", 1)
    for _ in range(3):
        world.send(name="dead")
    task = {"SourceArn": arn, "DestinationArn": world.sqs.queue("jobs").arn, "MaxNumberOfMessagesPerSecond": 1}
    assert code(await client.call("StartMessageMoveTask", task)) == (200, "")
    assert code(await client.call("StartMessageMoveTask", task)) == (400, "InvalidParameterValueException")


# ── handles ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_an_older_handle_works_on_the_wire(client: Client, world: World) -> None:
    """Standard: it hides, shows and deletes what a newer receipt holds, alone and in a batch."""
    world.send()
    old, new = world.receive(visibility=0)[0], world.receive(visibility=600)[0]
    entry = {"QueueUrl": client.url(), "ReceiptHandle": old.handle}
    assert (await client.call("ChangeMessageVisibility", {**entry, "VisibilityTimeout": 0})).status == 200
    assert world.held() == (1, 0, 0)
    hidden = await client.call(
        "ChangeMessageVisibilityBatch",
        {"QueueUrl": client.url(), "Entries": [{"Id": "0", "ReceiptHandle": old.handle, "VisibilityTimeout": 9}]},
    )
    assert (hidden.json["Successful"], world.held()) == ([{"Id": "0"}], (0, 1, 0))
    deleted = await client.call(
        "DeleteMessageBatch", {"QueueUrl": client.url(), "Entries": [{"Id": "0", "ReceiptHandle": old.handle}]}
    )
    assert (deleted.json["Successful"], world.held()) == ([{"Id": "0"}], (0, 0, 0))
    assert (await client.call("DeleteMessage", {"QueueUrl": client.url(), "ReceiptHandle": new.handle})).status == 200


async def test_an_expired_fifo_handle_is_refused_on_the_wire(client: Client, world: World) -> None:
    """InvalidParameterValue for the call, ReceiptHandleIsInvalid for the entry."""
    world.queue(FIFO)
    world.send("x", FIFO, group="g")
    old = world.receive(FIFO, visibility=1)[0]
    world.now += 1
    url = client.url(FIFO)
    alone = await client.call("DeleteMessage", {"QueueUrl": url, "ReceiptHandle": old.handle})
    assert code(alone) == (400, "InvalidParameterValueException")
    batch = await client.call(
        "DeleteMessageBatch", {"QueueUrl": url, "Entries": [{"Id": "0", "ReceiptHandle": old.handle}]}
    )
    assert [one["Code"] for one in batch.json["Failed"]] == ["ReceiptHandleIsInvalid"]
    assert world.held(FIFO) == (1, 0, 0)
