"""DynamoDB: takes batches of messages, gives items in one table of one region.

Calls go through the sinks' door to AWS, at most so many at once, over all writers. Ends with `close`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from worker.errors import SinkUnavailable
from worker.outcome import Rejected
from worker.sinks.aws.client import AwsClient, open_client
from worker.sinks.aws.errors import AwsError, at_start
from worker.sinks.aws.spec import AwsSpec
from worker.sinks.dynamodb.items import CALL_ITEMS, Item, ItemMaker, divided
from worker.sinks.dynamodb.primary_key import PrimaryKey
from worker.sinks.dynamodb.putting import Putter
from worker.sinks.dynamodb.table import DynamoDbTable
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.dynamodb.settings import DynamoDbSettings
    from worker.sinks.plugin import SinkContext

WRITERS: Final = 4
CALLS: Final = 16
"""Calls at once, of all writers."""


class DynamoDbSink:
    """Items in a table, one for each message, under its deduplication key.

    *At least once* on that key, and one item a message: a redelivery, in whatever batch it comes, is put under the same
    key. With `overwrite` it replaces the item by the same one (a later receipt's `received_at` and `receive_count`);
    with `conditional` the item that is there stays. No batch is a transaction: killed, cancelled or throttled on the
    way, a part of it may be there before it is written again, which adds nothing.

    Of two messages with one key in a batch the last one is put with `overwrite` and the first one with `conditional`,
    as if they had been written one after the other; both are accepted. What no item can hold (400 KB, a key's length,
    a number of more than 38 digits, 32 levels, a lone surrogate) is rejected alone, before a call is made. What the
    table leaves unprocessed is put again after a pause with jitter; a table that takes nothing is *away*.
    """

    def __init__(self, settings: DynamoDbSettings, context: SinkContext, *, rng: random.Random | None = None) -> None:
        self._settings = settings
        self._keys = PrimaryKey(settings.partition_key, settings.sort_key)
        self._conditional = settings.mode == "conditional"
        self._maker = ItemMaker(
            self._keys,
            as_text=settings.body == "text",
            ttl_seconds=settings.ttl_seconds,
            ttl_attribute=settings.ttl_attribute,
        )
        self._writers = min(WRITERS, context.concurrency)
        self._random = rng or random.Random()  # noqa: S311 - jitter, not a secret
        self._spec = AwsSpec(
            service="dynamodb",
            title="DynamoDB",
            prefix="DYNAMODB",
            region=settings.region or context.region,
            endpoint_url=settings.endpoint_url,
            connections=CALLS,
            pipeline=context.pipeline,
            emit=context.emit,
        )
        self._client: AwsClient | None = None
        """Written by `_opening` and `close`."""
        self._table: DynamoDbTable
        """Written by `_opening`."""
        self._putter: Putter
        """As above."""

    @property
    def demand(self) -> Demand:
        """A few writers, which share the connections."""
        return Demand(max_writers=self._writers)

    async def open(self) -> None:
        """Find the table, compare its keys, and prove that it takes items; it is not made."""
        await self._opening()

    async def check(self) -> str:
        """See `Checkable`."""
        await self._opening()
        said = f"table {self._settings.table} takes items"
        if self._settings.ttl_seconds is None:
            return said
        attribute = self._settings.ttl_attribute
        try:
            if await self._table.expires(attribute):
                return f"{said}, which expire by {attribute}"
        except AwsError as error:
            return f"{said}; whether they expire by {attribute} is not known ({error.code})"
        return f"{said}, but does not let them expire by {attribute}: {self._table.expiry_command(attribute)}"

    async def _opening(self) -> None:
        await self.close()
        try:
            self._client = client = await open_client(self._spec)
            self._table = DynamoDbTable(client, self._settings.table, self._keys)
            self._putter = Putter(self._settings.table, self._random, calls=CALLS)
            await self._table.describe()
            await self._table.prove(conditional=self._conditional)
        except BaseException as error:
            await self.close()
            if isinstance(error, AwsError):
                right = "dynamodb:PutItem" if self._conditional else "dynamodb:BatchWriteItem"
                what, rights = f"table {self._settings.table}", f"dynamodb:DescribeTable and {right}"
                raise at_start(error, self._spec, what=what, rights=rights) from error
            raise

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Put *records*; see the protocol."""
        if self._client is None:
            raise SinkUnavailable("the sink is not open")
        items: dict[str, Item] = {}
        answers: list[Rejected | None] = []
        for record in records:
            item = self._maker.make(record)
            if isinstance(item, Rejected):
                answers.append(item)
                continue
            answers.append(None)
            if not self._conditional or item.key not in items:
                items[item.key] = item
        if items:
            way = self._table.put_new if self._conditional else self._table.put
            most = 1 if self._conditional else CALL_ITEMS
            await self._putter.put([*divided([*items.values()], most)], way)
        return answers

    async def close(self) -> None:
        """Give the connections back; calls under way end, and their batches are not accepted."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
