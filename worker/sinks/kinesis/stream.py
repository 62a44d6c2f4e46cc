"""One stream, as it is described and as it takes records. Gives `AwsError` as the service raises it, but for the start.

`describe` says whether the stream takes records, and how large they may be. `prove` shows that the worker may put some,
and puts none. `put` gives for each record why it was not stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.aws.errors import AwsError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.sinks.aws.client import AwsClient
    from worker.sinks.records.record import Record

CALL_RECORDS: Final = 500
CALL_BYTES: Final = 5 * 1024 * 1024
"""Half of what a request may have today; older stand-ins for Kinesis take no more."""
MIB: Final = 1024
"""KiB of the largest record of a stream that says nothing else."""
_MISSING: Final = "ResourceNotFound"
_INVALID: Final = frozenset({"InvalidArgument", "Validation"})
_WELL: Final = frozenset({"ACTIVE", "UPDATING"})
_NO_HASH: Final = "9" * 39
"""Of the form of a hash key, and larger than any: a record that has it is refused by every stream."""


class KinesisStream:
    """The stream's name or ARN, and what is asked of it."""

    def __init__(self, client: AwsClient, stream: str) -> None:
        self._client = client
        self._name = stream.rpartition("/")[2]
        self._asked: dict[str, Any] = {"StreamARN" if stream.startswith("arn:") else "StreamName": stream}

    async def describe(self, *, fifo: bool) -> dict[str, Any]:
        """See that it is there, takes records, and keeps their order if the queue is *fifo*; its summary.

        Raises:
            SinkRefused: it is not there, or does not; with what to do.
            SinkUnavailable: it is being made.
            AwsError: it could not be asked.
        """
        try:
            answer = await self._client.call("describe_stream_summary", **self._asked)
        except AwsError as error:
            if error.code != _MISSING:
                raise
            raise SinkRefused(
                f"there is no stream {self._name} in {self._client.region}: make it with `aws kinesis create-stream"
                f" --region {self._client.region} --stream-name {self._name} --stream-mode-details"
                " StreamMode=ON_DEMAND`"
            ) from error
        summary: dict[str, Any] = answer.get("StreamDescriptionSummary", {})
        state = summary.get("StreamStatus", "ACTIVE")
        if state == "CREATING":
            raise SinkUnavailable(f"stream {self._name} is being made")
        if state not in _WELL:
            raise SinkRefused(f"stream {self._name} is {state}, and takes nothing until it is ACTIVE")
        if fifo and not keyed(summary):
            raise SinkRefused(
                f"the queue keeps order, and stream {self._name} does not: its record distribution is AUTO, so give it"
                " USER_PARTITION_KEY"
            )
        return summary

    async def prove(self) -> None:
        """Ask for what a write asks for, so that nothing comes of it: a hash key that cannot be."""
        record = {"Data": b"", "PartitionKey": "worker-check", "ExplicitHashKey": _NO_HASH}
        try:
            await self._client.call("put_records", Records=[record], **self._asked)
        except AwsError as error:
            if error.code not in _INVALID:
                raise

    async def put(self, records: Sequence[Record]) -> list[str]:
        """Put *records* in one call."""
        asked = [{"Data": record.data, "PartitionKey": record.partition_key} for record in records]
        answer = await self._client.call("put_records", Records=asked, **self._asked)
        return [str(one.get("ErrorCode") or "") for one in answer.get("Records", ())]


def record_bytes(summary: dict[str, Any]) -> int:
    """Of the largest record, its partition key included."""
    return int(summary.get("MaxRecordSizeInKiB") or MIB) * 1024


def keyed(summary: dict[str, Any]) -> bool:
    """Whether partition keys choose the shards."""
    return bool(summary.get("RecordDistributionStrategy") != "AUTO")
