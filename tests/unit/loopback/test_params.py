"""What is read in one go or remembered is what reading it piece by piece gives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.loopback.errors import SqsFault
from worker.loopback.long_poll import ReceiveRequest
from worker.loopback.params import Params, ReceiveParams

if TYPE_CHECKING:
    from collections.abc import Callable

SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-3, 50), st.text(max_size=3))
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3), st.dictionaries(st.text(max_size=2), SCALARS, max_size=2))
ROWS = st.fixed_dictionaries(
    {"Id": st.integers(0, 99).map(str)}, optional={"ReceiptHandle": st.one_of(st.text(max_size=3), VALUES)}
)
RECEIVES = st.fixed_dictionaries(
    {},
    optional={
        "MaxNumberOfMessages": VALUES,
        "WaitTimeSeconds": VALUES,
        "VisibilityTimeout": VALUES,
        "ReceiveRequestAttemptId": VALUES,
        "MessageSystemAttributeNames": st.one_of(VALUES, st.lists(st.text(max_size=3), max_size=3)),
        "AttributeNames": st.one_of(VALUES, st.lists(st.text(max_size=3), max_size=3)),
        "MessageAttributeNames": st.one_of(VALUES, st.lists(st.text(max_size=3), max_size=3)),
    },
)


def outcome(act: Callable[[], object]) -> object:
    """What came of it: a value, or a refusal's name and text."""
    try:
        return act()
    except SqsFault as fault:
        return fault.code, fault.detail


@given(st.lists(ROWS, min_size=1, max_size=10, unique_by=lambda row: str(row["Id"])))
def test_a_column_of_a_batch_is_what_its_entries_say_one_by_one(rows: list[dict[str, object]]) -> None:
    """The same texts, or the same refusal, for the first entry that is wrong."""
    entries = Params({"Entries": rows}).entries()
    assert entries.ids == [one.text("Id") for one in entries]
    column = outcome(lambda: entries.texts("ReceiptHandle"))
    assert column == outcome(lambda: [one.text("ReceiptHandle") for one in entries])


def in_pieces(params: Params) -> ReceiveParams:
    """A receive read parameter by parameter."""
    system = params.texts("MessageSystemAttributeNames") or params.texts("AttributeNames")
    attributes = params.texts("MessageAttributeNames")
    limit, visibility = params.optional_integer("MaxNumberOfMessages"), params.optional_integer("VisibilityTimeout")
    wait, attempt = params.optional_integer("WaitTimeSeconds"), params.optional_text("ReceiveRequestAttemptId")
    return ReceiveParams(
        ReceiveRequest(1 if limit is None else limit, wait, visibility, attempt), tuple(system), attributes
    )


@given(RECEIVES)
def test_a_remembered_receive_is_the_one_that_is_read_anew(params: dict[str, object]) -> None:
    """However often it is asked, short enough to be remembered or not, right or wrong."""
    long = orjson.dumps(params) + b" " * 3_000
    expected = outcome(lambda: in_pieces(Params.parse(long)))
    for body in (orjson.dumps(params), orjson.dumps(params), long):
        assert outcome(lambda body=body: Params.remembered(body).receive) == expected  # type: ignore[misc] # bound now


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_object_is_refused_each_time(body: bytes) -> None:
    """A refusal is not remembered as anything else."""
    refusals = {str(outcome(lambda: Params.remembered(body))) for _ in range(3)}
    assert len(refusals) == 1
    assert "SerializationException" in refusals.pop()


@pytest.mark.parametrize("ids", [["a", "a"], ["a b"], ["x" * 81], [""], ["a,b"], ["ok", "b\n"]])
def test_wrong_batch_ids_are_refused_each_time(ids: list[str]) -> None:
    """What passed once is remembered; what did not is looked at again."""
    rows: list[dict[str, object]] = [{"Id": one} for one in ids]
    for _ in range(2):
        with pytest.raises(SqsFault):
            Params({"Entries": rows}).entries()
