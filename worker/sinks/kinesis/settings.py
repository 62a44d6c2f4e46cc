"""The settings of SINK=kinesis."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from worker.plugins.setting import Section, Variable
from worker.sinks.aws.settings import Endpoint, Region  # noqa: TC001 - pydantic reads them


class KinesisSettings(Section):
    """A stream of a region."""

    stream: Annotated[
        str,
        Variable("KINESIS_STREAM", "a stream's name (1 to 128 letters, digits, `_`, `-` and `.`) or its ARN"),
        Field(pattern=r"^(arn:[^:]+:kinesis:[a-z0-9-]+:\d{12}:stream/)?[A-Za-z0-9_.-]{1,128}$"),
    ]
    """The stream of `SINK=kinesis`, which has to exist: `worker check` says the command that makes it."""

    partition_key: Annotated[Literal["group", "key"], Variable("KINESIS_PARTITION_KEY")] = "group"
    """What chooses the shard of a record. `group`: the message group, and the deduplication key of a message that has
    none. `key`: always the deduplication key, which spreads a large group over the shards and gives up its order."""

    region: Annotated[Region | None, Variable("KINESIS_REGION", "such as `eu-central-1`")] = None
    """The stream's region. If it is not set: that of its ARN, else AWS_REGION, else the queue's, else what the AWS
    configuration says."""

    endpoint_url: Annotated[Endpoint | None, Variable("KINESIS_ENDPOINT_URL", "a URL")] = None
    """Where Kinesis answers: a VPC endpoint, or an emulator. If it is not set: what the AWS configuration says
    (`AWS_ENDPOINT_URL_KINESIS` and the like), or AWS's own endpoint. Plain http only as for `SQS_ENDPOINT_URL`."""

    @property
    def arn(self) -> list[str]:
        """The six parts of the ARN; empty for a name."""
        return self.stream.split(":") if self.stream.startswith("arn:") else []
