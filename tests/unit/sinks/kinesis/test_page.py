"""What the page about SINK=kinesis says to type and to allow is what the worker needs, on moto."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.unit.sinks.aws.typed import typed
from tests.words.blocks import blocks
from worker.sinks.kinesis.settings import KinesisSettings
from worker.sinks.kinesis.sink import KinesisSink
from worker.testing.messages import make_messages
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from tests.contract.streams import Streams
    from tests.unit.sinks.aws.faulty import Faulty

COMMAND, POLICY, *_ = blocks("docs/sinks/kinesis.md")


async def test_the_stream_of_the_page_takes_messages_with_the_rights_of_the_page(
    service: Faulty, streams: Streams
) -> None:
    """The command makes a stream that takes records, and the policy names each operation that is called."""
    typed(COMMAND.text, "KINESIS", streams.endpoint_url)
    chosen = KinesisSettings(stream="orders", endpoint_url=service.url, region="eu-central-1")
    sink = KinesisSink(chosen, make_context())
    await sink.open()
    assert list(await sink.write(make_messages(3))) == [None] * 3
    await sink.close()
    [statement] = json.loads(POLICY.text)["Statement"]
    assert statement["Action"] == [f"kinesis:{operation}" for operation in service.calls]
    assert statement["Resource"] == "arn:aws:kinesis:eu-central-1:111122223333:stream/orders"
