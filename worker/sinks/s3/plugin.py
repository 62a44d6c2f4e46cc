"""SINK=s3, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.sinks.plugin import Guarantee, SinkPlugin
from worker.sinks.s3.settings import S3Settings

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: S3Settings, context: SinkContext) -> Sink:
    from worker.sinks.aws.spec import AwsSpec  # noqa: PLC0415 - as below
    from worker.sinks.s3.sink import WRITERS, S3Sink  # noqa: PLC0415 - a sink's libraries load when it is used

    spec = AwsSpec(
        service="s3",
        title="S3",
        prefix="S3",
        region=settings.region or context.region,
        endpoint_url=settings.endpoint_url,
        connections=2 * WRITERS,
        pipeline=context.pipeline,
        emit=context.emit,
    )
    return S3Sink(settings, spec, queue=context.queue)


PLUGIN: Final = SinkPlugin(
    name="s3",
    summary="Files of many messages in a bucket: NDJSON, Parquet or Avro.",
    settings=S3Settings,
    make=_make,
    guarantee=Guarantee(
        "at least once",
        "the same batch again makes no second file; a message that comes again in another batch is another row",
        key="`message_id` of the row, for whoever reads; once in each file",
    ),
    rights="s3:PutObject and s3:AbortMultipartUpload on the objects below S3_PREFIX",
    extra="s3",
    page="sinks/s3.md",
)
