"""What a message may contain: characters, sizes, attributes, and what each kind of queue asks for.

Takes an `Outgoing`, gives its size in bytes or raises the fault that SQS would; pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from worker.loopback.errors import SqsFault, invalid_parameter, missing_parameter
from worker.sqs.quotas import DELAY_SECONDS, MESSAGE_ATTRIBUTES, MESSAGE_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.loopback.attributes import QueueSettings
    from worker.message import Attribute, Outgoing

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ATTRIBUTE_NAME: Final = re.compile(r"(?!(?i:aws\.|amazon\.))[\w-]+(\.[\w-]+)*")
"""Amazon's pages name the letters of ASCII; others were seen to pass."""
_ATTRIBUTE_NAME_CHARACTERS: Final = 256
_DATA_TYPE: Final = re.compile(r"(String|Number|Binary)(\..{1,249})?")
_NUMBER: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ID: Final = re.compile(r"""[A-Za-z0-9!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]{1,128}""")


def check_contents(message: Outgoing, settings: QueueSettings) -> None:
    """Refuse what SQS refuses in a message for a queue with *settings*, its size included."""
    if not message.body:
        raise missing_parameter("MessageBody")
    # isprintable is several times faster than the search and true for every body without newlines and controls
    if not message.body.isprintable() and _FORBIDDEN.search(message.body):
        raise SqsFault("InvalidMessageContents", "Invalid binary character was found in the message body.")
    if message.attributes:
        _check_attributes(message.attributes)
    size = message_bytes(message)
    if size > settings.max_message_bytes:
        reason = f"Message must be shorter than {settings.max_message_bytes} bytes."
        detail = f"One or more parameters are invalid. Reason: {reason}"
        raise SqsFault("InvalidParameterValueException", detail)
    _check_delay(message, settings)
    if settings.fifo:
        _check_fifo(message, settings)
    elif message.group_id is not None or message.deduplication_id is not None:
        _check_standard(message)


def check_batch(messages: Sequence[Outgoing], settings: QueueSettings) -> None:
    """Refuse what SQS refuses of a whole batch: its size, and on a FIFO queue one message without a place in line."""
    if settings.fifo:
        for one in messages:
            check_place(one, settings)
    total = sum(map(message_bytes, messages))
    if total > MESSAGE_BYTES:
        detail = f"Batch requests cannot be longer than {MESSAGE_BYTES} bytes. You have sent {total} bytes."
        raise SqsFault("BatchRequestTooLong", detail)


def message_bytes(message: Outgoing) -> int:
    """What counts towards the limits: body and attributes, but not the trace header."""
    body = message.body
    size = _utf8_bytes(body)
    if not message.attributes:
        return size
    return size + sum(_attribute_bytes(name, one) for name, one in message.attributes.items())


def _utf8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def _attribute_bytes(name: str, attribute: Attribute) -> int:
    value = attribute.value
    size = len(value) if isinstance(value, bytes) else _utf8_bytes(value)
    return _utf8_bytes(name) + _utf8_bytes(attribute.data_type) + size


def _check_attributes(attributes: Mapping[str, Attribute]) -> None:
    if len(attributes) > MESSAGE_ATTRIBUTES:
        detail = f"Number of message attributes [{len(attributes)}] exceeds the allowed maximum [{MESSAGE_ATTRIBUTES}]."
        raise SqsFault("InvalidParameterValueException", detail)
    for name, attribute in attributes.items():
        if len(name) > _ATTRIBUTE_NAME_CHARACTERS or not _ATTRIBUTE_NAME.fullmatch(name):
            raise invalid_parameter("MessageAttributes", name, "The message attribute name is not valid.")
        _check_attribute(name, attribute)


def _check_attribute(name: str, attribute: Attribute) -> None:
    kind = _DATA_TYPE.fullmatch(attribute.data_type)
    if kind is None:
        reason = f"The message attribute '{name}' has an invalid message attribute type."
        raise invalid_parameter("MessageAttributes", attribute.data_type, reason)
    if not attribute.value or (kind[1] == "Binary") != isinstance(attribute.value, bytes):
        reason = f"The message attribute '{name}' must contain a non-empty value of its type."
        raise invalid_parameter("MessageAttributes", name, reason)
    value = attribute.value
    if isinstance(value, bytes):
        return
    if kind[1] == "Number" and not _NUMBER.fullmatch(value):
        raise invalid_parameter("MessageAttributes", name, f"Can't cast the value of '{name}' to a number.")
    if _FORBIDDEN.search(value):
        reason = f"The message attribute '{name}' holds a character that XML 1.0 does not have."
        raise invalid_parameter("MessageAttributes", name, reason)


def _check_delay(message: Outgoing, settings: QueueSettings) -> None:
    delay = message.delay_seconds
    if not delay:
        return
    if not 0 <= delay <= DELAY_SECONDS:
        raise invalid_parameter("DelaySeconds", delay, f"DelaySeconds must be >= 0 and <= {DELAY_SECONDS}.")
    if settings.fifo:
        raise invalid_parameter(
            "DelaySeconds", delay, "The request include parameter that is not valid for this queue type"
        )


def check_place(message: Outgoing, settings: QueueSettings) -> None:
    """Refuse what a FIFO queue cannot put in line: no group, or nothing to know a repetition by."""
    if message.group_id is None:
        raise missing_parameter("MessageGroupId")
    if message.deduplication_id is None and not settings.content_deduplication:
        ways = "have ContentBasedDeduplication enabled or MessageDeduplicationId provided explicitly"
        detail = f"The queue should either {ways}"
        raise SqsFault("InvalidParameterValueException", detail)


def _check_fifo(message: Outgoing, settings: QueueSettings) -> None:
    check_place(message, settings)
    _check_id("MessageGroupId", message.group_id or "")
    if message.deduplication_id is not None:
        _check_id("MessageDeduplicationId", message.deduplication_id)


def _check_standard(message: Outgoing) -> None:
    """A group id is welcome on a standard queue (fair queues); a deduplication id is not."""
    if message.deduplication_id is not None:
        reason = "The request include parameter that is not valid for this queue type"
        raise invalid_parameter("MessageDeduplicationId", message.deduplication_id, reason)
    if message.group_id is not None:
        _check_id("MessageGroupId", message.group_id)


def _check_id(name: str, value: str) -> None:
    if not _ID.fullmatch(value):
        reason = f"{name} can only include alphanumeric and punctuation characters. 1 to 128 in length"
        raise invalid_parameter(name, value, reason)
