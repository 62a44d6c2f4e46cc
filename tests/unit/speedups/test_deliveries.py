"""Deliveries read in C are those that Python reads, for every answer there is."""

from __future__ import annotations

import hashlib
from random import Random
from types import MappingProxyType
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.speedups.spelled import ATTRIBUTES, EVERYTHING, document, message, messages, of_messages, spoiled
from worker import speedups
from worker.message import NO_ATTRIBUTES, Attribute, Delivery
from worker.sqs.native.read import to_deliveries

if TYPE_CHECKING:
    from worker.sqs.parse import Damaged

LEASED, RECEIVED = 12.5, 1_700_000_001.25


def shown(read: list[Delivery]) -> list[list[object]]:
    """Every field of every delivery, and the order of its attributes."""
    return [[*(getattr(one, field) for field in Delivery.__slots__), [*one.attributes]] for one in read]


def in_python(body: bytes) -> list[list[object]] | None:
    """What Python finds if nothing is wrong with *body*; None if anything is."""
    damaged: list[Damaged] = []
    try:
        read = orjson.loads(body)
        found = to_deliveries(read, leased_at=LEASED, received_at=RECEIVED, report=damaged.append)
    except (ValueError, AttributeError):
        return None
    return None if damaged else shown(found)


def in_c(body: bytes | bytearray) -> list[list[object]] | None:
    """What the extension finds."""
    read = speedups.deliveries(body, LEASED, RECEIVED)
    return None if read is None else shown(read)


def test_the_extension_is_built() -> None:
    """Or nothing here would be a test of it: install a C compiler and Python's headers."""
    assert speedups.BUILT


@given(st.lists(messages, min_size=1, max_size=10))
def test_what_is_read_is_what_python_reads(some: list[dict[str, object]]) -> None:
    """Whatever the senders wrote, field by field, with and without attributes, of a standard queue and of a FIFO one.

    Only escapes of six characters are left to Python.
    """
    body = of_messages(some)
    assert in_c(body) == (None if b"\\u" in body else in_python(body))


@given(st.lists(messages, min_size=1, max_size=10), st.sampled_from([False, True]), st.randoms(use_true_random=False))
def test_a_spoiled_answer_is_read_as_in_python_or_left_to_it(
    some: list[dict[str, object]], escaped: object, random: Random
) -> None:
    """The extension never finds what Python would not."""
    body = spoiled(of_messages(some, ascii_only=bool(escaped)), random)
    found = in_c(body)
    assert found is None or found == in_python(body)


def test_ten_thousand_spoiled_answers_are_read_as_in_python_or_left_to_it() -> None:
    """As above, beyond what a few examples meet; and some of the changes do no harm, so that both ends are seen."""
    random, read = Random(7), 0
    texts = ['{"id": 1, "text": "a\\b\n"}', "é" * 9, "", "x" * 130]
    whole = of_messages([message(texts[0], **EVERYTHING), *map(message, texts[1:])])
    for _ in range(10_000):
        body = spoiled(whole, random)
        found = in_c(body)
        read += found is not None
        assert found is None or found == in_python(body), body
    assert read > 10


def test_the_fields_come_in_any_order() -> None:
    """SQS promises none."""
    fields = message("{}", **EVERYTHING)
    for turn in range(len(fields)):
        names = [*fields][turn:] + [*fields][:turn]
        body = of_messages([{name: fields[name] for name in names}])
        assert in_c(body) == in_python(body) is not None


@pytest.mark.parametrize("size", [*range(130), 4_096, 262_144])
def test_the_hash_of_a_body_of_any_size_is_verified(size: int) -> None:
    """Beside others of other sizes, and with one digit changed."""
    texts = ["b" * size, "", "c" * 55, "d" * 56, "e" * 64, "f" * 119, "g" * 120, "h" * 9, "i" * (size // 2), "j"]
    body = document(texts)
    assert in_c(body) is not None
    said = hashlib.md5(texts[0].encode(), usedforsecurity=False).hexdigest()
    other = ("1" if said[31] == "0" else "0").join((said[:31], ""))
    assert in_c(body.replace(said.encode(), other.encode())) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"Surprise": "1"},
        {"MessageAttributes": {}},
        {"MessageAttributes": []},
        {"MessageAttributes": {"a": {"DataType": "Binary", "BinaryValue": "eA=="}}},
        {"MessageAttributes": {"a": {"DataType": "Binary", "StringValue": "x"}}},
        {"MessageAttributes": {"a": {"DataType": "Binary.png", "StringValue": "x"}}},
        {"MessageAttributes": {"a": {"DataType": "String"}}},
        {"MessageAttributes": {"a": {"StringValue": "x"}}},
        {"MessageAttributes": {"a": {"DataType": "String", "StringValue": "x", "Surprise": "1"}}},
        {"MessageAttributes": {"a": {"DataType": "String", "StringValue": 'a"b'}}},
        {"MessageAttributes": {'a"b': {"DataType": "String", "StringValue": "x"}}},
        {"MessageAttributes": {f"a{n}": {"DataType": "String", "StringValue": "x"} for n in range(11)}},
        {"MD5OfMessageAttributes": "é"},
        {"MessageId": ""},
        {"MessageId": 7},
        {"ReceiptHandle": 'a"b'},
        {"ReceiptHandle": None},
        {"Attributes": {}},
        {"Attributes": {"SentTimestamp": "1"}},
        {"Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1", "Surprise": "g"}},
        {"Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1", "SequenceNumber": "1a"}},
        {"Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1", "SequenceNumber": "1" * 5_000}},
        {"Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1", "MessageGroupId": "é"}},
        {"Attributes": {"SentTimestamp": "-1", "ApproximateReceiveCount": "1"}},
        {"Attributes": {"SentTimestamp": "1" * 16, "ApproximateReceiveCount": "1"}},
        {"Attributes": {"SentTimestamp": "", "ApproximateReceiveCount": "1"}},
    ],
)
def test_what_is_seldom_or_wrong_is_left_to_python(changed: dict[str, object]) -> None:
    """Even where Python has no doubt about it."""
    assert in_c(of_messages([message("{}"), message("{}") | changed])) is None


def test_an_attribute_that_comes_twice_is_left_to_python() -> None:
    """Whichever of the two would win."""
    body = of_messages([message("{}", attributes={"a": ATTRIBUTES["kind"], "b": ATTRIBUTES["kind"]})])
    assert in_c(body) == in_python(body) is not None
    assert in_c(body.replace(b'"b":', b'"a":')) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Messages":[]}', b'{"Messages":null}', b"[]", document([""] * 11)])
def test_no_messages_and_too_many_are_left_to_python(body: bytes) -> None:
    """An empty answer costs little anyway."""
    assert in_c(body) is None


def test_a_body_that_came_in_pieces_is_left_to_python() -> None:
    """It is an array of bytes that somebody may still write to."""
    assert in_c(bytearray(document(["{}"]))) is None


def test_what_all_deliveries_share_is_not_copied() -> None:
    """The attributes that nobody sent are one object, as in Python."""
    read = speedups.deliveries(document(["{}", "{}"]), LEASED, RECEIVED)
    assert read is not None
    assert all(one.attributes is NO_ATTRIBUTES for one in read)


def test_nobody_can_write_to_the_attributes() -> None:
    """Your function is given the same view, and a dead letter is made of it."""
    read = speedups.deliveries(of_messages([message("{}", **EVERYTHING)]), LEASED, RECEIVED)
    assert read is not None
    (one,) = read
    assert type(one.attributes) is MappingProxyType
    assert one.attributes["kind"] == Attribute("String", "order.created")
    assert type(one.attributes["kind"]) is Attribute
