"""What answers mean: the short way gives what the long one gives, and a refusal is named as the SDK names it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, Final

import orjson
import pytest
from botocore.parsers import JSONParser
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.errors import QueueError
from worker.message import Attribute, Delivery
from worker.sqs.native.answer import HttpAnswer
from worker.sqs.native.read import decoded, document, plain, refusal, settled, to_deliveries
from worker.sqs.parse import Damaged, to_answers, to_delivery, undamaged
from worker.sqs.queue import OK

FIELDS: Final = Delivery.__slots__

texts = st.one_of(
    st.text(max_size=5), st.sampled_from(["", "0", "17", "-1", "1700000000123", "9" * 400, "٣", "²", "x"])
)
values = st.one_of(texts, st.none(), st.integers(-5, 5), st.booleans(), st.builds(list), st.builds(dict))


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    """Mostly good ones, each with perhaps something wrong."""
    body = draw(st.text(max_size=9))
    message: dict[str, Any] = {
        "MessageId": draw(st.text(min_size=1, max_size=3)),
        "ReceiptHandle": draw(st.text(min_size=1, max_size=3)),
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest(),
        "Attributes": {"SentTimestamp": "1700000000123", "ApproximateReceiveCount": "3"},
    }
    for spoiled in draw(st.lists(st.sampled_from([*message, "MessageAttributes", "Surprise"]), max_size=2)):
        message[spoiled] = draw(values)
    system = message["Attributes"]
    if isinstance(system, dict):
        for name in draw(st.lists(st.sampled_from([*system, "MessageGroupId", "SequenceNumber", "New"]), max_size=2)):
            system[name] = draw(values)
        if draw(st.booleans()) and system:
            system.pop(draw(st.sampled_from(sorted(system))), None)
    return message


def shown(read: list[Delivery]) -> list[list[object]]:
    """Every field of every delivery."""
    return [[getattr(one, field) for field in FIELDS] for one in read]


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # its first texts build a table of Unicode
@given(st.lists(messages(), max_size=4))
def test_the_short_way_gives_what_the_long_one_gives(raw: list[dict[str, Any]]) -> None:
    """Field by field, whatever is wrong with a message, and damage is reported all the same."""
    long = [to_delivery(one, leased_at=1.5, received_at=2.5) for one in raw]
    damaged: list[Damaged] = []
    short = to_deliveries({"Messages": raw}, leased_at=1.5, received_at=2.5, report=damaged.append)
    assert shown(short) == shown(undamaged(raw, long))
    assert damaged == [one for one in long if isinstance(one, Damaged)]


def test_the_usual_message_takes_the_short_way() -> None:
    """Otherwise the property above would hold for nothing."""
    body = "Grüße"
    raw = {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "Body": body,
        "MD5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "Attributes": {"SentTimestamp": "1700000000123", "ApproximateReceiveCount": "3"},
    }
    assert plain([raw], 1.0, 2.0)[0].sent_at == 1700000000.123


def test_binary_attributes_are_bytes() -> None:
    """JSON carries them in base64; what is no base64 damages its message, as the wrong type does."""
    data = bytes(range(256))
    body = "x"
    raw = {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "Body": body,
        "Attributes": {},
        "MessageAttributes": {
            "raw": {"DataType": "Binary.jpg", "BinaryValue": base64.b64encode(data).decode()},
            "kind": {"DataType": "String", "StringValue": "order"},
        },
    }
    (read,) = to_deliveries({"Messages": [raw]}, leased_at=1.0, received_at=2.0, report=lambda _: None)
    assert (read.sent_at, read.receive_count) == (0.0, 1)  # not told: the same at each receipt
    assert read.attributes == {"raw": Attribute("Binary.jpg", data), "kind": Attribute("String", "order")}


@pytest.mark.parametrize("value", ["no base64!", "YQ", None, 7, ["YQ=="]], ids=str)
def test_a_binary_attribute_that_is_no_base64_is_damage(value: object) -> None:
    """The message is left out and reported, never handed on with other bytes."""
    raw = {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "Body": "x",
        "MessageAttributes": {"raw": {"DataType": "Binary", "BinaryValue": value}},
    }
    assert to_delivery(decoded(raw), leased_at=1.0, received_at=2.0) == Damaged("attributes", "id")


REFUSALS: Final[dict[str, tuple[int, dict[str, str], bytes]]] = {
    "shape": (400, {}, b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}'),
    "shape and address": (400, {}, b'{"__type": "InvalidParameterValue:http://x", "Message": "no"}'),
    "older code": (
        400,
        {"x-amzn-query-error": "AWS.SimpleQueueService.NonExistentQueue;Sender"},
        b'{"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "no"}',
    ),
    "no code": (400, {}, b'{"message": "no"}'),
    "empty": (503, {}, b""),
    "text": (502, {}, b"<html>Bad gateway</html>"),
    "text of a client's fault": (403, {}, b"Forbidden"),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_has_the_code_that_the_sdk_would_give(name: str) -> None:
    """Compared with botocore's own reading of the same answer."""
    status, headers, body = REFUSALS[name]
    said = JSONParser().parse({"status_code": status, "headers": headers, "body": body}, None)["Error"]["Code"]
    answer = HttpAnswer(status, {key.encode(): value.encode() for key, value in headers.items()}, body, 0.0)
    error = refusal("receive", answer)
    expected = f"Http{status}" if not said or said.isdigit() else said
    assert error.code in {expected, expected.rpartition(".")[2].replace("NonExistentQueue", "QueueDoesNotExist")}


entries = st.fixed_dictionaries({}, optional={"Id": st.sampled_from(["0", "1", "2", 0]), "Code": texts})


@given(st.dictionaries(st.sampled_from(["Successful", "Failed"]), st.lists(entries, max_size=3)), st.integers(1, 3))
def test_the_usual_answer_of_a_batch_reads_as_any_other(read: dict[str, Any], asked: int) -> None:
    """The comparison with the whole success gives nothing that reading entry by entry would not."""
    answer = HttpAnswer(200, {b"x-amzn-requestid": b"1"}, orjson.dumps(read), 0.0)
    assert settled("delete", answer, asked) == to_answers(read, asked)


@pytest.mark.parametrize("asked", [1, 10])
def test_a_whole_success_is_one(asked: int) -> None:
    """With an empty list of failures, with none, spelled in another way, and of a body that came in pieces."""
    accepted = [{"Id": str(i)} for i in range(asked)]
    for read in ({"Successful": accepted}, {"Successful": accepted, "Failed": []}):
        for body in (orjson.dumps(read), bytearray(orjson.dumps(read)), orjson.dumps(read, option=orjson.OPT_INDENT_2)):
            answer = HttpAnswer(200, {b"x-amzn-requestid": b"1"}, body, 0.0)
            assert settled("delete", answer, asked) == [OK] * asked


def test_half_a_surrogate_pair_hides_no_other_message() -> None:
    """Only JSON's escapes can spell it; the document is read, as the SDK reads it."""
    body = b'{"Messages": [{"Body": "\\ud800"}, {"Body": "well"}]}'
    read = document("receive", HttpAnswer(200, {b"x-amzn-requestid": b"1"}, body, 0.0))
    assert [one["Body"] for one in read["Messages"]] == ["\ud800", "well"]


@pytest.mark.parametrize("status", [200, 400])
def test_nothing_nested_however_deep_ends_in_another_error_than_ours(status: int) -> None:
    """A thousand brackets are no answer of SQS, and no reason to end the worker."""
    answer = HttpAnswer(status, {b"x-amzn-requestid": b"1"}, b"[" * 1_000 + b"]" * 1_000, 0.0)
    with pytest.raises(QueueError):
        document("receive", answer)


def test_a_sequence_number_that_is_no_number_is_damage() -> None:
    """A FIFO queue's order goes by it."""
    body = "x"
    raw = {
        "MessageId": "id",
        "ReceiptHandle": "handle",
        "Body": body,
        "Attributes": {"SequenceNumber": "abc", "MessageGroupId": "g"},
    }
    assert to_delivery(raw, leased_at=0.0, received_at=0.0) == Damaged("attributes", "id")
