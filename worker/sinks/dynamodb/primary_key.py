"""The primary key of an item: what stands in it, so that one message has one item and two have two. Pure.

`problem` says what is wrong with two names. `PrimaryKey` says what stands in them and how large it may be.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.sinks.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY: Final = "message_id"
"""The column of the deduplication key."""
OTHERS: Final = frozenset(COLUMNS) - {KEY}
_CONSTANT: Final = frozenset({"sent_at", "group_id"})
"""Columns that are the same with every receipt of a message."""
PARTITION_KEY_BYTES: Final = 2048
SORT_KEY_BYTES: Final = 1024


@dataclass(frozen=True, slots=True)
class PrimaryKey:
    """The names of a table's primary key, which `problem` has nothing against."""

    partition: str
    sort: str | None = None

    @property
    def name(self) -> str:
        """The attribute that holds the deduplication key."""
        return self.partition if self.sort is None or self.partition not in OTHERS else self.sort

    def __iter__(self) -> Iterator[str]:
        """The one or two names."""
        yield self.partition
        if self.sort is not None:
            yield self.sort

    def type_of(self, name: str) -> str:
        """DynamoDB's type of a key attribute."""
        return "N" if name == "sent_at" else "S"

    def most_bytes(self, name: str) -> int:
        """Of a text in it."""
        return PARTITION_KEY_BYTES if name == self.partition else SORT_KEY_BYTES


def problem(partition: str, sort: str | None, *, by_field: bool) -> str | None:
    """Why items with such a key would be lost or stand there twice; *by_field*: DEDUPLICATION_KEY names a field."""
    holding = [name for name in (partition, sort) if name is not None and name not in OTHERS]
    if len(holding) != 1 or partition == sort:
        return "one of the two holds the deduplication key, under message_id or a name that is no other column's"
    beside = next((name for name in (partition, sort) if name in OTHERS), None)
    if beside is None:
        return None
    if beside not in _CONSTANT or (beside == partition and beside != "group_id"):
        return (
            f"{beside} is no key beside it: take sent_at or group_id as the sort key, or group_id as the partition key"
        )
    if by_field:
        return (
            f"with DEDUPLICATION_KEY two messages of one key may differ in {beside}: take the deduplication key alone"
        )
    return None
