"""The ledger: every delivery enters once and leaves once, inside hard bounds, with the newest handle."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.model.simloop import run
from worker.errors import IllegalTransition
from worker.message import Attribute, Delivery, measure
from worker.pipeline.ledger import REMEMBERED, Ledger
from worker.pipeline.room import Room
from worker.pipeline.tuning import request_seconds

if TYPE_CHECKING:
    from worker.outcome import OutcomeName


def make_ledger(**changes: int) -> Ledger:
    numbers = {"max_messages": 20, "max_bytes": 10_000, "largest_message": 100, "lease_seconds": 30} | changes
    room = Room(
        max_messages=numbers["max_messages"],
        max_bytes=numbers["max_bytes"],
        largest_message=numbers["largest_message"],
        frame_bytes=None,
    )
    return Ledger(room=room, lease_seconds=numbers["lease_seconds"], emit=lambda _: None, pipeline="test")


def make_delivery(message_id: str, *, handle: str = "h", leased_at: float = 0.0, body: str = "x") -> Delivery:
    return Delivery(
        message_id=message_id,
        receipt_handle=handle,
        body=body,
        sent_at=0.0,
        received_at=0.0,
        receive_count=1,
        leased_at=leased_at,
    )


def leave(ledger: Ledger, deliveries: list[Delivery], outcome: OutcomeName) -> None:
    """Through all of a life, and out."""
    ledger.begin(deliveries)
    if outcome in {"deleted", "expired"}:
        ledger.accept(deliveries)
    else:
        for delivery in deliveries:
            ledger.give_back(delivery)
    ledger.leave(deliveries, outcome)


def test_a_delivery_leaves_once_and_a_second_time_is_an_error() -> None:
    """Settling takes the delivery out, so nobody can settle it again."""
    ledger = make_ledger()
    delivery = make_delivery("a")
    ledger.enter([delivery])
    leave(ledger, [delivery], "deleted")
    with pytest.raises(IllegalTransition, match=r"^a is gone: leave:deleted"):
        ledger.leave([delivery], "deleted")


def test_the_same_message_twice_in_one_receive_is_one_delivery_with_the_newer_handle() -> None:
    """SQS may answer one receive with one message twice; it is handled once, and the older handle is void."""
    ledger = make_ledger()
    entered = ledger.enter([make_delivery("a", handle="old"), make_delivery("a", handle="new", leased_at=3)])
    assert [d.receipt_handle for d in entered.fresh] == ["new"]
    assert entered.superseded == 1
    assert entered.fresh[0].deadline == 33
    assert ledger.account() == {
        "received": 2, "deleted": 0, "retried": 0, "rejected": 0, "released": 0, "expired": 1, "in_flight": 1,
    }  # fmt: skip
    assert (len(ledger), ledger.room.messages) == (1, 1)


def test_a_written_message_that_comes_again_is_to_be_deleted_not_written() -> None:
    """What is written but could not be deleted is remembered until its redelivery, and forgotten then."""
    ledger = make_ledger()
    first = make_delivery("a")
    ledger.enter([first])
    ledger.remember(first)
    leave(ledger, [first], "expired")
    again = ledger.enter([make_delivery("a", handle="second")])
    assert [d.receipt_handle for d in again.written] == ["second"]
    assert again.fresh == []
    ledger.leave(again.written, "deleted")
    assert len(ledger.enter([make_delivery("a")]).fresh) == 1


def test_what_is_remembered_is_bounded() -> None:
    """The oldest ids fall out, so that a queue without the right to delete cannot fill the memory."""
    ledger = make_ledger()
    for number in range(REMEMBERED + 5):
        ledger.remember(make_delivery(str(number)))
    assert len(ledger._written) == REMEMBERED
    assert "4" not in ledger._written


def test_room_counts_what_is_held_and_what_is_reserved_in_messages_and_bytes() -> None:
    """A receive is asked for no more than fits if every message is as large as the queue allows."""
    ledger = make_ledger(max_messages=15, max_bytes=1_000, largest_message=100)
    assert ledger.room.free(10) == 10
    reservation = ledger.room.reserve(6)
    assert ledger.room.free(10) == 4
    ledger.room.cancel(reservation)
    ledger.enter([make_delivery(str(n), body="y" * 100) for n in range(9)])
    assert ledger.room.free(10) == 1


def test_a_bound_smaller_than_a_receive_asks_for_what_there_can_ever_be() -> None:
    """With room for three, a full receive is three."""
    assert make_ledger(max_messages=3).room.most(10) == 3
    assert make_ledger(max_bytes=250, largest_message=100).room.most(10) == 2


def test_leases_are_due_at_half_their_time_and_in_the_order_in_which_they_end() -> None:
    """What ends first is renewed first, whatever was renewed before."""
    ledger = make_ledger()
    first, second = make_delivery("a", leased_at=0), make_delivery("b", leased_at=2)
    ledger.enter([first, second])
    assert ledger.due(14.9) == []
    assert ledger.due(15) == [first]
    ledger.renewed(first, 45)
    assert ledger.due(17) == [second]
    assert ledger.due(30) == [second, first]


def test_an_answer_that_waited_for_room_is_renewed_before_the_younger_ones_that_came_first() -> None:
    """Its leases began when its head arrived, and end before those of what was entered meanwhile."""
    ledger = make_ledger()
    ledger.enter([make_delivery("younger", leased_at=25)])
    ledger.enter([make_delivery("waited", leased_at=5)])
    assert [d.message_id for d in ledger.due(21.0)] == ["waited"]
    ledger.renewed(ledger.due(21.0)[0], 51.0)
    assert [d.message_id for d in ledger.due(41.0)] == ["waited", "younger"]


def test_a_lease_that_must_not_be_renewed_is_set_aside_but_still_in_flight() -> None:
    """Past its time limit, given back, or void: no renewal, yet it is accounted for until it leaves."""
    ledger = make_ledger()
    late, given_back, void = make_delivery("a"), make_delivery("b"), make_delivery("c")
    ledger.enter([late, given_back, void])
    ledger.renew_until(late, 10.0)
    ledger.give_back(given_back)
    assert ledger.lose(void)
    assert ledger.due(16) == []
    assert len(ledger) == 3
    ledger.leave([given_back], "released")
    leave(ledger, [late, void], "expired")
    assert len(ledger) == 0


def test_no_lease_is_renewed_past_twelve_hours_from_its_receipt() -> None:
    """SQS refuses it; the last renewal ends inside the twelve hours."""
    ledger = make_ledger(lease_seconds=3600)
    delivery = make_delivery("a")
    ledger.enter([delivery])
    assert delivery.renew_until + 3600 < 43_200
    ledger.renewed(delivery, 41_000)
    assert ledger.due(40_500) == []


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("enter"), st.lists(st.integers(0, 5), max_size=4)),
            st.tuples(
                st.sampled_from(["deleted", "retried", "rejected", "released", "expired"]),
                st.lists(st.integers(0, 5), max_size=1),
            ),
        ),
        max_size=40,
    )
)
def test_received_is_what_left_and_what_is_in_flight_after_any_history(history: list[tuple[str, list[int]]]) -> None:
    """The account adds up at every moment, and the bytes return to nothing with the last delivery."""

    async def live() -> None:
        ledger = make_ledger()
        for verb, numbers in history:
            if verb == "enter":
                ledger.enter([make_delivery(str(n)) for n in numbers])
            else:
                leave(ledger, [d for d in ledger.deliveries() if int(d.message_id) in numbers], verb)  # type: ignore[arg-type] # drawn from the closed set
            account = ledger.account()
            assert account.pop("received") == sum(account.values())
        leave(ledger, ledger.deliveries(), "released")
        assert (ledger.room.messages, ledger.room.bytes) == (0, 0)

    run(live())


def test_what_was_set_aside_at_the_limit_of_an_attempt_is_renewed_again_when_the_attempt_is_over() -> None:
    """Held back or waiting for the sink, it may have another attempt before it, with a limit of its own."""
    ledger = make_ledger()
    delivery, other = make_delivery("a"), make_delivery("b", leased_at=5)
    ledger.enter([delivery, other])
    far = delivery.renew_until
    ledger.renew_until(delivery, 10.0)
    assert ledger.due(16) == []
    ledger.renew_until(delivery, far)
    assert ledger.due(16) == [delivery]
    assert ledger.due(21) == [delivery, other]


def test_a_renewal_that_failed_is_due_again_behind_what_came_due_before() -> None:
    """So those at the front that always fail do not keep the others from their turn."""
    ledger = make_ledger()
    failed, other, later = make_delivery("a"), make_delivery("b", leased_at=5), make_delivery("c", leased_at=7)
    ledger.enter([failed, other, later])
    ledger.renewal_over([failed], again=21.0)
    assert ledger.due(20.5) == [other]
    assert ledger.due(22.0) == [other, failed, later]


def test_what_came_due_is_due_no_more_once_it_is_settled_renewed_or_under_way() -> None:
    """The ledger is asked once for many calls; before each of them every entry is looked at again."""

    async def live() -> None:
        ledger = make_ledger()
        settled, renewed, asked = make_delivery("a"), make_delivery("b"), make_delivery("c")
        ledger.enter([settled, renewed, asked])
        assert ledger.due(16) == [settled, renewed, asked]
        leave(ledger, [settled], "deleted")
        ledger.renewed(renewed, 46.0)
        ledger.renewing([asked], asyncio.get_running_loop().create_future())
        assert [one for one in (settled, renewed, asked) if ledger.is_due(one, 16)] == []

    run(live())


@pytest.mark.parametrize("body", ["plain", "drei Bäche"])
@pytest.mark.parametrize("attributes", [{}, {"tenant": Attribute("String", "acme")}])
def test_what_is_held_is_counted_in_bytes_as_sqs_counts_them(body: str, attributes: dict[str, Attribute]) -> None:
    """In UTF-8 and with its attributes, each by itself and both together; and the next receive expects the like."""
    room = Room(max_messages=20, max_bytes=10_000, largest_message=1_000, frame_bytes=0)
    ledger = Ledger(room=room, lease_seconds=30, emit=lambda _: None, pipeline="test")
    delivery = make_delivery("a", body=body)
    delivery.attributes = attributes
    size = measure(body, attributes)
    assert ledger.enter([delivery]).size == delivery.weight == room.bytes == size
    assert room.reserve(1).granted >= size
    leave(ledger, [delivery], "deleted")
    assert room.bytes == 0


def test_a_newer_receipt_of_what_is_held_brings_its_times_and_its_count() -> None:
    """What was tried here without SQS having counted it is counted on top."""
    ledger = make_ledger()
    held = make_delivery("a")
    ledger.enter([held])
    for _ in range(2):
        ledger.begin([held])
        ledger.try_again(held)
    assert ledger.lose(held)
    newer = make_delivery("a", handle="newer", leased_at=40)
    newer.receive_count = 3
    ledger.enter([newer])
    assert (held.receipt_handle, held.receive_count, held.leased_at, held.deadline) == ("newer", 5, 40, 70)
    assert not held.lost


def test_what_was_given_back_and_is_here_again_is_in_flight_twice_until_sqs_has_said_so() -> None:
    """The older one is still to be settled, and the newer one to be handled."""
    ledger = make_ledger()
    older = make_delivery("a")
    ledger.enter([older])
    ledger.give_back(older)
    newer = make_delivery("a", handle="newer")
    assert ledger.enter([newer]).fresh == [newer]
    assert (len(ledger), ledger.room.messages) == (2, 2)
    assert (ledger.returned(older), ledger.holds(newer)) == (True, True)
    ledger.leave([older], "released")
    leave(ledger, [newer], "deleted")
    assert (len(ledger), ledger.room.messages) == (0, 0)


def test_a_visibility_is_ours_to_change_until_a_request_may_come_too_late() -> None:
    """What arrives after the lease may be for somebody else's."""
    ledger = make_ledger()
    delivery = make_delivery("a")
    ledger.enter([delivery])
    last = 30 - request_seconds(30)
    assert ledger.changeable(delivery, last - 0.01)
    assert not ledger.changeable(delivery, last)
