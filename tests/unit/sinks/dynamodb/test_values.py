"""What a decoded value becomes in DynamoDB's types, to the last digit, and what no item can hold."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.codecs.codec import Reason
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks.dynamodb.items import CALL_BYTES, ITEM_BYTES, Item, ItemMaker, divided
from worker.sinks.dynamodb.primary_key import PrimaryKey, problem
from worker.sinks.dynamodb.values import LEVELS, AttributeEncoder, Unstorable
from worker.testing.messages import make_message

VALUES: list[tuple[object, dict[str, Any], int]] = [
    ("", {"S": ""}, 0),
    ("é😀\0", {"S": "é😀\0"}, 7),
    (True, {"BOOL": True}, 1),
    (None, {"NULL": True}, 1),
    (0, {"N": "0"}, 1),
    (-120, {"N": "-120"}, 4),
    (10**31, {"N": "1" + "0" * 31}, 2),
    (0.1, {"N": "0.1"}, 2),
    (1e16, {"N": "1E+16"}, 2),
    (1_700_000_000.0, {"N": "1700000000.0"}, 2),
    (-1.5, {"N": "-1.5"}, 4),
    (Decimal("1.10"), {"N": "1.10"}, 3),
    (b"\xff", {"B": "/w=="}, 1),
    ([], {"L": []}, 3),
    ({}, {"M": {}}, 3),
    ({"a": [1, "b"]}, {"M": {"a": {"L": [{"N": "1"}, {"S": "b"}]}}}, 3 + 1 + 1 + 3 + 2 + 2 + 1),
    ((1,), {"L": [{"N": "1"}]}, 3 + 1 + 2),
    (dt.date(2026, 1, 2), {"S": "2026-01-02"}, 10),
    (UUID(int=1), {"S": str(UUID(int=1))}, 36),
]


@pytest.mark.parametrize(("value", "expected", "size"), VALUES, ids=[repr(v)[:20] for v, _, _ in VALUES])
def test_a_value_has_one_type_and_its_size(value: object, expected: dict[str, Any], size: int) -> None:
    """Names and texts in UTF-8, two digits to a byte, three bytes for a container and one for each of its elements."""
    encoder = AttributeEncoder()
    assert encoder.encode(value) == expected
    assert encoder.size == size


@given(st.floats(allow_nan=False, allow_infinity=False, allow_subnormal=False))
def test_a_float_reads_back_as_itself_or_is_refused(value: float) -> None:
    """No digit is lost on the way; what is beyond the range is told, not rounded."""
    if value and not 1e-130 <= abs(value) < 1e126:
        with pytest.raises(Unstorable, match="too large or too small"):
            AttributeEncoder().encode(value)
    else:
        assert float(AttributeEncoder().encode(value)["N"]) == value


@given(st.integers(min_value=-(10**38) + 1, max_value=10**38 - 1))
def test_an_integer_of_38_digits_keeps_them_all(value: int) -> None:
    """Which is more than a double has."""
    assert int(AttributeEncoder().encode(value)["N"]) == value


UNSTORABLE: list[tuple[object, Reason]] = [
    (10**38 + 1, Reason.NUMBER),
    (10**5000, Reason.NUMBER),
    (10**126, Reason.NUMBER),
    (1e-131, Reason.NUMBER),
    (float("nan"), Reason.NUMBER),
    (Decimal("Infinity"), Reason.NUMBER),
    ("\ud800", Reason.UNICODE),
    ({"\ud800": 1}, Reason.UNICODE),
    (object(), Reason.SCHEMA),
]


@pytest.mark.parametrize(("value", "reason"), UNSTORABLE, ids=[r.value + str(n) for n, (_, r) in enumerate(UNSTORABLE)])
def test_what_no_item_can_hold_has_a_reason(value: object, reason: Reason) -> None:
    """A record of it is rejected alone; nothing is rounded, cut or left out."""
    answer = ItemMaker(PrimaryKey("message_id")).make(make_message("m", {"x": value}, body="{}"))
    assert isinstance(answer, Rejected)
    assert answer.reason == reason


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


def test_thirty_two_levels_are_taken_and_one_more_is_not() -> None:
    """The limit is DynamoDB's, the codec's is higher."""
    AttributeEncoder().encode(nested(LEVELS))
    with pytest.raises(Unstorable, match="32 levels"):
        AttributeEncoder().encode(nested(LEVELS + 1))


def test_an_item_has_the_columns_that_the_message_has() -> None:
    """Without a group or attributes there is no attribute of that name, so indexes of them stay sparse."""
    item = ItemMaker(PrimaryKey("message_id")).make(make_message("m", {"a": 1}))
    assert isinstance(item, Item)
    assert item.attributes == {
        "message_id": {"S": "m"},
        "body": {"M": {"a": {"N": "1"}}},
        "sent_at": {"N": "1700000000.125"},
        "received_at": {"N": "1700000001.5"},
        "receive_count": {"N": "1"},
    }


def test_attributes_keep_their_types_and_binary_stays_binary() -> None:
    """Nothing is turned into base64 for a table that has bytes."""
    sent = {"a": Attribute("Binary", b"\0"), "b": Attribute("Number.int", "1")}
    item = ItemMaker(PrimaryKey("message_id")).make(make_message("m", attributes=sent, group_id="g"))
    assert isinstance(item, Item)
    assert item.attributes["group_id"] == {"S": "g"}
    assert item.attributes["attributes"] == {
        "M": {
            "a": {"M": {"data_type": {"S": "Binary"}, "value": {"B": "AA=="}}},
            "b": {"M": {"data_type": {"S": "Number.int"}, "value": {"S": "1"}}},
        }
    }


def test_it_expires_so_long_after_it_was_sent() -> None:
    """Of the same message always at the same moment; a server that does not say when it was sent leaves the receipt."""
    maker = ItemMaker(PrimaryKey("message_id"), ttl_seconds=60, ttl_attribute="gone_at")
    item, late = maker.make(make_message()), maker.make(make_message()._replace(sent_at=0.0))
    assert isinstance(item, Item)
    assert isinstance(late, Item)
    assert (item.attributes["gone_at"], late.attributes["gone_at"]) == ({"N": "1700000060"}, {"N": "1700000061"})


@pytest.mark.parametrize(
    ("keys", "key", "group", "words"),
    [
        (PrimaryKey("message_id"), "k" * 2049, None, "message_id .* 1 to 2048 bytes"),
        (PrimaryKey("group_id", "message_id"), "k" * 1025, "g", "message_id .* 1 to 1024 bytes"),
        (PrimaryKey("group_id", "message_id"), "k", None, "it has no group_id"),
    ],
)
def test_a_key_that_the_table_cannot_have_rejects_its_record(
    keys: PrimaryKey, key: str, group: str | None, words: str
) -> None:
    """DynamoDB would refuse all 25 of the call for it."""
    answer = ItemMaker(keys).make(make_message(key, {}, group_id=group))
    assert isinstance(answer, Rejected)
    assert answer.reason == Reason.KEY
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(answer.detail)


def item_of(size: int) -> Item:
    return Item("k", {}, size)


def test_calls_have_25_items_and_never_too_many_bytes() -> None:
    """However the items are mixed, all are there, in their order."""
    assert [len(call) for call in divided([item_of(1)] * 60)] == [25, 25, 10]
    large = [*divided([item_of(ITEM_BYTES)] * 12)]
    assert sum(map(len, large)) == 12
    assert max(sum(item.size for item in call) for call in large) <= CALL_BYTES
    assert [*divided([])] == []


PROBLEMS: list[tuple[str, str | None, bool, str | None]] = [
    ("message_id", None, False, None),
    ("pk", None, True, None),
    ("pk", "sent_at", False, None),
    ("pk", "group_id", False, None),
    ("group_id", "message_id", False, None),
    ("group_id", None, False, "one of the two holds"),
    ("pk", "sk", False, "one of the two holds"),
    ("pk", "pk", False, "one of the two holds"),
    ("pk", "received_at", False, "received_at is no key"),
    ("pk", "body", False, "body is no key"),
    ("sent_at", "message_id", False, "sent_at is no key"),
    ("pk", "sent_at", True, "with DEDUPLICATION_KEY two messages of one key may differ in sent_at"),
]


@pytest.mark.parametrize(("partition", "sort", "by_field", "words"), PROBLEMS)
def test_a_key_tells_messages_apart_and_a_message_never_twice(
    partition: str,
    sort: str | None,
    by_field: bool,  # noqa: FBT001 - a row of the table
    words: str | None,
) -> None:
    """What changes with a receipt would make two items of one message; what two messages share would lose one."""
    said = problem(partition, sort, by_field=by_field)
    assert said is None if words is None else words in (said or "")
