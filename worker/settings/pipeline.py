"""The settings of one pipeline: a queue, its codec, its sink or handler, and its limits.

Built by `load`, one for each `[pipelines.NAME]` table, or one named `default` from the environment alone. Frozen; what
can be wrong with one field alone is checked here, what can be wrong between fields in `rules`.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from worker.settings.variables import Variable, refuse_bool
from worker.settings.worker import Given
from worker.sqs.address import check_endpoint, parse_address
from worker.sqs.limits import (
    BATCH_ENTRIES,
    IN_FLIGHT,
    MESSAGE_BYTES,
    RECEIVE_COUNT_MAX,
    VISIBILITY_SECONDS,
    WAIT_SECONDS,
)

SINKS: Final = ("sqlite", "postgres", "ndjson", "handler", "discard")
LATER_SINKS: Final = ("redshift", "dynamodb", "s3", "sqs", "http", "clickhouse")
HANDLER_SECONDS_MAX: Final = VISIBILITY_SECONDS - 600
"""SQS takes a message back 12 h after its receipt, whatever is renewed; ten minutes are left for settling it."""

_HANDLER: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*[.:][^\W\d]\w*(\.[^\W\d]\w*)*")
_MIB: Final = 1024 * 1024


def _queue(text: str) -> str:
    parse_address(text)
    return text


def _built_sink(value: object) -> object:
    name = value.lower() if isinstance(value, str) else value
    if name in LATER_SINKS:
        raise ValueError(f"not part of this version; use one of: {', '.join(SINKS)}")
    return name


def _dotted(text: str) -> str:
    if _HANDLER.fullmatch(text) is None:
        raise ValueError("give the place of a function, such as `package.module:function`")
    return text


def _lasting(path: str) -> str:
    if path == ":memory:" or path.startswith("file:") or "\0" in path:
        raise ValueError("give the path of a file: messages are deleted from the queue once they are in it")
    return path


def _table(name: str) -> str:
    if name.lower().startswith("sqlite_"):
        raise ValueError("SQLite keeps names that begin with sqlite_ for itself")
    return name


Whole = Annotated[int, BeforeValidator(refuse_bool)]
Seconds = Annotated[float, BeforeValidator(refuse_bool)]
Lease = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, le=VISIBILITY_SECONDS)]
Address = Annotated[str, AfterValidator(_queue)]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]
Dotted = Annotated[str, AfterValidator(_dotted)]


class PipelineSettings(Given):
    """One queue and what becomes of its messages."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")] = "default"
    """Names the pipeline in logs and metrics: the NAME of `[pipelines.NAME]`."""

    # ── the queue ────────────────────────────────────────────────────────────────────────────────────────────────────

    queue: Annotated[Address, Variable("SQS_QUEUE_URL", "a URL, an ARN or a name", single=True)]
    """The queue to take messages from."""

    dlq: Annotated[Address | None, Variable("SQS_DLQ_URL", "a URL, an ARN or a name", single=True)] = None
    """Where this worker sends rejected messages, with the reason. If it is not set they are left to the queue's own
    redrive policy, which moves them when they were received too often, without a reason; those of a FIFO queue go to
    the queue that the policy names, if this worker may send there."""

    max_receives: Annotated[
        Whole | None,
        Variable("SQS_MAX_RECEIVES", f"a whole number from 1 to {RECEIVE_COUNT_MAX}"),
        Field(ge=1, le=RECEIVE_COUNT_MAX),
    ] = None
    """After how many receives a message that still fails is sent to `SQS_DLQ_URL` by this worker. If it is not set: the
    queue's redrive policy counts, and where there is none, 10. It does not count messages that end the worker itself
    (out of memory): only a redrive policy sees those. On a FIFO queue, where tries are in hand, it counts those; if
    it is not set, up to the policy's number."""

    region: Annotated[
        str | None,
        Variable("AWS_REGION", "such as `eu-central-1`", also=("AWS_DEFAULT_REGION",), ambient=True),
        Field(pattern=r"^[a-z]{2,}(-[a-z0-9]+)+$"),
    ] = None
    """Region of the queue. A URL or ARN that names its region decides; else this; else the AWS configuration file."""

    endpoint_url: Annotated[Endpoint | None, Variable("SQS_ENDPOINT_URL", "a URL")] = None
    """Where SQS answers: a VPC endpoint, or a loopback. If it is not set: the host of a queue URL that is not AWS's,
    what the AWS configuration says (`AWS_ENDPOINT_URL_SQS` and the like), or AWS's own endpoint of the region. Plain
    http only to this machine, to one-word host names, and to names of Docker and Kubernetes such as
    `host.docker.internal` and `sqs.test.svc.cluster.local`."""

    transport: Annotated[Literal["auto", "native", "sdk"], Variable("SQS_TRANSPORT")] = "auto"
    """How SQS is spoken to: our own request path, or the AWS SDK (aiobotocore). `auto` takes the quicker that fits."""

    # ── receiving ────────────────────────────────────────────────────────────────────────────────────────────────────

    max_messages: Annotated[Whole, Variable("SQS_MAX_MESSAGES"), Field(ge=1, le=BATCH_ENTRIES)] = BATCH_ENTRIES
    """Most messages of one receive."""

    wait_seconds: Annotated[Whole, Variable("SQS_WAIT_TIME_SECONDS"), Field(ge=0, le=WAIT_SECONDS)] = WAIT_SECONDS
    """How long a receive waits for messages (long polling). Less costs more requests and finds nothing sooner."""

    visibility_timeout: Annotated[
        Lease | None, Variable("SQS_VISIBILITY_TIMEOUT", f"a whole number from 1 to {VISIBILITY_SECONDS}")
    ] = None
    """Seconds of one lease; it is renewed while the message is in hand. The queue's own value if it is not set."""

    receivers: Annotated[Whole, Variable("SQS_RECEIVERS"), Field(ge=1, le=200)] = 80
    """Most receives under way at once. Their number follows the load and falls to one when the queue is empty; 70 of
    ten messages each are what 15,000 messages a second need where a round trip takes 46 ms, as it does at 40 ms."""

    request_dollars_per_million: Annotated[
        Seconds | None,
        Variable("SQS_REQUEST_DOLLARS_PER_MILLION", "a number from 0 to 1000"),
        Field(ge=0, le=1000),
    ] = None
    """US dollars that a million requests to SQS cost you, for the metric that counts them. If it is not set: 0.40, or
    0.50 on a FIFO queue, which is what AWS lists for US East."""

    in_flight_max_messages: Annotated[Whole, Variable("IN_FLIGHT_MAX_MESSAGES"), Field(ge=1, le=IN_FLIGHT)] = 2500
    """Most messages received and not yet settled. SQS allows 120,000 for all workers of a queue together."""

    in_flight_max_bytes: Annotated[
        Whole, Variable("IN_FLIGHT_MAX_BYTES"), Field(ge=MESSAGE_BYTES, le=16 * 1024 * _MIB)
    ] = 64 * _MIB
    """Most bytes of messages received and not yet settled; at least one message of the largest size (1 MiB)."""

    # ── handling ─────────────────────────────────────────────────────────────────────────────────────────────────────

    codec: Annotated[Literal["json", "text"], Variable("CODEC")] = "json"
    """What a body is: a JSON object, or any text."""

    sink: Annotated[
        Literal["sqlite", "postgres", "ndjson", "handler", "discard"], Variable("SINK"), BeforeValidator(_built_sink)
    ] = "sqlite"
    """Where messages go: a table of SQLite or PostgreSQL, lines of JSON, your own function, or nowhere (for benchmarks:
    messages are deleted). `handler` if `HANDLER` is set."""

    concurrency: Annotated[Whole, Variable("WORKER_CONCURRENCY"), Field(ge=1, le=1000)] = 8
    """Batches, or messages of a function that takes one, that are handled at once."""

    batch_max_rows: Annotated[Whole, Variable("BATCH_MAX_ROWS"), Field(ge=1, le=10_000)] = 500
    """Most messages of one write; no more than `IN_FLIGHT_MAX_MESSAGES`."""

    batch_max_bytes: Annotated[Whole, Variable("BATCH_MAX_BYTES"), Field(ge=1024, le=1024 * _MIB)] = 4 * _MIB
    """Most bytes of one write; a larger message is written alone. No more than `IN_FLIGHT_MAX_BYTES`."""

    batch_max_wait_ms: Annotated[Whole, Variable("BATCH_MAX_WAIT_MS"), Field(ge=0, le=60_000)] = 100
    """How long a batch that is not full waits for more, counted from its oldest message. If it is not set a batch waits
    for as long as one write takes, and no longer than the default."""

    batch_target_ms: Annotated[Whole, Variable("BATCH_TARGET_MS"), Field(ge=0, le=600_000)] = 50
    """How long one write should take. Batches become smaller while writes take over 120 % of it, as far as that makes
    them quicker, and larger again under 80 %. 0: always as large as `BATCH_MAX_ROWS` allows."""

    deduplication_key: Annotated[
        str | None,
        Variable("DEDUPLICATION_KEY", "a field of the body, such as `order.id`", single=True),
        Field(pattern=r"^[^.\s]+(\.[^.\s]+)*$", max_length=256),
    ] = None
    """The field that tells two messages apart in the sink. The message id if it is not set."""

    retry_base_seconds: Annotated[Seconds, Variable("RETRY_BASE_SECONDS"), Field(ge=0, le=VISIBILITY_SECONDS)] = 2.0
    """Pause before the first retry of a message; it doubles with each receipt, and is drawn at random below that."""

    retry_max_seconds: Annotated[Seconds, Variable("RETRY_MAX_SECONDS"), Field(ge=0, le=VISIBILITY_SECONDS)] = 900.0
    """Longest pause before a retry."""

    sink_hold_seconds: Annotated[Seconds, Variable("SINK_HOLD_SECONDS"), Field(ge=0, le=VISIBILITY_SECONDS)] = 300.0
    """How long batches in hand keep their leases while the sink is away; then all but the one that keeps trying are
    given back to the queue, where another worker may have more luck."""

    # ── destinations ─────────────────────────────────────────────────────────────────────────────────────────────────

    handler: Annotated[Dotted | None, Variable("HANDLER", "`package.module:function`", single=True)] = None
    """Your function, for `SINK=handler`. Its module is found in the working folder or installed."""

    handler_timeout_seconds: Annotated[
        Seconds, Variable("HANDLER_TIMEOUT_SECONDS"), Field(ge=1, le=HANDLER_SECONDS_MAX)
    ] = 300.0
    """Time limit of your function; then the message is retried. SQS's own end is 12 hours after the receipt."""

    sqlite_path: Annotated[str, Variable("SQLITE_PATH", "a path"), AfterValidator(_lasting)] = "messages.sqlite"
    """The database file of `SINK=sqlite`."""

    sqlite_table: Annotated[
        str,
        Variable("SQLITE_TABLE", "letters, digits and `_`, not beginning with a digit, at most 63"),
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"),
        AfterValidator(_table),
    ] = "messages"
    """Its table; created if it does not exist."""

    postgres_dsn: Annotated[
        SecretStr | None,
        Variable("POSTGRES_DSN", "`postgresql://user:password@host:port/database`, or libpq's pairs", secret=True),
    ] = None
    """The database of `SINK=postgres`, which needs the extra `postgres` of the package. A secret: never shown. As libpq
    and the providers write it, several hosts too; a word that the driver does not know is dropped with a notice.
    Without a password in it, PGPASSWORD or a password file is asked."""

    postgres_table: Annotated[
        str,
        Variable("POSTGRES_TABLE", "a table, or `schema.table`: letters, digits and `_`, at most 63 each"),
        Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$"),
    ] = "messages"
    """Its table, spelt exactly as there (capitals count); created if it does not exist."""

    ndjson_path: Annotated[str, Variable("NDJSON_PATH", "a path, or `-` for standard output", single=True)] = "-"
    """The file of `SINK=ndjson`."""
