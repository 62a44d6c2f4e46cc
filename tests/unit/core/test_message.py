"""Messages: nothing that a function does to one is seen by another, and they can be sent to another process."""

from __future__ import annotations

import copy
import pickle

import pytest

from worker.message import NO_ATTRIBUTES, Attribute, Delivery, Message
from worker.sqs.parse import SYSTEM_ATTRIBUTES, to_delivery
from worker.testing.messages import make_message

RAW = {
    "MessageId": "m",
    "ReceiptHandle": "h",
    "Body": "{}",
    "MD5OfBody": "99914b932bd37a50b983c5e7c90ae93b",
    "Attributes": {"SentTimestamp": "1700000000000", "ApproximateReceiveCount": "1"},
}


@pytest.mark.parametrize("attributes", [{}, {"tenant": {"DataType": "String", "StringValue": "a"}}])
def test_attributes_can_be_read_and_not_written(attributes: dict[str, object]) -> None:
    """Neither the view that all without attributes share, nor that of one message, which its dead letter has."""
    delivery = to_delivery(RAW | {"MessageAttributes": attributes}, leased_at=0.0, received_at=0.0)
    assert isinstance(delivery, Delivery)
    assert sorted(delivery.attributes) == sorted(attributes)
    with pytest.raises(TypeError, match="does not support item assignment"):
        delivery.attributes["poison"] = Attribute("String", "x")  # type: ignore[index] # on purpose
    with pytest.raises(AttributeError):
        delivery.attributes.clear()  # type: ignore[attr-defined] # as above
    assert not NO_ATTRIBUTES


@pytest.mark.parametrize("attributes", [None, {"tenant": Attribute("String", "a")}])
def test_a_message_can_be_pickled_and_copied(attributes: dict[str, Attribute] | None) -> None:
    """A function may hand it to a pool of processes; what arrives is equal, and its attributes are a view again."""
    message = make_message(attributes=attributes)._replace(trace_header="Root=1", sequence_number="18")
    for twin in (pickle.loads(pickle.dumps(message)), copy.deepcopy(message), copy.copy(message)):  # noqa: S301 - our own
        assert type(twin) is Message
        assert twin == message
        with pytest.raises(TypeError):
            twin.attributes["poison"] = Attribute("String", "x")  # type: ignore[index] # on purpose


def test_what_was_added_stands_behind_what_was_there() -> None:
    """Whoever made a message of nine fields, by position, still can."""
    assert Message("k", None, "b", "i", 1.0, 2.0, 3, None, {})[9:] == (None, None, None)
    assert Message._fields[9:] == ("trace_header", "sequence_number", "deduplication_id")


def test_what_a_message_tells_of_its_queue_is_asked_for() -> None:
    """SQS gives only the system attributes that a receive names."""
    assert {"AWSTraceHeader", "SequenceNumber", "MessageDeduplicationId", "MessageGroupId"} <= set(SYSTEM_ATTRIBUTES)
