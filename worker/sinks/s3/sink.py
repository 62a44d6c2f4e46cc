"""S3: takes batches of messages, gives files in a bucket.

Files are made in threads, so the loop is never held, and put whole. Ends with `close`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.errors import SinkUnavailable
from worker.sinks.aws.client import AwsClient, open_client
from worker.sinks.aws.errors import AwsError, at_start
from worker.sinks.parts.bucket import Bucket
from worker.sinks.parts.checksum import Checksum
from worker.sinks.parts.encoders import encoder_of
from worker.sinks.parts.part import make_part
from worker.sinks.s3.layout import Layout
from worker.sinks.s3.table import NAME, definition
from worker.sinks.sink import Demand
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.message import Message
    from worker.outcome import Rejected
    from worker.sinks.aws.spec import AwsSpec
    from worker.sinks.s3.settings import S3Settings

ROWS: Final = 20_000
BYTES: Final = 32 * 1024 * 1024
AGE_SECONDS: Final = 60.0
WRITERS: Final = 2
"""One file is on its way while the next is made. With a third batch that is filled, 60,000 messages are in flight."""
RIGHTS: Final = "s3:PutObject and s3:AbortMultipartUpload"
_CLOSED: Final = "the sink is not open"


class S3Sink:
    """A file for each batch and hour: `prefix/dt=2026-11-29/hour=23/orders-HASH.ndjson.gz`, seven columns a message.

    *At least once*, on `message_id`. The name of a file is made of what its messages say, in whatever order, and S3
    keeps the first object of a name (`If-None-Match: *`): a batch that is written again whole, after a lost answer or a
    kill, makes no second file. A message that SQS hands out again comes in another batch, under another name, so it is
    a second row with the same key; whoever reads takes one of each. In a file a key stands once, in the order of the
    batch. A file is there whole or not at all; a batch of several hours may be there in part, and is completed.

    Nothing is wrong with a record if S3 refuses a file: that is away, whatever S3 says. What the format cannot hold is
    rejected alone, before anything is put. Cancelled, a file may be there or not, and what was put of a larger one is
    given up.
    """

    def __init__(self, settings: S3Settings, spec: AwsSpec, *, queue: str) -> None:
        self._settings = settings
        self._spec = spec
        self._layout = Layout(settings.prefix, settings.partition, queue)
        self._encoder = encoder_of(settings.format, settings.compression)
        self._threads = Threads(WRITERS, name="s3")
        self._client: AwsClient | None = None
        """Written by `_connect` and `_drop`."""
        self._bucket: Bucket | None = None
        """As above."""

    @property
    def demand(self) -> Demand:
        """Large batches, for a file that is worth one."""
        return Demand(rows=ROWS, bytes=BYTES, age_seconds=AGE_SECONDS, writers=WRITERS)

    async def open(self) -> None:
        """Prove that files can be put, and store the definition of the table if there is to be one."""
        bucket = await self._connect()
        if self._settings.table:
            sql = definition(
                self._settings.table, self._location, self._settings.format, self._settings.partition
            ).encode()
            await bucket.replace(self._layout.root + NAME, sql, content_type="application/sql")

    async def check(self) -> str:
        """See `Checkable`."""
        await self._connect()
        return f"{self._location} takes files"

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Store *records* in a file for each hour; see the protocol."""
        answers: list[Rejected | None] = [None] * len(records)
        for folder, places in self._layout.divided(records).items():
            stored = await self._store(folder, [records[place] for place in places])
            for place, answer in zip(places, stored, strict=True):
                answers[place] = answer
        return answers

    async def close(self) -> None:
        """Give the connections back; a file that is being made is for nobody."""
        self._threads.stop()
        await self._drop()

    @property
    def _location(self) -> str:
        return f"s3://{self._settings.bucket}/{self._layout.root}"

    async def _store(self, folder: str, records: Sequence[Message]) -> Sequence[Rejected | None]:
        part = await self._threads.run(lambda: make_part(records, self._encoder))
        if self._bucket is None:
            raise SinkUnavailable(_CLOSED)
        if part.rows:
            name = self._layout.file(folder, part.name, self._encoder.suffix)
            await self._bucket.put(name, part.data, content_type=self._encoder.content_type)
        return part.answers

    async def _connect(self) -> Bucket:
        await self._drop()
        try:
            self._client = await open_client(self._spec)
            self._bucket = bucket = Bucket(
                self._client,
                self._settings.bucket,
                checksum=Checksum(self._settings.checksum),
                threads=self._threads,
            )
            await bucket.prove(self._layout.root)
        except BaseException as error:
            await self._drop()
            if isinstance(error, AwsError):
                what = f"bucket {self._settings.bucket}"
                raise at_start(error, self._spec, what=what, rights=RIGHTS) from error
            raise
        return bucket

    async def _drop(self) -> None:
        bucket, self._bucket = self._bucket, None
        client, self._client = self._client, None
        if bucket is not None:
            await bucket.close()
        if client is not None:
            await client.close()
