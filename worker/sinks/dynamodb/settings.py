"""The settings of SINK=dynamodb."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from worker.plugins.setting import Section, Variable, Whole
from worker.sinks.aws.settings import Endpoint, Region  # noqa: TC001 - pydantic reads them

NAME = r"^[A-Za-z0-9_.-]{1,255}$"
TEN_YEARS = 10 * 366 * 86_400


class DynamoDbSettings(Section):
    """A table of a region."""

    table: Annotated[
        str,
        Variable("DYNAMODB_TABLE", "a table's name (3 to 255 letters, digits, `_`, `-` and `.`) or its ARN"),
        Field(pattern=r"^(arn:[^:]+:dynamodb:[a-z0-9-]+:\d{12}:table/)?[A-Za-z0-9_.-]{3,255}$"),
    ]
    """The table of `SINK=dynamodb`, which has to exist: `worker check` says the command that makes it."""

    partition_key: Annotated[
        str, Variable("DYNAMODB_PARTITION_KEY", "the name of an attribute"), Field(pattern=NAME)
    ] = "message_id"
    """The table's partition key: the attribute that holds the deduplication key, under any name that is not another
    column's; or `group_id`, and the sort key holds the deduplication key."""

    sort_key: Annotated[str | None, Variable("DYNAMODB_SORT_KEY", "the name of an attribute"), Field(pattern=NAME)] = (
        None
    )
    """The table's sort key, where it has one: `sent_at` (a number) or `group_id`; or the attribute that holds the
    deduplication key, if the partition key is `group_id`."""

    mode: Annotated[Literal["overwrite", "conditional"], Variable("DYNAMODB_MODE")] = "overwrite"
    """`overwrite` puts 25 items to a call, and what comes again replaces its item. `conditional` puts one item to a
    call, and never changes an item that is there."""

    body: Annotated[Literal["map", "text"], Variable("DYNAMODB_BODY")] = "map"
    """The `body` of an item: the decoded value in DynamoDB's own types, or the text as it was sent."""

    ttl_seconds: Annotated[
        Whole | None,
        Variable("DYNAMODB_TTL_SECONDS", f"a whole number from 1 to {TEN_YEARS}"),
        Field(ge=1, le=TEN_YEARS),
    ] = None
    """How long after it was sent a message's item expires. DynamoDB deletes it some time after that, where the table's
    time to live is switched on for the attribute. If it is not set, items do not expire."""

    ttl_attribute: Annotated[
        str, Variable("DYNAMODB_TTL_ATTRIBUTE", "the name of an attribute"), Field(pattern=NAME)
    ] = "expires_at"
    """Where the moment of expiry stands, in Unix seconds."""

    region: Annotated[Region | None, Variable("DYNAMODB_REGION", "such as `eu-central-1`")] = None
    """The table's region. If it is not set: AWS_REGION, else the queue's, else what the AWS configuration says."""

    endpoint_url: Annotated[Endpoint | None, Variable("DYNAMODB_ENDPOINT_URL", "a URL")] = None
    """Where DynamoDB answers: a VPC endpoint, or an emulator. If it is not set: what the AWS configuration says
    (`AWS_ENDPOINT_URL_DYNAMODB` and the like), or AWS's own endpoint. Plain http only as for `SQS_ENDPOINT_URL`."""
