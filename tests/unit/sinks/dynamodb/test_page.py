"""What the page about SINK=dynamodb says to type and to allow is what the worker needs, on the emulator."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.sinks.aws.typed import typed
from tests.words.blocks import blocks
from worker.sinks.dynamodb.settings import DynamoDbSettings
from worker.sinks.dynamodb.sink import DynamoDbSink
from worker.testing.messages import make_messages
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from tests.contract.dynamodb import Tables
    from tests.unit.sinks.aws.faulty import Faulty

COMMAND, POLICY, *_ = blocks("docs/sinks/dynamodb.md")


async def test_the_table_of_the_page_takes_messages_with_the_rights_of_the_page(
    service: Faulty, tables: Tables
) -> None:
    """The command makes what the default settings expect, and the policy names each operation that is called."""
    typed(COMMAND.text, "DYNAMODB", tables.endpoint_url)
    chosen = DynamoDbSettings(table="orders", endpoint_url=service.url, region="eu-central-1")
    sink = DynamoDbSink(chosen, make_context())
    await sink.open()
    assert list(await sink.write(make_messages(3))) == [None] * 3
    await sink.close()
    [statement] = json.loads(POLICY.text)["Statement"]
    assert statement["Action"] == [f"dynamodb:{operation}" for operation in service.calls]
    assert statement["Resource"] == "arn:aws:dynamodb:eu-central-1:111122223333:table/orders"
