"""Deliveries read in C are those that the careful reader finds, for every answer there is."""

from __future__ import annotations

import hashlib
import json
from random import Random
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.speedups.spelled import bodies, document, message, spoiled
from worker import speedups
from worker.message import NO_ATTRIBUTES, Delivery
from worker.sqs.native.read import to_deliveries

if TYPE_CHECKING:
    from worker.sqs.parse import Damaged

LEASED, RECEIVED = 12.5, 1_700_000_001.25


def shown(read: list[Delivery]) -> list[list[object]]:
    """Every field of every delivery."""
    return [[getattr(one, field) for field in Delivery.__slots__] for one in read]


def carefully(body: bytes) -> list[list[object]] | None:
    """What the careful reader finds if nothing is wrong with *body*; None if anything is."""
    damaged: list[Damaged] = []
    try:
        read = orjson.loads(body)
        found = to_deliveries(read, leased_at=LEASED, received_at=RECEIVED, report=damaged.append)
    except (ValueError, AttributeError):
        return None
    return None if damaged else shown(found)


def quickly(body: bytes | bytearray) -> list[list[object]] | None:
    """What the extension finds."""
    read = speedups.deliveries(body, LEASED, RECEIVED)
    return None if read is None else shown(read)


def test_the_extension_is_built() -> None:
    """Or nothing here would be a test of it: install a C compiler and Python's headers."""
    assert speedups.BUILT


@given(bodies)
def test_the_usual_answer_is_read_as_carefully(texts: list[str]) -> None:
    """Whatever the senders wrote, field by field; only escapes of six characters are left to the careful reader."""
    body = document(texts)
    assert quickly(body) == (None if b"\\u" in body else carefully(body))


@given(bodies, st.sampled_from([False, True]), st.randoms(use_true_random=False))
def test_a_spoiled_answer_is_read_as_carefully_or_left_alone(texts: list[str], escaped: object, random: Random) -> None:
    """The extension never finds what the careful reader would not."""
    body = spoiled(document(texts, ascii_only=bool(escaped)), random)
    found = quickly(body)
    assert found is None or found == carefully(body)


def test_ten_thousand_spoiled_answers_are_read_as_carefully_or_left_alone() -> None:
    """As above, beyond what a few examples meet; and some of the changes do no harm, so that both ends are seen."""
    random, read = Random(7), 0
    whole = document(['{"id": 1, "text": "a\\b\n"}', "é" * 9, "", "x" * 130])
    for _ in range(10_000):
        body = spoiled(whole, random)
        found = quickly(body)
        read += found is not None
        assert found is None or found == carefully(body), body
    assert read > 10


def test_the_fields_come_in_any_order() -> None:
    """SQS promises none."""
    fields = message("{}")
    for turn in range(len(fields)):
        names = [*fields][turn:] + [*fields][:turn]
        body = json.dumps({"Messages": [{name: fields[name] for name in names}]}, separators=(",", ":")).encode()
        assert quickly(body) == carefully(body) is not None


@pytest.mark.parametrize("size", [*range(130), 4_096, 262_144])
def test_the_hash_of_a_body_of_any_size_is_verified(size: int) -> None:
    """Beside others of other sizes, and with one digit changed."""
    texts = ["b" * size, "", "c" * 55, "d" * 56, "e" * 64, "f" * 119, "g" * 120, "h" * 9, "i" * (size // 2), "j"]
    body = document(texts)
    assert quickly(body) is not None
    said = hashlib.md5(texts[0].encode(), usedforsecurity=False).hexdigest()
    other = ("1" if said[31] == "0" else "0").join((said[:31], ""))
    assert quickly(body.replace(said.encode(), other.encode())) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"Surprise": "1"},
        {"MessageAttributes": {}},
        {"MessageId": ""},
        {"MessageId": 7},
        {"ReceiptHandle": 'a"b'},
        {"ReceiptHandle": None},
        {"Attributes": {}},
        {"Attributes": {"SentTimestamp": "1"}},
        {"Attributes": {"SentTimestamp": "1", "ApproximateReceiveCount": "1", "MessageGroupId": "g"}},
        {"Attributes": {"SentTimestamp": "-1", "ApproximateReceiveCount": "1"}},
        {"Attributes": {"SentTimestamp": "1" * 16, "ApproximateReceiveCount": "1"}},
        {"Attributes": {"SentTimestamp": "", "ApproximateReceiveCount": "1"}},
    ],
)
def test_what_is_not_of_the_simplest_kind_is_left_alone(changed: dict[str, object]) -> None:
    """Even where the careful reader has no doubt about it."""
    body = json.dumps({"Messages": [message("{}"), message("{}") | changed]}, separators=(",", ":")).encode()
    assert quickly(body) is None


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Messages":[]}', b'{"Messages":null}', b"[]", document([""] * 11)])
def test_no_messages_and_too_many_are_left_alone(body: bytes) -> None:
    """An empty answer costs little anyway."""
    assert quickly(body) is None


def test_a_body_that_came_in_pieces_is_left_alone() -> None:
    """It is an array of bytes that somebody may still write to."""
    assert quickly(bytearray(document(["{}"]))) is None


def test_what_all_deliveries_share_is_not_copied() -> None:
    """The attributes that nobody sent are one object, as in Python."""
    read = speedups.deliveries(document(["{}", "{}"]), LEASED, RECEIVED)
    assert read is not None
    assert all(one.attributes is NO_ATTRIBUTES for one in read)
