"""Messages made in C are those that Python makes, one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import speedups
from worker.message import DEAD_LETTER, Attribute, Delivery, Message, message_of

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = 100.0

deliveries = st.builds(
    Delivery,
    message_id=st.text(max_size=3),
    receipt_handle=st.text(max_size=3),
    body=st.text(max_size=3),
    sent_at=st.floats(0, 1e10),
    received_at=st.floats(0, 1e10),
    receive_count=st.integers(1, 9),
    leased_at=st.just(NOW),
    group_id=st.none() | st.text(max_size=3),
    deduplication_id=st.none() | st.text(max_size=3),
    sequence_number=st.none() | st.text(max_size=3),
    trace_header=st.none() | st.text(max_size=3),
    attributes=st.dictionaries(st.text(max_size=3), st.just(Attribute("String", "x")), max_size=1),
    deadline=st.just(NOW + 1),
)


def one(**fields: object) -> Delivery:
    """A delivery with its lease before it."""
    made = Delivery("m", "h", "b", 1.0, 2.0, 1, NOW, deadline=NOW + 1)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


@given(st.lists(st.tuples(deliveries, st.integers() | st.dictionaries(st.text(), st.integers(), max_size=1))))
def test_they_are_those_of_python(pairs: list[tuple[Delivery, object]]) -> None:
    """Field by field, and of the same class."""
    found = speedups.messages([delivery for delivery, _ in pairs], [value for _, value in pairs], NOW)
    assert found == [message_of(delivery, delivery.message_id, value) for delivery, value in pairs]
    assert all(type(message) is Message for message in found)


def unfinished() -> Delivery:
    """One that its maker has not finished."""
    made = one()
    del made.body
    return made


@pytest.mark.parametrize(
    "make",
    [
        lambda: ([one()], []),
        lambda: ([one()], [1, 2]),
        lambda: ((one(),), [1]),
        lambda: ([one()], (1,)),
        lambda: ([one(), one(lost=True)], [1, 2]),
        lambda: ([one(), one(deadline=NOW)], [1, 2]),
        lambda: ([one(), one(deadline=NOW - 1)], [1, 2]),
        lambda: ([one(deadline=101)], [1]),
        lambda: ([one(), one(attributes={DEAD_LETTER: Attribute("String", "{}")})], [1, 2]),
        lambda: ([unfinished()], [1]),
        lambda: ([object()], [1]),
        lambda: (None, None),
    ],
)
def test_whatever_is_not_to_be_written_at_once_is_left_to_python(make: Callable[[], tuple[object, object]]) -> None:
    """A lease that is over, a body without a value, what may have been a dead letter, and what is no delivery."""
    given_, values = make()
    assert speedups.messages(given_, values, NOW) is None  # type: ignore[arg-type] # on purpose
