"""SINK=kinesis, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.sinks.kinesis.settings import KinesisSettings
from worker.sinks.plugin import Guarantee, SinkPlugin

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: KinesisSettings, context: SinkContext) -> Sink:
    from worker.sinks.kinesis.sink import KinesisSink  # noqa: PLC0415 - the SDK costs 0.3 s

    return KinesisSink(settings, context)


PLUGIN: Final = SinkPlugin(
    name="kinesis",
    summary="A record for each message, in a stream of Amazon Kinesis Data Streams.",
    settings=KinesisSettings,
    make=_make,
    guarantee=Guarantee(
        "at least once",
        "a redelivery is another record, and so is what was put when its answer was lost",
        key="`message_id` of the record, for whoever reads",
    ),
    rights=(
        "SINK=kinesis needs kinesis:DescribeStreamSummary and kinesis:PutRecords on its stream, and"
        " kms:GenerateDataKey on the key of an encrypted one (docs/sinks/kinesis.md has the policy)"
    ),
    page="sinks/kinesis.md",
)
