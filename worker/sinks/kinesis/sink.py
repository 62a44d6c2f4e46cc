"""Kinesis Data Streams: takes batches of messages, gives records in one stream of one region.

Calls go through the sinks' door to AWS, one at a time for each writer. Ends with `close`.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from worker.errors import SinkUnavailable
from worker.outcome import Rejected
from worker.sinks.aws.client import AwsClient, open_client
from worker.sinks.aws.errors import AwsError, at_start
from worker.sinks.aws.spec import AwsSpec
from worker.sinks.kinesis.stream import CALL_BYTES, CALL_RECORDS, KinesisStream, keyed, record_bytes
from worker.sinks.records.putting import CallTerms, RecordPutter
from worker.sinks.records.record import Record, RecordLimits, make_record
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.sinks.kinesis.settings import KinesisSettings
    from worker.sinks.plugin import SinkContext

WRITERS: Final = 4
RIGHTS: Final = "kinesis:DescribeStreamSummary and kinesis:PutRecords"


class KinesisSink:
    """Records in a stream, one for each message: a JSON object of the seven columns.

    *At least once*, on `message_id`, which every record carries: a message that comes again after a crash or a lost
    lease is another record, wherever it comes, and so is one whose answer was lost on the way. Whoever reads takes one
    of each. What a call stored in part is not put again by this process: only what was left over is, after a pause with
    jitter, and what a batch had stored when it failed is left out of it when it is written again.

    Of a FIFO queue the records of a message group stand in its order: they share a shard, and one is put after the one
    before it has been stored. After a redelivery a group's records repeat from there on. What no record can hold (its
    size, a lone surrogate, NaN) is rejected alone, before a call is made. A stream that takes nothing is *away*.
    """

    def __init__(self, settings: KinesisSettings, context: SinkContext, *, rng: random.Random | None = None) -> None:
        self._settings = settings
        self._what = f"stream {settings.stream}"
        self._fifo = context.fifo and settings.partition_key == "group"
        self._writers = min(WRITERS, context.concurrency)
        self._random = rng or random.Random()  # noqa: S311 - jitter, not a secret
        arn = settings.arn
        self._spec = AwsSpec(
            service="kinesis",
            title="Kinesis",
            prefix="KINESIS",
            region=settings.region or (arn[3] if arn else context.region),
            endpoint_url=settings.endpoint_url,
            connections=WRITERS,
            pipeline=context.pipeline,
            emit=context.emit,
        )
        self._client: AwsClient | None = None
        """Written by `_opening` and `close`."""
        self._stream: KinesisStream
        """Written by `_opening`."""
        self._limits: RecordLimits
        """As above."""
        self._putter: RecordPutter
        """As above."""

    @property
    def demand(self) -> Demand:
        """A few writers, and what fits into a call."""
        return Demand(max_rows=CALL_RECORDS, max_writers=self._writers)

    async def open(self) -> None:
        """Find the stream, and prove that it takes records; it is not made."""
        await self._opening()

    async def check(self) -> str:
        """See `Checkable`."""
        await self._opening()
        return f"{self._what} takes records of up to {self._limits.record_bytes} bytes"

    async def _opening(self) -> None:
        await self.close()
        try:
            self._client = client = await open_client(self._spec)
            self._stream = stream = KinesisStream(client, self._settings.stream)
            summary = await stream.describe(fifo=self._fifo)
            self._limits = RecordLimits(CALL_RECORDS, CALL_BYTES, record_bytes(summary))
            self._putter = RecordPutter(CallTerms(self._what, self._limits, in_order=self._fifo), self._random)
            if keyed(summary):  # else the record that cannot be would be stored
                await stream.prove()
        except BaseException as error:
            await self.close()
            if isinstance(error, AwsError):
                raise at_start(error, self._spec, what=self._what, rights=RIGHTS) from error
            raise

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Put *records*; see the protocol."""
        if self._client is None:
            raise SinkUnavailable("the sink is not open")
        made = [make_record(record, self._partition_key(record), self._limits) for record in records]
        await self._putter.put((one for one in made if isinstance(one, Record)), self._stream.put)
        return [one if isinstance(one, Rejected) else None for one in made]

    def _partition_key(self, message: Message) -> str:
        if self._settings.partition_key == "group" and message.group_id:
            return message.group_id
        return message.key

    async def close(self) -> None:
        """Give the connections back; calls under way end, and their batches are not accepted."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()
