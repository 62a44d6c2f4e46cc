"""Messages as a sink is given them, made from as little as a test wants to say."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from worker.message import NO_ATTRIBUTES, Message

if TYPE_CHECKING:
    from collections.abc import Mapping

    from worker.message import Attribute


def make_message(
    key: str = "m-1",
    value: object = None,
    *,
    body: str | None = None,
    group_id: str | None = None,
    attributes: Mapping[str, Attribute] | None = None,
) -> Message:
    """A message; without *body* it is the JSON of *value*, and without *value* it names its key."""
    value = {"order": key} if value is None else value
    return Message(
        key=key,
        value=value,
        body=orjson.dumps(value).decode() if body is None else body,
        id=f"id-of-{key}",
        sent_at=1_700_000_000.125,
        received_at=1_700_000_001.5,
        receive_count=1,
        group_id=group_id,
        attributes=NO_ATTRIBUTES if attributes is None else attributes,
    )


def make_messages(count: int, *, prefix: str = "m") -> list[Message]:
    """*count* messages with keys of their own: `m-0`, `m-1` and so on."""
    return [make_message(f"{prefix}-{number}") for number in range(count)]
