"""A sink of S3 for tests, and for processes of theirs, which fork: so its libraries are loaded here, once."""

from __future__ import annotations

from typing import Any

from worker.sinks.aws.spec import AwsSpec
from worker.sinks.s3.settings import S3Settings
from worker.sinks.s3.sink import S3Sink


def sink_at(url: str, bucket: str, **settings: Any) -> S3Sink:
    """A sink of the bucket at *url*, of a queue called `orders`."""
    spec = AwsSpec(
        service="s3",
        title="S3",
        prefix="S3",
        region="us-east-1",
        endpoint_url=url,
        connections=4,
        pipeline="orders",
        emit=lambda _: None,
    )
    return S3Sink(S3Settings(bucket=bucket, **settings), spec, queue="orders")
