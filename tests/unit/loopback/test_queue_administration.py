"""Queues as things: creating, describing, listing, purging, tagging, permitting, deleting."""

from __future__ import annotations

import json

import pytest

from tests.unit.loopback.world import START, World
from worker.loopback.errors import SqsFault


def code_of(caught: pytest.ExceptionInfo[SqsFault]) -> str:
    """The fault's code."""
    return caught.value.code


def test_creating_again_is_the_same_queue_unless_attributes_differ() -> None:
    """Idempotent for equal attributes and for none, refused for others."""
    world = World()
    queue = world.queue(VisibilityTimeout=60)
    assert world.queue(VisibilityTimeout=60) is queue
    assert world.queue() is queue
    with pytest.raises(SqsFault, match="VisibilityTimeout") as caught:
        world.queue(VisibilityTimeout=61)
    assert code_of(caught) == "QueueNameExists"
    assert caught.value.query_code == "QueueAlreadyExists"


@pytest.mark.parametrize("name", ["", "a b", "a" * 81, "a.fifo.fifo"])
def test_names_are_checked(name: str) -> None:
    """1 to 80 letters, digits, hyphens and underscores, `.fifo` at the end of FIFO queues only."""
    with pytest.raises(SqsFault, match="can only include"):
        World().queue(name)


def test_a_fifo_name_without_the_attribute_is_refused_and_the_reverse() -> None:
    """Name and attribute must agree."""
    with pytest.raises(SqsFault, match="standard queue"):
        World().sqs.create_queue("a.fifo")
    with pytest.raises(SqsFault, match="FIFO queue"):
        World().sqs.create_queue("a", {"FifoQueue": "true"})
    with pytest.raises(SqsFault, match="FifoQueue"):
        World().sqs.create_queue("a", {"FifoQueue": "false"})


@pytest.mark.parametrize(
    ("attribute", "value", "code"),
    [
        ("DelaySeconds", "901", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1023", "InvalidAttributeValue"),
        ("MaximumMessageSize", "1048577", "InvalidAttributeValue"),
        ("MessageRetentionPeriod", "59", "InvalidAttributeValue"),
        ("ReceiveMessageWaitTimeSeconds", "21", "InvalidAttributeValue"),
        ("VisibilityTimeout", "-1", "InvalidAttributeValue"),
        ("VisibilityTimeout", "x", "InvalidAttributeValue"),
        ("Policy", "{", "InvalidAttributeValue"),
        ("RedrivePolicy", "[]", "InvalidAttributeValue"),
        ("RedriveAllowPolicy", '{"redrivePermission":"byQueue"}', "InvalidParameterValueException"),
        ("KmsDataKeyReusePeriodSeconds", "59", "InvalidAttributeValue"),
        ("SqsManagedSseEnabled", "yes", "InvalidAttributeValue"),
        ("ContentBasedDeduplication", "true", "InvalidAttributeName"),
        ("QueueArn", "x", "InvalidAttributeName"),
        ("Nonsense", "x", "InvalidAttributeName"),
    ],
)
def test_attributes_are_checked_against_their_bounds(attribute: str, value: str, code: str) -> None:
    """Each with the code that says whether name or value is wrong."""
    world = World()
    world.queue()
    with pytest.raises(SqsFault) as caught:
        world.sqs.set_queue_attributes("jobs", {attribute: value})
    assert code_of(caught) == code


@pytest.mark.parametrize(
    ("attribute", "value"), [("FifoThroughputLimit", "perMessageGroupId"), ("DeduplicationScope", "x")]
)
def test_fifo_attributes_are_checked(attribute: str, value: str) -> None:
    """High throughput needs deduplication per group; other words are refused."""
    world = World()
    world.queue("jobs.fifo")
    with pytest.raises(SqsFault) as caught:
        world.sqs.set_queue_attributes("jobs.fifo", {attribute: value})
    assert code_of(caught) == "InvalidAttributeValue"


def test_attributes_are_described_with_their_defaults_and_counts() -> None:
    """Everything that a consumer looks at, as text."""
    world = World()
    world.queue(VisibilityTimeout=45)
    world.send()
    world.now += 5
    world.sqs.set_queue_attributes("jobs", {"DelaySeconds": "1"})
    assert world.sqs.get_queue_attributes("jobs") == {
        "QueueArn": "arn:aws:sqs:us-east-1:000000000000:jobs",
        "ApproximateNumberOfMessages": "1",
        "ApproximateNumberOfMessagesNotVisible": "0",
        "ApproximateNumberOfMessagesDelayed": "0",
        "CreatedTimestamp": str(int(START)),
        "LastModifiedTimestamp": str(int(START) + 5),
        "VisibilityTimeout": "45",
        "DelaySeconds": "1",
        "MaximumMessageSize": "1048576",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "SqsManagedSseEnabled": "true",
    }
    assert world.sqs.get_queue_attributes("jobs", ["DelaySeconds", "Policy"]) == {"DelaySeconds": "1"}
    assert world.sqs.get_queue_attributes("jobs", []) == {}
    with pytest.raises(SqsFault) as caught:
        world.sqs.get_queue_attributes("jobs", ["Nonsense"])
    assert code_of(caught) == "InvalidAttributeName"


def test_an_empty_policy_removes_it() -> None:
    """As SQS has it for policies."""
    world = World()
    world.queue("dead")
    world.queue()
    world.redrive("jobs", "dead", 3)
    assert "RedrivePolicy" in world.sqs.get_queue_attributes("jobs")
    world.sqs.set_queue_attributes("jobs", {"RedrivePolicy": ""})
    assert "RedrivePolicy" not in world.sqs.get_queue_attributes("jobs")
    assert world.sqs.queue("jobs").settings.redrive is None


def test_fifo_attributes_are_described() -> None:
    """With SQS's defaults for what was not said."""
    world = World()
    world.queue("jobs.fifo")
    described = world.sqs.get_queue_attributes("jobs.fifo")
    assert described["FifoQueue"] == "true"
    assert described["ContentBasedDeduplication"] == "true"
    assert described["DeduplicationScope"] == "queue"
    assert described["FifoThroughputLimit"] == "perQueue"


def test_a_purge_takes_everything_and_rests_a_minute() -> None:
    """Visible, delayed and in flight are gone, old handles are harmless, and a second purge is too early."""
    world = World()
    queue = world.queue()
    for body in ("a", "b"):
        world.send(body)
    world.send("c", delay=10)
    handle = world.receive(limit=1)[0].handle
    world.sqs.purge_queue("jobs")
    assert world.held() == (0, 0, 0)
    assert queue.counts.purged == 3
    world.sqs.delete_message("jobs", handle)
    world.now += 59
    with pytest.raises(SqsFault) as caught:
        world.sqs.purge_queue("jobs")
    assert code_of(caught) == "PurgeQueueInProgress"
    world.now += 1
    assert world.receive() == []
    world.sqs.purge_queue("jobs")


def test_a_deleted_queue_is_missing_and_its_name_rests_a_minute() -> None:
    """Every operation says so; after the minute the name is free and the queue empty."""
    world = World()
    world.queue()
    world.send()
    world.sqs.delete_queue("jobs")
    with pytest.raises(SqsFault) as caught:
        world.send()
    assert code_of(caught) == "QueueDoesNotExist"
    assert caught.value.query_code == "AWS.SimpleQueueService.NonExistentQueue"
    with pytest.raises(SqsFault) as caught:
        world.queue()
    assert code_of(caught) == "QueueDeletedRecently"
    world.now += 60
    world.queue()
    assert world.receive() == []


def test_queues_are_listed_by_prefix_and_page() -> None:
    """The token leads on from the last name; without a limit there is no token."""
    world = World()
    for name in ("b2", "a", "b1", "b3"):
        world.queue(name)
    assert world.sqs.list_queues("b") == (["b1", "b2", "b3"], None)
    names, token = world.sqs.list_queues("b", limit=2)
    assert names == ["b1", "b2"]
    assert world.sqs.list_queues("b", limit=2, token=token) == (["b3"], None)
    with pytest.raises(SqsFault, match="MaxResults"):
        world.sqs.list_queues(limit=0)


def test_tags_are_added_and_taken_away() -> None:
    """And at most fifty are kept."""
    world = World()
    world.sqs.create_queue("jobs", {}, {"team": "red"})
    world.sqs.tag_queue("jobs", {"stage": "test", "team": "blue"})
    world.sqs.untag_queue("jobs", ["stage", "unknown"])
    assert world.sqs.list_queue_tags("jobs") == {"team": "blue"}
    with pytest.raises(SqsFault, match="Too many tags"):
        world.sqs.tag_queue("jobs", {str(number): "x" for number in range(50)})


def test_permissions_are_statements_of_the_policy() -> None:
    """Added under a label, shown in the policy, and removed by the label."""
    world = World()
    world.queue()
    world.sqs.add_permission("jobs", "l", ["111111111111"], ["SendMessage"])
    policy = json.loads(world.sqs.get_queue_attributes("jobs")["Policy"])
    assert policy["Statement"][0]["Action"] == ["SQS:SendMessage"]
    for label, actions in (("l", ["SendMessage"]), ("m", ["CreateQueue"]), ("n", ["SendMessage"] * 8)):
        with pytest.raises(SqsFault):
            world.sqs.add_permission("jobs", label, ["111111111111"], actions)
    with pytest.raises(SqsFault, match="find label"):
        world.sqs.remove_permission("jobs", "unknown")
    world.sqs.remove_permission("jobs", "l")
    assert "Policy" not in world.sqs.get_queue_attributes("jobs")


def test_reset_forgets_everything() -> None:
    """Queues, messages, deleted names."""
    world = World()
    world.queue()
    world.sqs.delete_queue("jobs")
    world.queue("other")
    world.sqs.reset()
    assert world.sqs.list_queues() == ([], None)
    world.queue()
