"""Rows copied in C are those that Python cuts out column by column."""

from __future__ import annotations

from itertools import chain
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker import speedups
from worker.message import NO_ATTRIBUTES, Attribute, Message
from worker.sinks.columns import FILLED, as_row, as_values

texts = st.text(max_size=3)
messages = st.builds(
    Message,
    key=texts,
    value=st.none(),
    body=texts,
    id=texts,
    sent_at=st.floats(allow_nan=False),
    received_at=st.floats(allow_nan=False),
    receive_count=st.integers(),
    group_id=st.none(),
    attributes=st.sampled_from([{}, NO_ATTRIBUTES]),
    trace_header=st.none() | texts,
)
FILLED_PLACES = tuple(map(Message._fields.index, ("key", "body", "sent_at", "received_at", "receive_count")))
OTHERS = tuple(map(Message._fields.index, ("group_id", "attributes")))
ONE = Message("k", None, "b", "i", 1.0, 2.0, 3, None, {})


@given(st.lists(messages, max_size=5))
def test_rows_without_groups_and_attributes_are_those_of_python(some: list[Message]) -> None:
    """One behind the other, each in the order of the columns that are never null."""
    assert speedups.values(some, FILLED_PLACES, OTHERS) == list(
        chain.from_iterable(as_row(one)[: len(FILLED)] for one in some)
    )


@pytest.mark.parametrize(
    "some",
    [
        (ONE,),
        [ONE, ONE._replace(attributes={"a": Attribute("String", "x")})],
        [ONE, ONE._replace(attributes=MappingProxyType({"a": Attribute("String", "x")}))],
        [ONE, ONE._replace(group_id="g")],
        [ONE, ONE._replace(key=None)],  # type: ignore[arg-type]  # what a statement would take for filling
        [tuple(ONE)[:8]],
        [list(ONE)],
        None,
    ],
)
def test_any_other_rows_are_left_alone(some: list[Message]) -> None:
    """Groups and attributes have columns of their own, and a key that is none is an error: all that by Python."""
    assert speedups.values(some, FILLED_PLACES, OTHERS) is None


def test_both_ways_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With and without the extension."""
    batches = [[ONE, ONE], [ONE, ONE._replace(group_id="g")], []]
    found = [as_values(batch) for batch in batches]
    monkeypatch.setattr(speedups, "values", lambda *_: None)
    assert found == [as_values(batch) for batch in batches]


@pytest.mark.parametrize("places", [(), (-1,), (2**70,), ("0",), [0], tuple(range(17))])
def test_places_that_are_none_are_refused(places: object) -> None:
    """As a mistake of the program."""
    with pytest.raises((TypeError, ValueError, OverflowError)):
        speedups.values([ONE], places, OTHERS)  # type: ignore[arg-type] # on purpose
    assert speedups.values([ONE], (99,), OTHERS) is None
