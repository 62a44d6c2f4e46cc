"""FIFO queues: order, group locks, deduplication, repeated receives."""

from __future__ import annotations

import pytest

from tests.unit.loopback.world import World
from worker.loopback.errors import SqsFault
from worker.loopback.rules import Rules

Q = "jobs.fifo"


def test_nothing_of_a_group_is_handed_out_behind_what_is_in_flight() -> None:
    """Not before everything handed out earlier is settled; other groups go on."""
    world = World()
    world.queue(Q)
    for body in ("a1", "a2", "a3", "b1"):
        world.send(body, Q, group=body[0])
    got = world.receive(Q, limit=2)
    assert [one.body for one in got] == ["a1", "a2"]
    assert world.bodies(Q) == ["b1"]
    world.sqs.delete_message(Q, got[0].handle)
    assert world.bodies(Q) == []
    world.sqs.delete_message(Q, got[1].handle)
    assert world.bodies(Q) == ["a3"]


def test_one_receive_takes_from_several_groups() -> None:
    """As much as possible of the first group, then the next."""
    world = World()
    world.queue(Q)
    for body in ("a1", "b1", "a2", "c1"):
        world.send(body, Q, group=body[0])
    assert world.bodies(Q) == ["a1", "a2", "b1", "c1"]


def test_what_comes_back_is_handed_out_though_later_ones_are_in_flight() -> None:
    """As recorded on AWS: a hidden message holds back only what was sent after it, so two can hold one group."""
    world = World()
    world.queue(Q)
    for body in ("a1", "a2", "a3", "a4"):
        world.send(body, Q, group="a")
    first, second, third = world.receive(Q, limit=3)
    world.sqs.change_message_visibility(Q, first.handle, 0)
    again = world.receive(Q)
    assert [one.body for one in again] == ["a1"]
    world.sqs.delete_message(Q, again[0].handle)
    world.sqs.change_message_visibility(Q, third.handle, 0)
    assert world.bodies(Q) == []
    world.sqs.delete_message(Q, second.handle)
    assert world.bodies(Q) == ["a3", "a4"]


def test_a_receive_stops_before_the_hidden_one_and_goes_on_with_the_next_group() -> None:
    """What waits behind the hidden one stays, also when something before it is handed out by the same receive."""
    world = World()
    world.queue(Q)
    for body in ("a1", "a2", "a3", "b1"):
        world.send(body, Q, group=body[0])
    first, _ = world.receive(Q, limit=2)
    world.sqs.change_message_visibility(Q, first.handle, 0)
    assert sorted(world.bodies(Q)) == ["a1", "b1"]


@pytest.mark.parametrize("rules", Rules)
def test_a_fifo_handle_changes_the_visibility_while_its_lease_lives_only(rules: Rules) -> None:
    """Neither after its end nor by an older handle, by either rules."""
    world = World(rules=rules)
    world.queue(Q)
    world.send("a1", Q, group="a")
    old = world.receive(Q, visibility=1)[0]
    world.now += 1
    with pytest.raises(SqsFault):
        world.sqs.change_message_visibility(Q, old.handle, 9)
    world.receive(Q, visibility=30)
    with pytest.raises(SqsFault, match="not available for visibility timeout change"):
        world.sqs.change_message_visibility(Q, old.handle, 0)
    assert world.held(Q) == (0, 1, 0)


def test_as_documented_what_comes_back_waits_for_all_of_its_group() -> None:
    """Released newest first or oldest first, the order of the group is the send order."""
    world = World(rules=Rules.DOCUMENTED)
    world.queue(Q)
    for body in ("a1", "a2", "a3"):
        world.send(body, Q, group="a")
    first, second = world.receive(Q, limit=2)
    world.sqs.change_message_visibility(Q, first.handle, 0)
    assert world.bodies(Q) == []
    world.sqs.change_message_visibility(Q, second.handle, 0)
    assert world.bodies(Q) == ["a1", "a2", "a3"]


def test_a_group_whose_lease_runs_out_is_handed_out_again_in_order() -> None:
    """Expiry unlocks the group like a release."""
    world = World()
    world.queue(Q, VisibilityTimeout=10)
    for body in ("a1", "a2"):
        world.send(body, Q, group="a")
    assert world.bodies(Q, limit=1) == ["a1"]
    world.now += 10
    assert world.bodies(Q) == ["a1", "a2"]


def test_a_delayed_message_holds_back_its_group() -> None:
    """The queue's delay keeps the order, even when it is lowered in between."""
    world = World()
    world.queue(Q, DelaySeconds=10)
    world.send("a1", Q, group="a")
    world.sqs.set_queue_attributes(Q, {"DelaySeconds": "0"})
    world.send("a2", Q, group="a")
    world.send("b1", Q, group="b")
    assert world.bodies(Q) == ["b1"]
    world.now += 10
    assert world.bodies(Q) == ["a1", "a2"]


def test_an_expired_handle_cannot_delete() -> None:
    """On FIFO the trap is an error: after expiry, and after the next receipt."""
    world = World()
    world.queue(Q, VisibilityTimeout=10)
    world.send("a1", Q, group="a")
    old = world.receive(Q)[0]
    world.now += 10
    with pytest.raises(SqsFault, match="has expired"):
        world.sqs.delete_message(Q, old.handle)
    new = world.receive(Q)[0]
    with pytest.raises(SqsFault, match="has expired"):
        world.sqs.delete_message(Q, old.handle)
    world.sqs.delete_message(Q, new.handle)
    assert world.held(Q) == (0, 0, 0)


def test_in_a_batch_an_expired_handle_has_a_code_of_its_own() -> None:
    """As recorded on AWS: ReceiptHandleIsInvalid in an entry, where a delete alone says InvalidParameterValue."""
    world = World()
    world.queue(Q, VisibilityTimeout=10)
    world.send("a1", Q, group="a")
    old = world.receive(Q)[0]
    world.now += 10
    (answer,) = world.sqs.delete_message_batch(Q, [old.handle])
    assert answer is not None
    assert (answer.query_code, answer.detail) == ("ReceiptHandleIsInvalid", "The receipt handle has expired")
    assert answer.sender


def test_a_purge_forgets_what_was_deduplicated() -> None:
    """As recorded on AWS: the same body is accepted again at once."""
    world = World()
    world.queue(Q)
    first = world.send("x", Q, group="a")
    world.sqs.purge_queue(Q)
    assert world.send("x", Q, group="a").id != first.id
    assert world.bodies(Q) == ["x"]


def test_the_same_deduplication_id_within_five_minutes_is_one_message() -> None:
    """The second sender gets the first one's answer; after the window it is a new message."""
    world = World()
    queue = world.queue(Q)
    first = world.send("x", Q, group="a", deduplication="d")
    world.now += 299
    assert world.send("y", Q, group="b", deduplication="d") == first
    world.now += 1
    assert world.send("x", Q, group="a", deduplication="d").id != first.id
    assert queue.counts.sent == 2


def test_content_based_deduplication_looks_at_the_body() -> None:
    """Equal bodies are one message, also after the first was deleted."""
    world = World()
    world.queue(Q)
    world.send("x", Q, group="a")
    world.sqs.delete_message(Q, world.receive(Q)[0].handle)
    world.send("x", Q, group="a")
    world.send("y", Q, group="a")
    assert world.bodies(Q) == ["y"]


def test_deduplication_per_group_lets_groups_share_ids() -> None:
    """High throughput mode's scope."""
    world = World()
    world.queue(Q, DeduplicationScope="messageGroup", FifoThroughputLimit="perMessageGroupId")
    world.send("x", Q, group="a", deduplication="d")
    world.send("x", Q, group="b", deduplication="d")
    world.send("x", Q, group="b", deduplication="d")
    assert world.held(Q) == (2, 0, 0)


def test_sequence_numbers_grow() -> None:
    """Twenty digits, comparable as text."""
    world = World()
    world.queue(Q)
    numbers = [world.send(body, Q, group=body).sequence_number or "" for body in "abc"]
    assert numbers == sorted(set(numbers))
    assert {len(one) for one in numbers} == {20}


def test_an_attempt_id_repeats_the_same_receive() -> None:
    """The same messages under the same handles, with the visibility counted anew and no receive counted."""
    world = World()
    world.queue(Q, VisibilityTimeout=30)
    world.send("a1", Q, group="a")
    world.send("b1", Q, group="b")
    first = world.receive(Q, attempt="t")
    world.now += 20
    assert world.receive(Q, attempt="t") == first
    world.now += 20
    assert world.held(Q) == (0, 2, 0)
    assert world.receive(Q, attempt="t") == first


def test_an_attempt_id_is_spent_once_a_message_was_touched() -> None:
    """After a delete the same id is a receive like any other."""
    world = World()
    world.queue(Q)
    world.send("a1", Q, group="a")
    world.send("a2", Q, group="a")
    got = world.receive(Q, limit=1, attempt="t")[0]
    world.sqs.delete_message(Q, got.handle)
    assert [one.body for one in world.receive(Q, attempt="t")] == ["a2"]


def test_a_full_fifo_queue_is_silent() -> None:
    """The cap on FIFO is no error: the queue just seems empty."""
    world = World(in_flight_limit=1)
    world.queue(Q)
    world.send("a1", Q, group="a")
    world.send("b1", Q, group="b")
    got = world.receive(Q)[0]
    assert world.bodies(Q) == []
    world.sqs.delete_message(Q, got.handle)
    assert world.bodies(Q) == ["b1"]


def test_an_expired_head_does_not_block_its_group() -> None:
    """Retention frees the group for what was sent later."""
    world = World()
    queue = world.queue(Q, MessageRetentionPeriod=60)
    world.send("a1", Q, group="a")
    world.now += 30
    world.send("a2", Q, group="a")
    world.now += 30
    assert world.bodies(Q) == ["a2"]
    assert queue.counts.expired == 1


def test_empty_groups_are_forgotten() -> None:
    """A million group ids, each used once, leave nothing behind."""
    world = World()
    queue = world.queue(Q)
    for number in range(100):
        world.send(str(number), Q, group=str(number))
    while got := world.receive(Q):
        world.sqs.delete_message_batch(Q, [one.handle for one in got])
    assert vars(queue._order)["_groups"] == {}


@pytest.mark.parametrize(
    ("group", "deduplication", "delay", "code"),
    [
        (None, "d", None, "MissingRequiredParameterException"),
        ("a", None, None, "InvalidParameterValueException"),
        ("a", "d", 1, "InvalidParameterValueException"),
        ("a b", "d", None, "InvalidParameterValueException"),
        ("a", "d" * 129, None, "InvalidParameterValueException"),
    ],
)
def test_a_fifo_send_is_checked(group: str | None, deduplication: str | None, delay: int | None, code: str) -> None:
    """Group and deduplication ids must be there and well-formed; a delay of its own is refused."""
    world = World()
    world.queue(Q, ContentBasedDeduplication="false")
    with pytest.raises(SqsFault) as caught:
        world.send("x", Q, group=group, deduplication=deduplication, delay=delay)
    assert caught.value.code == code
