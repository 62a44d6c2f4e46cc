"""One table, as it is described and as it takes items. Gives `AwsError` as the service raises it, but for the start.

`describe` says whether the table fits the settings, with the command that makes one that does. `prove` shows that
items will be taken, and leaves nothing behind. `put` and `put_new` give the items that were not taken.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any, Final

import orjson

from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.aws.errors import AwsError
from worker.sinks.dynamodb.errors import EXISTS, MISSING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.sinks.aws.client import AwsClient
    from worker.sinks.dynamodb.items import Item
    from worker.sinks.dynamodb.primary_key import PrimaryKey

PROBE: Final = "00000000-worker-check-never-there"
"""A key that no message has."""
_WELL: Final = frozenset({"ACTIVE", "UPDATING"})
_KINDS: Final = ("HASH", "RANGE")


class DynamoDbTable:
    """The table's name, and what is asked of it."""

    def __init__(self, client: AwsClient, name: str, keys: PrimaryKey) -> None:
        self._client = client
        self._name = name
        self._keys = keys

    async def describe(self) -> None:
        """See that it is there and has the keys of the settings.

        Raises:
            SinkRefused: it is not, or has others; with what to do.
            SinkUnavailable: it is being made.
            AwsError: it could not be asked.
        """
        try:
            answer = await self._client.call("describe_table", TableName=self._name)
        except AwsError as error:
            if error.code != MISSING:
                raise
            raise SinkRefused(f"there is no table {self._name} in {self._client.region}: {self.command()}") from error
        table = answer.get("Table", {})
        state = table.get("TableStatus", "ACTIVE")
        if state == "CREATING":
            raise SinkUnavailable(f"table {self._name} is being made")
        if state not in _WELL:
            raise SinkRefused(f"table {self._name} is {state}, and takes nothing until it is ACTIVE")
        if (found := _key_of(table)) != (wanted := self._schema()):
            raise SinkRefused(
                f"table {self._name} has the key {_shown(found)} and the settings say {_shown(wanted)}: set"
                f" DYNAMODB_PARTITION_KEY and DYNAMODB_SORT_KEY to those of the table, or {self.command()}"
            )

    async def expires(self, attribute: str) -> bool:
        """Whether the table's time to live is switched on for *attribute*."""
        answer = await self._client.call("describe_time_to_live", TableName=self._name)
        told = answer.get("TimeToLiveDescription", {})
        return told.get("TimeToLiveStatus") in {"ENABLED", "ENABLING"} and told.get("AttributeName") == attribute

    async def prove(self, *, conditional: bool) -> None:
        """Ask for what a write asks for, so that nothing comes of it: a condition that no item meets, or the delete of
        a key that is never there.
        """
        key = {name: {"N": "0"} if self._keys.type_of(name) == "N" else {"S": PROBE} for name in self._keys}
        if not conditional:
            await self._client.call("batch_write_item", RequestItems={self._name: [{"DeleteRequest": {"Key": key}}]})
            return
        never = "attribute_exists(#key) AND attribute_not_exists(#key)"
        await self._put(key, never)

    async def put(self, items: Sequence[Item]) -> list[Item]:
        """Put up to 25 *items* in one call, each in place of what is there; those that the service left over."""
        asked = [{"PutRequest": {"Item": item.attributes}} for item in items]
        body = orjson.dumps({"RequestItems": {self._name: asked}})
        answer = await self._client.post("batch_write_item", body, RequestItems={self._name: []})
        left = [one for of in (answer.get("UnprocessedItems") or {}).values() for one in of]
        if not left:
            return []
        keys = {one["PutRequest"]["Item"][self._keys.name]["S"] for one in left}
        return [item for item in items if item.key in keys] or list(items)

    async def put_new(self, items: Sequence[Item]) -> list[Item]:
        """Put the one of *items*, unless there is one of its key: that is left as it is."""
        for item in items:
            await self._put(item.attributes, "attribute_not_exists(#key)")
        return []

    async def _put(self, attributes: dict[str, Any], condition: str) -> None:
        asked = {
            "TableName": self._name,
            "Item": attributes,
            "ConditionExpression": condition,
            "ExpressionAttributeNames": {"#key": self._keys.partition},
        }
        try:
            await self._client.post("put_item", orjson.dumps(asked), TableName=self._name)
        except AwsError as error:
            if error.code != EXISTS:
                raise

    def command(self) -> str:
        """What makes such a table."""
        schema = self._schema()
        types = " ".join(f"AttributeName={shlex.quote(name)},AttributeType={kind}" for name, kind in schema)
        keys = " ".join(
            f"AttributeName={shlex.quote(name)},KeyType={part}" for (name, _), part in zip(schema, _KINDS, strict=False)
        )
        return (
            f"make it with `aws dynamodb create-table --region {self._client.region} --table-name"
            f" {self._name.rpartition('/')[2]} --attribute-definitions {types} --key-schema {keys}"
            " --billing-mode PAY_PER_REQUEST`"
        )

    def expiry_command(self, attribute: str) -> str:
        """What makes items expire by *attribute*."""
        return (
            f"`aws dynamodb update-time-to-live --region {self._client.region} --table-name"
            f" {self._name.rpartition('/')[2]} --time-to-live-specification Enabled=true,AttributeName={attribute}`"
        )

    def _schema(self) -> list[tuple[str, str]]:
        return [(name, self._keys.type_of(name)) for name in self._keys]


def _key_of(table: dict[str, Any]) -> list[tuple[str, str]]:
    """Names and types of the primary key, the partition key first."""
    types = {one["AttributeName"]: one["AttributeType"] for one in table.get("AttributeDefinitions", ())}
    parts = {one["KeyType"]: one["AttributeName"] for one in table.get("KeySchema", ())}
    return [(parts[kind], types.get(parts[kind], "?")) for kind in _KINDS if kind in parts]


def _shown(key: list[tuple[str, str]]) -> str:
    return ", ".join(f"{name} ({kind})" for name, kind in key)
