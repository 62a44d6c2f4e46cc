"""Rows as the tables take them: one by one, and many in one step."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.message import Attribute, Message
from worker.sinks.columns import COLUMNS, FILLED, as_row, as_values
from worker.testing.messages import make_message

ATTRIBUTES = st.dictionaries(
    st.text(max_size=3),
    st.builds(Attribute, st.just("String"), st.text(max_size=3) | st.binary(max_size=3)),
    max_size=2,
)
MESSAGES = st.builds(
    Message,
    key=st.text(min_size=1, max_size=5),
    value=st.none(),
    body=st.text(max_size=5),
    id=st.text(max_size=5),
    sent_at=st.floats(0, 1e10),
    received_at=st.floats(0, 1e10),
    receive_count=st.integers(1, 100),
    group_id=st.none() | st.text(min_size=1, max_size=5),
    attributes=ATTRIBUTES,
)


@given(st.lists(MESSAGES, max_size=5))
def test_many_rows_in_one_step_are_the_rows_one_by_one(messages: list[Message]) -> None:
    """`as_values` is `as_row` for each, one behind the other, less the columns in which there are only nulls."""
    rows = [dict(zip(COLUMNS, as_row(message), strict=True)) for message in messages]
    kept = tuple(name for name in COLUMNS if name in FILLED or any(row[name] is not None for row in rows))
    assert as_values(messages) == (kept, [row[name] for row in rows for name in kept])


@given(MESSAGES)
def test_a_row_has_a_value_for_each_column(message: Message) -> None:
    """In the order of the columns."""
    columns, values = as_values([message])
    row = dict.fromkeys(COLUMNS) | dict(zip(columns, values, strict=True))
    assert (row["message_id"], row["body"], row["group_id"]) == (message.key, message.body, message.group_id)
    assert (row["sent_at"], row["received_at"]) == (message.sent_at, message.received_at)
    assert (row["attributes"] is None) == (not message.attributes)


def test_an_attribute_that_is_no_text_is_refused_among_many() -> None:
    """One of them is enough."""
    bad = make_message("bad", attributes={"a": Attribute("String", "\ud800")})
    with pytest.raises(TypeError):
        as_values([make_message(), bad, make_message()])


def test_a_row_without_a_key_is_refused_and_never_passed_over() -> None:
    """Rows of NULL only fill a statement up; a message must not be taken for one."""
    nameless = make_message()._replace(key=None)  # type: ignore[arg-type] # a bug of a key function
    with pytest.raises(TypeError, match="no key"):
        as_values([make_message(), nameless])
