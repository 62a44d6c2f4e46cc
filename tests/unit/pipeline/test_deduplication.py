"""The deduplication key: from the message id or from a field of the body."""

from __future__ import annotations

import pytest

from worker.codecs.codec import Reason
from worker.codecs.json.codec import JsonCodec
from worker.errors import DecodeError
from worker.message import Delivery
from worker.pipeline.deduplication import make_key


def make_delivery(sequence_number: str | None = None, body: str = "{}") -> Delivery:
    """A delivery of which only the ids matter."""
    return Delivery(
        message_id="id-1",
        receipt_handle="handle",
        body=body,
        sent_at=1.0,
        received_at=2.0,
        receive_count=1,
        leased_at=0.0,
        sequence_number=sequence_number,
    )


@pytest.mark.parametrize("sequence_number", [None, "18850000000000000000"])
def test_without_a_path_the_message_id_is_the_key(sequence_number: str | None) -> None:
    """Standard and FIFO alike: one message keeps its id over all its deliveries."""
    assert make_key(None)({"id": "other"}, make_delivery(sequence_number)) == "id-1"


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("id", {"id": "o-1"}, "o-1"),
        ("order.id", {"order": {"id": 7}}, "number:7"),
        ("order.id", {"order": {"id": 12345678901234567890123}}, "number:12345678901234567890123"),
        ("a.b.c", {"a": {"b": {"c": 1.5}}}, "number:1.5"),
        ("id", {"id": "x" * 1_024}, "x" * 1_024),
        ("id", {"id": "7"}, "7"),
        ("id", {"id": "number:7"}, "text:number:7"),
        ("id", {"id": "text:number:7"}, "text:text:number:7"),
    ],
)
def test_a_path_names_a_field_of_the_body(path: str, value: object, expected: str) -> None:
    """A text is its own key; a number has a word before it that no text's key begins with."""
    assert make_key(path)(value, make_delivery()) == expected


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"order": {}},
        {"order": "o-1"},
        {"order": None},
        {"order": [{"id": 1}]},
        {"order": {"id": None}},
        {"order": {"id": {}}},
        {"order": {"id": ["o-1"]}},
        {"order": {"id": True}},
        {"order": {"id": ""}},
        {"order": {"id": "  "}},
        {"order": {"id": "x" * 1_025}},
        "a text body",
    ],
)
def test_a_field_that_cannot_be_a_key_rejects_the_message(value: object) -> None:
    """Missing, null, nested, two-valued, empty or too long: never a key that several messages would share."""
    with pytest.raises(DecodeError) as caught:
        make_key("order.id")(value, make_delivery())
    assert caught.value.reason == Reason.KEY
    assert "xxx" not in str(caught.value)


VALUES = (
    '"1"', "1", "-1", "1.5", '"1.5"', "1e22", "10000000000000000000001",
    "1.0000000000000000001", "1.0000000000000000002", "1.00000000000000000000000000000001",
    '"number:1"', '"text:1"', '"text:number:1"', '"true"', '"null"', '" 1"', '"01"', '"\\u00e9"', '"e\\u0301"',
    "1700000000.123456788", "1700000000.123456789", "9007199254740992.0", "9007199254740993.0",
)  # fmt: skip
"""Of JSON; each is another value than all the others."""


def test_different_values_are_different_keys() -> None:
    """Neither the type nor a digit is lost on the way into the key, or the later message would be deleted unwritten."""
    bodies = [f'{{"order":{{"id":{value}}}}}' for value in VALUES]
    keys = [make_key("order.id")(JsonCodec().decode(body), make_delivery(body=body)) for body in bodies]
    assert len(set(keys)) == len(VALUES)


def test_a_number_is_one_key_however_its_zeros_are_written() -> None:
    """The same number in the same type, from another encoder: one record."""
    bodies = ['{"id":1.50}', '{"id":1.5}', '{"id":15e-1}', '{"id":1.500000000000000000000}']
    assert {make_key("id")(JsonCodec().decode(body), make_delivery(body=body)) for body in bodies} == {"number:1.5"}


@pytest.mark.parametrize("path", ["", ".", "order.", ".id", "a..b"])
def test_a_path_with_an_empty_name_is_refused_at_once(path: str) -> None:
    """A mistyped path is found at the start and not by the first message."""
    with pytest.raises(ValueError, match="is not a path"):
        make_key(path)
