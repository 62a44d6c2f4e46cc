"""A message as an item: the seven columns as attributes, its key, and when it expires.

`ItemMaker.make` takes a message and gives an `Item`, or how the message ends instead. Columns that a message does not
have are left out, so that indexes of them stay sparse. `divided` puts items into calls. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from worker.codecs.codec import Reason
from worker.outcome import Rejected
from worker.sinks.dynamodb.values import Attribute, AttributeEncoder, Unstorable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.message import Attribute as Sent
    from worker.message import Message
    from worker.sinks.dynamodb.primary_key import PrimaryKey

ITEM_BYTES: Final = 400 * 1024
CALL_ITEMS: Final = 25
CALL_BYTES: Final = 2 * 1024 * 1024
"""A request may have 16 MB, and JSON makes up to seven bytes of one (`{"NULL":true},` of two, `\\u0000` of one)."""


@dataclass(frozen=True, slots=True)
class Item:
    """One message, ready to be put."""

    key: str
    """The deduplication key."""
    attributes: dict[str, Attribute]
    size: int
    """Bytes, as DynamoDB counts them."""


@dataclass(frozen=True, slots=True)
class ItemMaker:
    """Makes items for one table."""

    keys: PrimaryKey
    as_text: bool = False
    """The body as it was sent."""
    ttl_seconds: int | None = None
    ttl_attribute: str = "expires_at"

    def make(self, message: Message) -> Item | Rejected:
        """*message* for the table, or how it ends instead."""
        encoder = AttributeEncoder()
        try:
            attributes = self._attributes(message, encoder)
            self._require_keys(attributes)
        except Unstorable as error:
            return Rejected(error.reason, str(error))
        if encoder.size > ITEM_BYTES:
            words = f"an item of {encoder.size} bytes is larger than the {ITEM_BYTES} that DynamoDB takes"
            return Rejected(Reason.SIZE, words)
        return Item(message.key, attributes, encoder.size)

    def _attributes(self, message: Message, encoder: AttributeEncoder) -> dict[str, Attribute]:
        columns: dict[str, object] = {
            self.keys.name: message.key,
            "body": message.body if self.as_text else message.value,
            "sent_at": message.sent_at,
            "received_at": message.received_at,
            "receive_count": message.receive_count,
        }
        if message.group_id is not None:
            columns["group_id"] = message.group_id
        if message.attributes:
            columns["attributes"] = _plain(message.attributes)
        if self.ttl_seconds is not None:
            columns[self.ttl_attribute] = int(message.sent_at or message.received_at) + self.ttl_seconds
        return {encoder.name(name): encoder.encode(value) for name, value in columns.items()}

    def _require_keys(self, attributes: Mapping[str, Attribute]) -> None:
        """See that the table can find the item.

        Raises:
            Unstorable: an attribute of the key is missing, or too long.
        """
        for name in self.keys:
            if name not in attributes:
                raise Unstorable(Reason.KEY, f"it has no {name}, which is a key of the table")
            most, text = self.keys.most_bytes(name), attributes[name].get("S", "-")
            if not text or len(text.encode()) > most:
                raise Unstorable(Reason.KEY, f"{name} is a key of the table, and has to have 1 to {most} bytes")


def divided(items: Sequence[Item], most: int = CALL_ITEMS) -> Iterator[list[Item]]:
    """*items* in calls of at most so many, and of no more bytes than a call may have."""
    call: list[Item] = []
    size = 0
    for item in items:
        if call and (len(call) == most or size + item.size > CALL_BYTES):
            yield call
            call, size = [], 0
        call.append(item)
        size += item.size
    if call:
        yield call


def _plain(attributes: Mapping[str, Sent]) -> dict[str, dict[str, Any]]:
    return {name: {"data_type": one.data_type, "value": one.value} for name, one in attributes.items()}
