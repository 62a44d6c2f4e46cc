"""Queue attributes: names, bounds, defaults and the faults for anything else.

Takes the text map of CreateQueue or SetQueueAttributes, gives a frozen `QueueSettings`; pure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import orjson

from worker.loopback.errors import SqsFault, invalid_parameter
from worker.sqs.queue import Redrive
from worker.sqs.quotas import (
    DELAY_SECONDS,
    MESSAGE_BYTES,
    QUEUE_NAME_CHARACTERS,
    RECEIVE_COUNT_MAX,
    RETENTION_SECONDS,
    RETENTION_SECONDS_MIN,
    VISIBILITY_SECONDS,
    WAIT_SECONDS,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

_NUMBERS: Final = {
    "DelaySeconds": ("delay_seconds", 0, DELAY_SECONDS),
    "MaximumMessageSize": ("max_message_bytes", 1024, MESSAGE_BYTES),
    "MessageRetentionPeriod": ("retention_seconds", RETENTION_SECONDS_MIN, RETENTION_SECONDS),
    "ReceiveMessageWaitTimeSeconds": ("wait_seconds", 0, WAIT_SECONDS),
    "VisibilityTimeout": ("visibility_timeout", 0, VISIBILITY_SECONDS),
}
_TRUTHS: Final = {"FifoQueue", "ContentBasedDeduplication", "SqsManagedSseEnabled"}
"""True or false, in any case; given back in small letters."""
_FIFO_ONLY: Final = {
    "ContentBasedDeduplication": ("true", "false"),
    "DeduplicationScope": ("queue", "messageGroup"),
    "FifoThroughputLimit": ("perQueue", "perMessageGroupId"),
}
_KEPT: Final = {"Policy", "KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled"}
"""Stored and given back; nothing is encrypted or forbidden on this machine."""
_COUNTS: Final = {
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "QueueArn",
}
_SETTABLE: Final = {*_NUMBERS, *_FIFO_ONLY, *_KEPT, "FifoQueue", "RedrivePolicy", "RedriveAllowPolicy"}
NAMES: Final = {*_SETTABLE, *_COUNTS, "All"}
"""What GetQueueAttributes may be asked for."""
_ALLOWED_SOURCES: Final = 10


@dataclass(frozen=True, slots=True)
class RedriveAllow:
    """Which queues may dead-letter into this one."""

    permission: str = "allowAll"
    sources: tuple[str, ...] = ()

    def allows(self, arn: str) -> bool:
        """Whether the queue *arn* may."""
        return self.permission == "allowAll" or (self.permission == "byQueue" and arn in self.sources)


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """A queue's attributes as types; SQS's defaults."""

    fifo: bool = False
    delay_seconds: int = 0
    max_message_bytes: int = MESSAGE_BYTES
    retention_seconds: int = 345_600
    wait_seconds: int = 0
    visibility_timeout: int = 30
    content_deduplication: bool = False
    group_deduplication: bool = False
    redrive: Redrive | None = None
    allow: RedriveAllow = field(default_factory=RedriveAllow)
    texts: Mapping[str, str] = field(default_factory=dict)
    """What was given, word for word, for GetQueueAttributes."""

    def described(self) -> dict[str, str]:
        """The settable attributes as GetQueueAttributes shows them."""
        shown = {name: str(getattr(self, one[0])) for name, one in _NUMBERS.items()}
        if "KmsMasterKeyId" not in self.texts:
            shown["SqsManagedSseEnabled"] = "true"
        if self.fifo:
            shown |= {name: values[0] for name, values in _FIFO_ONLY.items()}
            shown |= {"FifoQueue": "true", "ContentBasedDeduplication": str(self.content_deduplication).lower()}
        return shown | dict(self.texts)


def created(name: str, texts: Mapping[str, str]) -> QueueSettings:
    """The settings of a new queue *name*."""
    fifo = texts.get("FifoQueue", "false").lower() == "true"
    _check_name(name, fifo=fifo)
    return changed(QueueSettings(fifo=fifo), texts)


def changed(settings: QueueSettings, texts: Mapping[str, str]) -> QueueSettings:
    """*settings* with *texts* applied; an empty text removes a policy, as SQS has it. A queue stays of its kind: it is
    FIFO already or refuses the word.
    """
    for name in texts:
        if name not in _SETTABLE or (name == "FifoQueue" and not settings.fifo):
            raise SqsFault("InvalidAttributeName", f"Unknown Attribute {name}.")
        if name in _FIFO_ONLY and not settings.fifo:
            raise SqsFault("InvalidAttributeName", f"You can specify the {name} only for FIFO queues.")
    given = {name: text.lower() if name in _TRUTHS else text for name, text in texts.items()}
    if given.pop("FifoQueue", "true") != "true":
        raise _invalid("FifoQueue")
    kept = {name: text for name, text in {**settings.texts, **given}.items() if text and name not in _NUMBERS}
    for name, allowed in _FIFO_ONLY.items():
        if kept.get(name, allowed[0]) not in allowed:
            raise _invalid(name)
    _check_kept(kept)
    redrive = _redrive(kept)
    if redrive is not None:
        kept["RedrivePolicy"] = _counted(kept["RedrivePolicy"], redrive)
    return replace(
        settings,
        delay_seconds=_number("DelaySeconds", texts, settings.delay_seconds),
        max_message_bytes=_number("MaximumMessageSize", texts, settings.max_message_bytes),
        retention_seconds=_number("MessageRetentionPeriod", texts, settings.retention_seconds),
        wait_seconds=_number("ReceiveMessageWaitTimeSeconds", texts, settings.wait_seconds),
        visibility_timeout=_number("VisibilityTimeout", texts, settings.visibility_timeout),
        content_deduplication=kept.get("ContentBasedDeduplication") == "true",
        group_deduplication=kept.get("DeduplicationScope") == "messageGroup",
        redrive=redrive,
        allow=_allow(kept),
        texts=kept,
    )


def _check_name(name: str, *, fifo: bool) -> None:
    stem = name.removesuffix(".fifo") if fifo else name
    long = len(name) > QUEUE_NAME_CHARACTERS
    if long or not re.fullmatch(r"[A-Za-z0-9_-]+", stem) or fifo != name.endswith(".fifo"):
        kind, end = ("FIFO", ", must end with .fifo suffix") if fifo else ("standard", "")
        detail = (
            f"The name of a {kind} queue can only include alphanumeric characters, hyphens, or underscores{end} "
            f"and be 1 to {QUEUE_NAME_CHARACTERS} in length."
        )
        raise SqsFault("InvalidParameterValueException", detail)


def _check_kept(texts: Mapping[str, str]) -> None:
    if "Policy" in texts:
        _json("Policy", texts["Policy"])
    if texts.get("SqsManagedSseEnabled", "true") not in {"true", "false"}:
        raise _invalid("SqsManagedSseEnabled")
    reuse = texts.get("KmsDataKeyReusePeriodSeconds", "300")
    if not (reuse.isdecimal() and 60 <= int(reuse) <= 86_400):  # noqa: PLR2004 - the data key's bounds, stated here only
        raise _invalid("KmsDataKeyReusePeriodSeconds")
    if texts.get("FifoThroughputLimit") == "perMessageGroupId" and texts.get("DeduplicationScope") != "messageGroup":
        detail = "The perMessageGroupId FifoThroughputLimit requires the messageGroup DeduplicationScope."
        raise SqsFault("InvalidAttributeValue", detail)


def _number(name: str, texts: Mapping[str, str], current: int) -> int:
    _, low, high = _NUMBERS[name]
    text = texts.get(name, str(current))
    if not (text.isdecimal() and text.isascii() and low <= int(text) <= high):
        raise _invalid(name)
    return int(text)


def _redrive(texts: Mapping[str, str]) -> Redrive | None:
    if "RedrivePolicy" not in texts:
        return None
    policy = _json("RedrivePolicy", texts["RedrivePolicy"])
    arn, most = policy.get("deadLetterTargetArn"), policy.get("maxReceiveCount", 10)
    count = int(most) if isinstance(most, int) or (isinstance(most, str) and most.isdecimal()) else 0
    if not isinstance(arn, str) or not 1 <= count <= RECEIVE_COUNT_MAX:
        reason = f"It needs a deadLetterTargetArn and a maxReceiveCount from 1 to {RECEIVE_COUNT_MAX}."
        raise invalid_parameter("RedrivePolicy", texts["RedrivePolicy"], reason)
    return Redrive(arn, count)


def _counted(policy: str, redrive: Redrive) -> str:
    """*policy* as SQS gives it back: its count is a number, also where a text was given."""
    return orjson.dumps({**_json("RedrivePolicy", policy), "maxReceiveCount": redrive.max_receive_count}).decode()


def _allow(texts: Mapping[str, str]) -> RedriveAllow:
    if "RedriveAllowPolicy" not in texts:
        return RedriveAllow()
    policy = _json("RedriveAllowPolicy", texts["RedriveAllowPolicy"])
    permission, sources = policy.get("redrivePermission"), policy.get("sourceQueueArns", [])
    known = permission in {"allowAll", "denyAll", "byQueue"}
    arns = tuple(map(str, sources)) if isinstance(sources, list) else ()
    if not known or len(arns) > _ALLOWED_SOURCES or (permission == "byQueue") != bool(arns):
        reason = "byQueue names 1 to 10 sourceQueueArns, allowAll and denyAll none."
        raise invalid_parameter("RedriveAllowPolicy", texts["RedriveAllowPolicy"], reason)
    return RedriveAllow(str(permission), arns)


def _json(name: str, text: str) -> dict[str, object]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise _invalid(name) from None
    if not isinstance(value, dict):
        raise _invalid(name)
    return value


def _invalid(name: str) -> SqsFault:
    return SqsFault("InvalidAttributeValue", f"Invalid value for the parameter {name}.")
