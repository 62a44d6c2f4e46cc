"""Standard queues: visibility, delays, receipts, retention, limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.loopback.world import START, World
from worker.loopback.errors import SqsFault
from worker.loopback.rules import Rules

if TYPE_CHECKING:
    from worker.loopback.messages import StateChange


def refused(code: str) -> pytest.RaisesExc[SqsFault]:
    """The fault with this code, and no other."""
    return pytest.RaisesExc(SqsFault, check=lambda fault: fault.code == code)


def test_a_received_message_hides_for_its_visibility_and_then_comes_back() -> None:
    """A message is in flight until the very second its timeout ends, and its receive count grows."""
    world = World()
    world.queue(VisibilityTimeout=30)
    world.send("one")
    first = world.receive()
    world.now += 29.9
    assert world.receive() == []
    assert world.held() == (0, 1, 0)
    world.now += 0.1
    second = world.receive()
    assert [(one.body, one.count) for one in first + second] == [("one", 1), ("one", 2)]
    assert first[0].handle != second[0].handle


def test_a_receive_may_choose_its_own_visibility() -> None:
    """The receive's timeout goes before the queue's."""
    world = World()
    world.queue(VisibilityTimeout=30)
    world.send()
    assert len(world.receive(visibility=5)) == 1
    world.now += 5
    assert len(world.receive()) == 1


def test_changing_visibility_counts_from_now_and_zero_shows_at_once() -> None:
    """The new timeout replaces the old one, in both directions."""
    world = World()
    world.queue(VisibilityTimeout=30)
    world.send()
    got = world.receive()[0]
    world.now += 20
    world.sqs.change_message_visibility("jobs", got.handle, 60)
    world.now += 59
    assert world.receive() == []
    world.sqs.change_message_visibility("jobs", got.handle, 0)
    assert len(world.receive()) == 1


def test_visibility_ends_twelve_hours_after_the_receipt() -> None:
    """What would exceed the total is refused, not clamped; a new receipt counts anew."""
    world = World()
    world.queue(VisibilityTimeout=43_200)
    world.send()
    got = world.receive()[0]
    world.now += 1
    with refused("InvalidParameterValueException"):
        world.sqs.change_message_visibility("jobs", got.handle, 43_200)
    world.sqs.change_message_visibility("jobs", got.handle, 43_199)
    world.sqs.change_message_visibility("jobs", got.handle, 0)
    again = world.receive()[0]
    world.sqs.change_message_visibility("jobs", again.handle, 43_200)


def test_a_handle_whose_lease_is_over_hides_its_message_again() -> None:
    """As recorded on AWS: nobody took it meanwhile, so it is in flight once more, and no receive is counted."""
    world = World()
    world.queue()
    world.send()
    got = world.receive(visibility=1)[0]
    world.now += 1
    world.sqs.change_message_visibility("jobs", got.handle, 10)
    assert (world.held(), world.bodies()) == ((0, 1, 0), [])
    world.now += 10
    again = world.receive()
    assert [one.count for one in again] == [2]
    assert world.receive() == []


def test_an_older_handle_changes_the_visibility_of_what_a_newer_one_holds() -> None:
    """As recorded on AWS: whoever lost a message can take it from its holder, and give it to a third."""
    world = World()
    world.queue()
    world.send()
    old = world.receive(visibility=0)[0]
    new = world.receive(visibility=30)[0]
    world.sqs.change_message_visibility("jobs", old.handle, 100)
    world.now += 30
    assert world.bodies() == []
    world.sqs.change_message_visibility("jobs", old.handle, 0)
    third = world.receive()[0]
    assert (new.count, third.count, third.id) == (2, 3, old.id)


def test_a_message_hidden_by_an_older_handle_while_it_waited_is_handed_out_once() -> None:
    """Its place in the line is given up, also when it comes back before its old place comes up."""
    world = World()
    world.queue()
    world.send("first")
    old = world.receive(visibility=0)[0]
    world.send("second")
    world.sqs.change_message_visibility("jobs", old.handle, 5)
    world.now += 5
    assert sorted(world.bodies()) == ["first", "second"]
    assert world.bodies() == []


def test_as_documented_the_visibility_of_a_message_that_is_visible_again_is_not_in_flight() -> None:
    """The code says why the lease is lost."""
    world = World(rules=Rules.DOCUMENTED)
    world.queue()
    world.send()
    got = world.receive(visibility=1)[0]
    world.now += 1
    with refused("MessageNotInflight"):
        world.sqs.change_message_visibility("jobs", got.handle, 10)


def test_as_documented_the_visibility_of_a_message_cannot_be_changed_by_an_older_handle() -> None:
    """It is not in flight under that handle, nor is one that was deleted."""
    world = World(rules=Rules.DOCUMENTED)
    world.queue()
    world.send()
    old = world.receive(visibility=0)[0]
    new = world.receive()[0]
    with refused("InvalidParameterValueException"):
        world.sqs.change_message_visibility("jobs", old.handle, 10)
    world.sqs.delete_message("jobs", new.handle)
    with refused("InvalidParameterValueException"):
        world.sqs.change_message_visibility("jobs", new.handle, 10)


@pytest.mark.parametrize("rules", Rules)
def test_the_visibility_of_a_message_that_is_gone_is_an_invalid_parameter(rules: Rules) -> None:
    """By the handle that deleted it, and by an older one."""
    world = World(rules=rules)
    world.queue()
    world.send()
    old = world.receive(visibility=0)[0]
    new = world.receive()[0]
    world.sqs.delete_message("jobs", new.handle)
    for handle in (old.handle, new.handle):
        with refused("InvalidParameterValueException"):
            world.sqs.change_message_visibility("jobs", handle, 10)


@pytest.mark.parametrize("seconds", [-1, 43_201])
def test_visibility_outside_its_range_is_refused(seconds: int) -> None:
    """0 to 12 hours, in a receive and in a change."""
    world = World()
    world.queue()
    with refused("InvalidParameterValueException"):
        world.receive(visibility=seconds)


def test_deleting_twice_succeeds_and_deletes_once() -> None:
    """Deleting is idempotent."""
    world = World()
    queue = world.queue()
    world.send()
    handle = world.receive()[0].handle
    world.sqs.delete_message("jobs", handle)
    world.sqs.delete_message("jobs", handle)
    assert queue.counts.deleted == 1
    assert world.held() == (0, 0, 0)


def test_an_expired_handle_still_deletes_until_the_next_receipt() -> None:
    """The latest handle is good while nobody received again, even when the message is visible; then it is skipped."""
    world = World()
    queue = world.queue()
    world.send()
    handle = world.receive(visibility=1)[0].handle
    world.now += 5
    assert world.held() == (1, 0, 0)
    world.sqs.delete_message("jobs", handle)
    assert world.receive() == []
    assert queue.counts.deleted == 1


def test_an_older_handle_deletes_what_a_newer_one_holds() -> None:
    """As recorded on AWS; the newer handle's own delete then finds nothing and is content."""
    world = World()
    queue = world.queue()
    world.send()
    old = world.receive(visibility=0)[0].handle
    new = world.receive()[0].handle
    world.sqs.delete_message("jobs", old)
    assert (queue.counts.deleted, world.held()) == (1, (0, 0, 0))
    world.sqs.delete_message("jobs", new)
    assert queue.counts.deleted == 1


def test_as_documented_an_older_handle_deletes_nothing_and_says_it_did() -> None:
    """Amazon's documented trap: success, and the message is still there."""
    world = World(rules=Rules.DOCUMENTED)
    queue = world.queue()
    world.send()
    old = world.receive(visibility=0)[0].handle
    world.receive()
    world.sqs.delete_message("jobs", old)
    assert queue.counts.deleted == 0
    assert world.held() == (0, 1, 0)


def test_a_receipt_that_was_never_given_is_invalid() -> None:
    """A number after the latest is made up, whatever else the handle says."""
    world = World()
    queue = world.queue()
    world.send()
    world.receive()
    with refused("ReceiptHandleIsInvalid"):
        world.sqs.delete_message("jobs", queue.receipts.handles.write(1, 9))


@pytest.mark.parametrize("handle", ["", "garbage", "AQEB", "AQEBx+1/1=="])
def test_a_handle_that_is_none_is_invalid(handle: str) -> None:
    """Garbage is told from an old handle."""
    world = World()
    world.queue()
    with refused("ReceiptHandleIsInvalid"):
        world.sqs.delete_message("jobs", handle)


def test_a_handle_that_was_tampered_with_is_invalid() -> None:
    """Its own queue knows that it did not write it."""
    world = World()
    world.queue()
    world.send()
    handle = world.receive()[0].handle
    with refused("ReceiptHandleIsInvalid"):
        world.sqs.delete_message("jobs", handle.removesuffix("==") + "zz==")


def test_a_handle_of_another_queue_is_invalid() -> None:
    """Handles do not cross queues."""
    world = World()
    world.queue("a")
    world.queue("b")
    world.send(name="a")
    handle = world.receive("a")[0].handle
    with refused("ReceiptHandleIsInvalid"):
        world.sqs.delete_message("b", handle)


def test_delays_of_the_message_go_before_the_queues() -> None:
    """A delay of the message, 0 included, replaces the queue's; a delayed message is counted as such."""
    world = World()
    world.queue(DelaySeconds=10)
    world.send("queue's")
    world.send("now", delay=0)
    world.send("own", delay=20)
    assert world.held() == (1, 0, 2)
    assert world.bodies() == ["now"]
    world.now += 10
    assert world.bodies() == ["queue's"]
    world.now += 10
    assert world.bodies() == ["own"]


def test_messages_older_than_retention_are_gone() -> None:
    """They are never handed out, leave the counts, and are accounted as expired."""
    world = World()
    queue = world.queue(MessageRetentionPeriod=60)
    world.send("old")
    world.now += 59
    world.send("young")
    world.now += 1
    assert world.held() == (1, 0, 0)
    assert world.bodies() == ["young"]
    assert queue.counts.expired == 1


def test_a_message_that_expires_in_flight_does_not_come_back() -> None:
    """Retention goes on counting while a message is hidden."""
    world = World()
    queue = world.queue(MessageRetentionPeriod=60, VisibilityTimeout=90)
    world.send()
    world.receive()
    world.now += 90
    assert world.receive() == []
    assert queue.counts.expired == 1


def test_the_in_flight_cap_is_an_error_when_full_and_a_limit_before() -> None:
    """A receive gets what room there is; without room it is OverLimit, until something is settled."""
    world = World(in_flight_limit=3)
    world.queue()
    for number in range(5):
        world.send(str(number))
    got = world.receive()
    assert [one.body for one in got] == ["0", "1", "2"]
    with refused("OverLimit"):
        world.receive()
    world.sqs.delete_message("jobs", got[0].handle)
    assert world.bodies() == ["3"]


def test_a_batch_answers_for_each_entry() -> None:
    """One bad handle is its own failure; the others are deleted."""
    world = World()
    world.queue()
    world.send("a")
    world.send("b")
    first, second = world.receive()
    answers = world.sqs.delete_message_batch("jobs", [first.handle, "garbage", second.handle])
    assert [answer.code if answer else None for answer in answers] == [None, "ReceiptHandleIsInvalid", None]
    assert world.held() == (0, 0, 0)


@pytest.mark.parametrize("limit", [0, 11])
def test_a_receive_asks_for_one_to_ten(limit: int) -> None:
    """Anything else is refused."""
    world = World()
    world.queue()
    with refused("InvalidParameterValueException"):
        world.receive(limit=limit)


def test_the_heap_of_hidden_messages_does_not_grow_with_renewals() -> None:
    """Stale entries are thinned: 50,000 renewals of one lease leave about a thousand entries."""
    world = World()
    queue = world.queue()
    world.send()
    handle = world.receive()[0].handle
    for seconds in range(50_000):
        world.sqs.change_message_visibility("jobs", handle, 30 + seconds % 100)
    assert len(queue.hidden.entries) < 2_000
    world.now += 130
    assert len(world.receive()) == 1


def test_every_change_reaches_the_observer() -> None:
    """A ledger outside sees each change once, in order."""
    seen: list[StateChange] = []
    world = World(observe=seen.append)
    world.queue(MessageRetentionPeriod=60)
    world.send("a")
    world.send("b")
    got = world.receive(limit=1)[0]
    world.sqs.change_message_visibility("jobs", got.handle, 50)
    world.sqs.delete_message("jobs", got.handle)
    world.now += 60
    world.receive()
    world.sqs.purge_queue("jobs")
    assert [one.kind for one in seen] == ["send", "send", "receive", "visibility", "delete", "expire", "purge"]
    assert seen[3].visible_at == START + 50
    assert {one.message_id for one in seen[2:5]} == {got.id}
