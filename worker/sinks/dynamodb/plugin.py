"""SINK=dynamodb, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.setting import Rule
from worker.sinks.dynamodb.primary_key import OTHERS, problem
from worker.sinks.dynamodb.settings import DynamoDbSettings
from worker.sinks.plugin import Chosen, Guarantee, SinkPlugin

if TYPE_CHECKING:
    from worker.plugins.setting import Called
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: DynamoDbSettings, context: SinkContext) -> Sink:
    from worker.sinks.dynamodb.sink import DynamoDbSink  # noqa: PLC0415 - the SDK costs 0.3 s

    return DynamoDbSink(settings, context)


def _keys(chosen: Chosen[DynamoDbSettings], called: Called) -> str | None:
    """Which attributes tell messages apart, and the same message never twice."""
    by_field = chosen.pipeline.deduplication_key is not None
    wrong = problem(chosen.settings.partition_key, chosen.settings.sort_key, by_field=by_field)
    if wrong is None:
        return None
    return f"{called('partition_key')} and {called('sort_key')}: {wrong}"


def _expiry(chosen: Chosen[DynamoDbSettings], called: Called) -> str | None:
    taken = {*OTHERS, chosen.settings.partition_key, chosen.settings.sort_key, "message_id"}
    if chosen.settings.ttl_attribute not in taken:
        return None
    return f"{called('ttl_attribute')} names an attribute that holds something else: take another name"


PLUGIN: Final = SinkPlugin(
    name="dynamodb",
    summary="An item for each message, in a table of Amazon DynamoDB.",
    settings=DynamoDbSettings,
    make=_make,
    guarantee=Guarantee(
        "at least once",
        "a redelivery is put under the same key again, so there is one item a message; until then a batch may be there"
        " in part",
        key="`message_id`, the primary key",
    ),
    rules=(Rule(frozenset({"partition_key", "sort_key"}), _keys), Rule(frozenset({"ttl_attribute"}), _expiry)),
    rights=(
        "SINK=dynamodb needs dynamodb:DescribeTable and, with DYNAMODB_MODE=overwrite, dynamodb:BatchWriteItem, with"
        " conditional dynamodb:PutItem, on its table (docs/sinks/dynamodb.md has the policy)"
    ),
    page="sinks/dynamodb.md",
)
