"""A dead letter: what is written on a rejected message, and what is read when one is put back.

`Draft` makes the letter of one rejected delivery, in full or briefer where the dead-letter queue takes less; `past_of`
knows such a letter again among a message's attributes and gives back what its sender had sent. Pure.

The context is one attribute, since a message may have only ten. An attribute that has no room beside it goes into it,
with its type and value (Binary in hexadecimal digits).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from worker.message import DEAD_LETTER, Attribute, Outgoing, measure
from worker.sqs.quotas import MESSAGE_ATTRIBUTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.message import Delivery
    from worker.outcome import Rejected

CONTEXT: Final = DEAD_LETTER
"""The attribute that holds the context as JSON."""
DETAIL_CHARACTERS: Final = 512
SHORT_CHARACTERS: Final = 64
"""Of the reason, in a context that is cut to what finding the message needs."""
_TEXTS: Final = ("reason", "message_id", "source")
"""Texts that every context of ours has; `attempts` is its number."""


class Brevity(IntEnum):
    """How much a letter says beside the message itself."""

    FULL = 0
    SHORT = 1
    """Why, whence and which, and nothing else."""
    BARE = 2
    """The message as its sender sent it: it matters more than our words about it."""


@dataclass(frozen=True, slots=True)
class Past:
    """What a message says that was a dead letter before."""

    source: str
    """Name of the queue in which it was rejected."""
    rejections: int
    """How often it was rejected so far."""
    first: dict[str, str]
    """Reason, message id and source of the first time."""
    attributes: Mapping[str, Attribute]
    """As the sender gave them: without the context, and with what that had displaced."""


@dataclass(slots=True)
class Draft:
    """One letter, made as it is asked for."""

    delivery: Delivery
    rejected: Rejected
    worker: str
    source: str
    rejected_at: float
    """Unix time in seconds."""
    fifo: bool
    least: Brevity = Brevity.FULL
    """It may say no more than that. Written by `brief` and by whoever was refused."""

    def cut_to(self, limit: int) -> Outgoing | None:
        """The fullest letter of at most *limit* bytes, as SQS counts them; None if the bare message is larger."""
        for brevity in Brevity:
            if brevity >= self.least and (letter := self._letter(brevity)).size <= limit:
                self.least = brevity
                return letter
        return None

    @property
    def bare_bytes(self) -> int:
        """Size of the message alone."""
        return measure(self.delivery.body, self._sent_attributes(past_of(self.delivery.attributes)))

    def _letter(self, brevity: Brevity) -> Outgoing:
        delivery = self.delivery
        past = past_of(delivery.attributes)
        attributes = self._sent_attributes(past)
        if brevity < Brevity.BARE:
            attributes = _explained(attributes, self._context(past, short=brevity == Brevity.SHORT))
        return Outgoing(
            body=delivery.body,
            attributes=attributes,
            group_id=delivery.group_id or (delivery.message_id if self.fifo else None),
            deduplication_id=delivery.message_id if self.fifo else None,
            trace_header=delivery.trace_header,
        )

    def _sent_attributes(self, past: Past | None) -> Mapping[str, Attribute]:
        if past is not None:
            return past.attributes
        # Whoever sent an attribute of this name did not reject the message: nobody may forge our word.
        return {name: one for name, one in self.delivery.attributes.items() if name != CONTEXT}

    def _context(self, past: Past | None, *, short: bool) -> dict[str, object]:
        delivery, rejected = self.delivery, self.rejected
        context: dict[str, object] = {
            "reason": rejected.reason[:SHORT_CHARACTERS] if short else rejected.reason,
            "attempts": delivery.receive_count,
            "rejections": 1 if past is None else past.rejections + 1,
            "message_id": delivery.message_id,
            "source": self.source,
        }
        if short:
            return context
        if past is not None:
            context["first"] = past.first
        return context | {
            "detail": rejected.detail[:DETAIL_CHARACTERS],
            "sent_at": delivery.sent_at,
            "received_at": delivery.received_at,
            "rejected_at": round(self.rejected_at, 3),
            "worker": self.worker,
        }


def past_of(attributes: Mapping[str, Attribute]) -> Past | None:
    """What our context among *attributes* tells; None if there is none, or none that a worker has written."""
    attribute = attributes.get(CONTEXT)
    if attribute is None or not isinstance(attribute.value, str):
        return None
    try:
        context = json.loads(attribute.value)
        first = {name: _text(context[name]) for name in _TEXTS}
        rejections = _number(context.get("rejections", 1))
        _number(context["attempts"])
        displaced = {name: _displaced(*one) for name, one in context.get("displaced_attributes", {}).items()}
        earlier = {name: _text(context["first"][name]) for name in _TEXTS} if "first" in context else first
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    sent = {name: one for name, one in attributes.items() if name != CONTEXT} | displaced
    if len(sent) > MESSAGE_ATTRIBUTES:
        return None
    return Past(first["source"], rejections, earlier, MappingProxyType(sent))


def restored(attributes: Mapping[str, Attribute], source: str) -> Mapping[str, Attribute]:
    """*attributes* as their sender gave them, if this is a dead letter put back into the queue *source*.

    Elsewhere the context stays: whoever reads a dead-letter queue wants to know why.
    """
    past = past_of(attributes)
    return attributes if past is None or past.source != source else past.attributes


def _explained(kept: Mapping[str, Attribute], context: dict[str, object]) -> Mapping[str, Attribute]:
    """*kept* with the context; what has no room beside it goes into it."""
    attributes = dict(kept)
    displaced: dict[str, list[str]] = {}
    while len(attributes) >= MESSAGE_ATTRIBUTES:
        name, attribute = attributes.popitem()
        value = attribute.value if isinstance(attribute.value, str) else attribute.value.hex()
        displaced[name] = [attribute.data_type, value]
    if displaced:
        context["displaced_attributes"] = displaced
    attributes[CONTEXT] = Attribute("String", json.dumps(context, ensure_ascii=True))
    return attributes


def _displaced(data_type: str, value: str) -> Attribute:
    if _text(data_type).partition(".")[0] not in {"String", "Number", "Binary"}:
        raise ValueError("an attribute of a type that SQS does not have")
    return Attribute(data_type, bytes.fromhex(value) if data_type.startswith("Binary") else _text(value))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("text is expected")
    return value


def _number(value: Any) -> int:
    if type(value) is not int or value < 1:
        raise ValueError("a count is expected")
    return value
