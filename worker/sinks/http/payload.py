"""What a request holds: takes messages, gives its body, its idempotency key, and which messages no JSON can hold. Pure.

A message is told by what its sender sent, and by nothing of a receipt: received again, it is the same bytes, so that a
receiver that compares what comes under one idempotency key finds no difference.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from worker.outcome import Rejected
from worker.sinks.columns import as_attributes, as_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.http.settings import Format

CONTENT_TYPES: Final = {"json": "application/json", "ndjson": "application/x-ndjson", "single": "application/json"}
_PLAIN_KEY: Final = re.compile(r"[A-Za-z0-9_:-]{1,128}")
"""A key that is sent as it is: it fits into a header, and no full stop blurs what a signature covers."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One request."""

    body: bytes
    idempotency_key: str
    sent: tuple[Message, ...]
    """The messages in it, in order."""
    answers: tuple[Rejected | None, ...]
    """For each message that was given: None if it is sent."""


def payload_of(records: Sequence[Message], form: Format) -> Payload:
    """The request for *records*; for `single` there is one of them."""
    parts: list[bytes] = []
    answers: list[Rejected | None] = []
    for record in records:
        try:
            parts.append(as_json(_as_object(record)))
        except (TypeError, ValueError, RecursionError) as error:
            answers.append(Rejected("sink-data", f"no JSON: {type(error).__name__}"))
        else:
            answers.append(None)
    sent = tuple(record for record, answer in zip(records, answers, strict=True) if answer is None)
    body = _joined(parts, form)
    key = _key_of(sent[0].key) if form == "single" and sent else sha256(body).hexdigest()
    return Payload(body, key, sent, tuple(answers))


def _joined(parts: Sequence[bytes], form: Format) -> bytes:
    match form:
        case "json":
            return b"[" + b",".join(parts) + b"]"
        case "ndjson":
            return b"".join(part + b"\n" for part in parts)
        case "single":
            return b"".join(parts)


def _key_of(key: str) -> str:
    return key if _PLAIN_KEY.fullmatch(key) else sha256(key.encode()).hexdigest()


def _as_object(message: Message) -> dict[str, object]:
    return {
        "message_id": message.key,
        "body": message.value,
        "sent_at": message.sent_at,
        "group_id": message.group_id,
        "attributes": as_attributes(message.attributes) if message.attributes else None,
    }
