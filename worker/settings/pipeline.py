"""The settings of one pipeline: a queue, its codec, its sink, and its limits.

Built by `load`, one for each `[pipelines.NAME]` table, or one named `default` from the environment alone. Frozen; what
can be wrong with one field alone is checked here, what can be wrong between fields in `rules`. What only one sink or
codec has is a section of its own, whose model the part brings.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SerializeAsAny, model_validator

from worker.codecs.registry import CODECS
from worker.plugins.registry import PluginError, Registry
from worker.plugins.setting import Seconds, Section, Variable, Whole, refuse_bool
from worker.sinks.registry import SINKS
from worker.sqs.address import check_endpoint, parse_address
from worker.sqs.quotas import (
    BATCH_ENTRIES,
    IN_FLIGHT,
    MESSAGE_BYTES,
    RECEIVE_COUNT_MAX,
    VISIBILITY_SECONDS,
    WAIT_SECONDS,
)

_MIB: Final = 1024 * 1024
KINDS: Final[dict[str, Registry[Any]]] = {"sink": SINKS, "codec": CODECS}
"""Field → the parts that it names one of. `FIELD_settings` is the section of the one that is chosen."""
DEFAULTS: Final = {"sink": "sqlite", "codec": "json"}


def _queue(text: str) -> str:
    parse_address(text)
    return text


def _sink(name: object) -> object:
    return _named(SINKS, name)


def _codec(name: object) -> object:
    return _named(CODECS, name)


def _named(parts: Registry[Any], given: object) -> object:
    """*given* as the registry spells it; loads the part.

    Raises:
        ValueError: there is none, or it cannot be loaded.
    """
    if not isinstance(given, str):
        raise ValueError(f"give one of {parts.choices}")  # noqa: TRY004 - pydantic turns ValueError into a problem
    parts.find(given)
    return parts.spelt(given)


Lease = Annotated[int, BeforeValidator(refuse_bool), Field(ge=1, le=VISIBILITY_SECONDS)]
Address = Annotated[str, AfterValidator(_queue)]
Endpoint = Annotated[str, AfterValidator(check_endpoint)]


def _choices(parts: Registry[Any]) -> str:
    """The names of ours, in words; what is installed beside them differs from machine to machine."""
    names = ", ".join(f"`{name}`" for name in parts.built_in)
    return f"one of {names}, the name of an installed one, or `package.module:NAME`"


def _section(field: str, given: dict[str, Any]) -> Section | None:
    section = given.get(f"{field}_settings", {})
    try:
        model: type[Section] = KINDS[field].find(str(given.get(field, DEFAULTS[field]))).settings
    except PluginError:
        return None  # told of the name
    if isinstance(section, dict):
        return model(**section)
    if not isinstance(section, model):
        raise ValueError(f"{field}_settings is a {type(section).__name__}, not a {model.__name__}")  # noqa: TRY004 - as above
    return section


class PipelineSettings(Section):
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
    ten messages each are what 15,000 messages a second need where a round trip takes 46 ms (40 ms of distance)."""

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

    codec: Annotated[str, Variable("CODEC", _choices(CODECS)), BeforeValidator(_codec)] = DEFAULTS["codec"]
    """What a body is, as one of the codecs below reads it."""

    codec_settings: SerializeAsAny[Section] = Section()

    sink: Annotated[str, Variable("SINK", _choices(SINKS)), BeforeValidator(_sink)] = DEFAULTS["sink"]
    """Where messages go: to one of the sinks below. `handler` if `HANDLER` is set."""

    sink_settings: SerializeAsAny[Section] = Section()

    given: frozenset[str] | None = None

    concurrency: Annotated[Whole, Variable("WORKER_CONCURRENCY"), Field(ge=1, le=1000)] = 8
    """Batches, or messages of a function that takes one, that are handled at once."""

    batch_max_rows: Annotated[Whole, Variable("BATCH_MAX_ROWS"), Field(ge=1, le=10_000)] = 500
    """Most messages of one write; no more than `IN_FLIGHT_MAX_MESSAGES`. A sink may wish other batches where the four
    `BATCH_` settings are not set; what may be in flight grows with them, and `worker check` says how far."""

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
    """How long batches in hand keep their leases while the sink is unavailable. Then all but the one that keeps trying
    are given back to the queue, where another worker may have more luck."""

    def is_given(self, field: str) -> bool:
        """Whether somebody gave *field*: it neither is a default nor follows from others."""
        return field in (self.model_fields_set if self.given is None else self.given)

    @model_validator(mode="before")
    @classmethod
    def _sections(cls, given: dict[str, Any]) -> dict[str, Any]:
        """The sections as their parts' models, with all defaults where nothing is given."""
        return given | {f"{field}_settings": section for field in KINDS if (section := _section(field, given))}
