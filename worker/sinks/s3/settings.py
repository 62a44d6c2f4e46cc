"""The settings of SINK=s3."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from worker.plugins.setting import Section, Variable
from worker.sinks.parts.checksum import Algorithm  # noqa: TC001 - pydantic reads it
from worker.sinks.parts.part import Compression, Format  # noqa: TC001 - as above
from worker.sinks.s3.layout import Partition  # noqa: TC001 - as above


def _folder(prefix: str) -> str:
    """Without slashes at its ends: the worker sets them."""
    bare = prefix.strip("/")
    if "//" in bare or any(step in {".", ".."} for step in bare.split("/")):
        raise ValueError("give names separated by single slashes, such as raw/orders")
    return bare


class S3Settings(Section):
    """A place in a bucket, and what its files are."""

    bucket: Annotated[
        str,
        Variable("S3_BUCKET", "the name of a bucket: small letters, digits, `-` and `.`, 3 to 63"),
        Field(pattern=r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"),
    ]
    """The bucket of `SINK=s3`."""

    prefix: Annotated[
        str,
        Variable("S3_PREFIX", "names separated by `/`: letters, digits, `-`, `_`, `.`, `=`"),
        Field(pattern=r"^[A-Za-z0-9_.=/-]*$", max_length=512),
        AfterValidator(_folder),
    ] = ""
    """What the names of its files begin with; without it they begin with `dt=`."""

    format: Annotated[Format, Variable("S3_FORMAT")] = "ndjson"
    """What the files are. `parquet`, `avro` and zstd need the extra `s3` of the package."""

    compression: Annotated[
        Compression | None,
        Variable("S3_COMPRESSION", "one of `gzip`, `zstd`, `none`", otherwise="gzip; for Parquet zstd"),
    ] = None
    """How they are compressed; gzip in Avro is `deflate`."""

    partition: Annotated[Partition, Variable("S3_PARTITION")] = "hour"
    """The folders below the prefix: `dt=2026-11-29/hour=23`, `dt=2026-11-29`, or none. By the time at which each
    message was sent, in UTC."""

    checksum: Annotated[Algorithm, Variable("S3_CHECKSUM")] = "sha256"
    """The checksum that goes with each file, and that S3 has to answer with."""

    table: Annotated[
        str | None,
        Variable("S3_TABLE", "letters, digits and `_`, not beginning with a digit", otherwise="none is defined"),
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"),
    ] = None
    """The name of a table: `_table.sql` beside the files defines it for Athena, and is stored anew at each start."""

    region: Annotated[
        str | None,
        Variable("S3_REGION", "a region, such as `eu-central-1`", otherwise="AWS_REGION, or that of the queue"),
        Field(pattern=r"^[a-z0-9-]+$"),
    ] = None
    """The region of the bucket."""

    endpoint_url: Annotated[
        str | None,
        Variable("S3_ENDPOINT_URL", "a URL", otherwise="as AWS is configured here"),
    ] = None
    """Where S3 is, if it is another store than Amazon's. SQS_ENDPOINT_URL says nothing about it."""
