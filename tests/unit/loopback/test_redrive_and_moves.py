"""Dead-letter queues: redrive by receive count, and moving messages back."""

from __future__ import annotations

import json

import pytest

from tests.unit.loopback.world import START, World
from worker.loopback.errors import SqsFault


@pytest.fixture
def world() -> World:
    """A queue that dead-letters on the third receive, its dead-letter queue, and one of another type."""
    world = World()
    world.queue("dead")
    world.queue("jobs", VisibilityTimeout=1)
    world.queue("jobs.fifo")
    world.redrive("jobs", "dead", 2)
    return world


def exhaust(world: World, times: int = 3) -> None:
    """Receive until the redrive policy strikes."""
    for _ in range(times):
        world.receive("jobs", visibility=0)


def test_the_receive_after_the_last_allowed_one_moves_the_message(world: World) -> None:
    """Handed out maxReceiveCount times, then it is in the dead-letter queue with its id and its source."""
    sent = world.send("poison")
    assert len(world.receive("jobs", visibility=0)) == 1
    assert len(world.receive("jobs", visibility=0)) == 1
    assert world.receive("jobs", visibility=0) == []
    assert world.held("jobs") == (0, 0, 0)
    got = world.receive("dead")
    assert [(one.id, one.body) for one in got] == [(sent.id, "poison")]
    stored = next(iter(world.sqs.queue("dead").receipts.latest.values()))
    assert stored.source_arn == world.sqs.queue("jobs").arn


def test_queues_that_dead_letter_into_each_other_come_to_rest(world: World) -> None:
    """Each queue counts its own receipts; what is shown is their sum."""
    world.redrive("dead", "jobs", 1)
    world.send("poison")
    exhaust(world)
    assert [one.count for one in world.receive("dead", visibility=0)] == [3]
    assert world.receive("dead") == []
    assert [one.count for one in world.receive("jobs", visibility=0)] == [4]
    world.redrive("jobs", "jobs", 1)
    assert world.bodies("jobs") == ["poison"]


def test_a_standard_dead_letter_keeps_its_age(world: World) -> None:
    """Retention goes on counting from the first send."""
    world.sqs.set_queue_attributes("dead", {"MessageRetentionPeriod": "60"})
    world.send("poison")
    world.now += 40
    exhaust(world)
    assert world.held("dead") == (1, 0, 0)
    world.now += 20
    assert world.held("dead") == (0, 0, 0)


def test_a_fifo_dead_letter_unlocks_its_group() -> None:
    """The group goes on with the next message, and the dead letter keeps its group."""
    world = World()
    world.queue("dead.fifo")
    world.queue("jobs.fifo")
    world.redrive("jobs.fifo", "dead.fifo", 1)
    world.send("a1", "jobs.fifo", group="a")
    world.send("a2", "jobs.fifo", group="a")
    first = world.receive("jobs.fifo", limit=1)[0]
    world.sqs.change_message_visibility("jobs.fifo", first.handle, 0)
    assert world.bodies("jobs.fifo") == ["a2"]
    assert world.bodies("dead.fifo") == ["a1"]


def test_a_message_without_a_living_dead_letter_queue_goes_on(world: World) -> None:
    """Deleting the dead-letter queue loses nothing."""
    world.send("poison")
    world.sqs.delete_queue("dead")
    exhaust(world, 5)
    assert world.held("jobs") == (1, 0, 0)


@pytest.mark.parametrize(
    "policy",
    [
        {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:nowhere", "maxReceiveCount": 1},
        {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:jobs.fifo", "maxReceiveCount": 1},
        {"deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead", "maxReceiveCount": 0},
        {"maxReceiveCount": 1},
    ],
)
def test_a_redrive_policy_must_make_sense(world: World, policy: dict[str, object]) -> None:
    """The target exists, is of the same type, and the count is 1 to 1000."""
    with pytest.raises(SqsFault, match="RedrivePolicy"):
        world.sqs.set_queue_attributes("jobs", {"RedrivePolicy": json.dumps(policy)})


def test_a_dead_letter_queue_may_choose_its_sources(world: World) -> None:
    """RedriveAllowPolicy: nobody, or those it names."""
    allowed = world.sqs.queue("jobs").arn
    world.sqs.set_queue_attributes("dead", {"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}'})
    with pytest.raises(SqsFault, match="RedriveAllowPolicy"):
        world.redrive("jobs", "dead", 5)
    policy = json.dumps({"redrivePermission": "byQueue", "sourceQueueArns": [allowed]})
    world.sqs.set_queue_attributes("dead", {"RedriveAllowPolicy": policy})
    world.redrive("jobs", "dead", 5)
    world.queue("other")
    with pytest.raises(SqsFault, match="RedriveAllowPolicy"):
        world.redrive("other", "dead", 5)


def test_the_sources_of_a_dead_letter_queue_are_listed(world: World) -> None:
    """By pages, like queues."""
    world.queue("other")
    world.redrive("other", "dead", 1)
    assert world.sqs.list_dead_letter_source_queues("dead") == (["jobs", "other"], None)
    names, token = world.sqs.list_dead_letter_source_queues("dead", limit=1)
    assert names == ["jobs"]
    assert world.sqs.list_dead_letter_source_queues("dead", limit=1, token=token) == (["other"], None)


def dead_letters(world: World, count: int) -> None:
    """Put *count* dead letters into the dead-letter queue."""
    for number in range(count):
        world.send(str(number))
    while world.held("jobs") != (0, 0, 0):
        world.receive("jobs", visibility=0)


def test_a_move_task_returns_messages_to_their_source_as_new_ones(world: World) -> None:
    """New id, new age, receive count from the start; at the asked rate."""
    dead_letters(world, 5)
    old = {one.id for one in world.receive("dead", visibility=0)}
    arn = world.sqs.queue("dead").arn
    world.now += 100
    task = world.sqs.start_message_move_task(arn, rate=2)
    assert (task.status, task.moved, task.to_move) == ("RUNNING", 1, 5)
    world.now += 1
    assert world.sqs.list_message_move_tasks(arn)[0].moved == 3
    world.now += 1
    assert world.sqs.list_message_move_tasks(arn)[0].status == "COMPLETED"
    got = world.receive("jobs")
    assert {one.count for one in got} == {1}
    assert len(got) == 5
    assert not {one.id for one in got} & old
    assert min(one.sent_at for one in world.sqs.queue("jobs").receipts.latest.values()) == START + 100


def test_a_move_task_can_have_a_destination_and_be_cancelled(world: World) -> None:
    """What was moved stays moved, the rest stays where it is."""
    dead_letters(world, 10)
    world.queue("elsewhere")
    arn = world.sqs.queue("dead").arn
    task = world.sqs.start_message_move_task(arn, destination_arn=world.sqs.queue("elsewhere").arn, rate=1)
    world.now += 2
    assert world.sqs.cancel_message_move_task(task.handle) == 3
    world.now += 60
    assert world.held("elsewhere") == (3, 0, 0)
    assert world.held("dead") == (7, 0, 0)
    with pytest.raises(SqsFault, match="not running"):
        world.sqs.cancel_message_move_task(task.handle)


def test_a_message_of_unknown_origin_fails_the_task(world: World) -> None:
    """Sent to the dead-letter queue directly, it has nowhere to go back to, and stays."""
    world.send("direct", "dead")
    task = world.sqs.start_message_move_task(world.sqs.queue("dead").arn)
    assert (task.status, task.failure) == ("FAILED", "CouldNotDetermineMessageSource")
    assert world.held("dead") == (1, 0, 0)


@pytest.mark.parametrize(
    ("source", "options", "code"),
    [
        ("jobs", {}, "InvalidParameterValueException"),
        ("nowhere", {}, "ResourceNotFoundException"),
        ("dead", {"destination_arn": "arn:aws:sqs:us-east-1:000000000000:nowhere"}, "ResourceNotFoundException"),
        ("dead", {"rate": 501}, "InvalidParameterValueException"),
        ("dead", {"rate": 0}, "InvalidParameterValueException"),
    ],
)
def test_a_move_task_is_checked(world: World, source: str, options: dict[str, str | int], code: str) -> None:
    """Only out of a dead-letter queue, to a queue that exists, at 1 to 500 a second."""
    with pytest.raises(SqsFault) as caught:
        world.sqs.start_message_move_task(f"arn:aws:sqs:us-east-1:000000000000:{source}", **options)  # type: ignore[arg-type] # mixed on purpose
    assert caught.value.code == code


def test_one_task_per_source_at_a_time(world: World) -> None:
    """A second one is refused while the first runs."""
    dead_letters(world, 5)
    arn = world.sqs.queue("dead").arn
    world.sqs.start_message_move_task(arn, rate=1)
    with pytest.raises(SqsFault, match="already a task running"):
        world.sqs.start_message_move_task(arn, rate=1)


def test_a_running_task_fails_when_its_queue_is_deleted(world: World) -> None:
    """It stays listed no longer than its queue, and touches nothing more."""
    dead_letters(world, 5)
    task = world.sqs.start_message_move_task(world.sqs.queue("dead").arn, rate=1)
    world.sqs.delete_queue("dead")
    assert task.status == "FAILED"


@pytest.mark.parametrize("limit", [0, 11])
def test_tasks_are_listed_up_to_ten(world: World, limit: int) -> None:
    """Anything else is refused."""
    with pytest.raises(SqsFault, match="MaxResults"):
        world.sqs.list_message_move_tasks(world.sqs.queue("dead").arn, limit=limit)


def test_a_task_fails_when_its_destination_disappears(world: World) -> None:
    """What it has not moved stays where it is."""
    dead_letters(world, 3)
    other = world.queue("other")
    task = world.sqs.start_message_move_task(world.sqs.queue("dead").arn, destination_arn=other.arn, rate=1)
    world.sqs.delete_queue("other")
    world.now += 1
    assert world.held("dead") == (2, 0, 0)
    assert (task.status, task.failure) == ("FAILED", "AWS.SimpleQueueService.NonExistentQueue")
