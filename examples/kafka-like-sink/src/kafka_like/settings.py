"""The settings of SINK=kafka-like."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from worker.sinks import Seconds, Section, Variable, Whole

TOPIC = r"^[a-z0-9][a-z0-9_-]{0,99}$"


class KafkaLikeSettings(Section):
    """A topic of a broker."""

    broker: Annotated[str, Variable("KAFKA_LIKE_BROKER", "`host:port`"), Field(pattern=r"^[^:\s]+:[0-9]{1,5}$")]
    """Where the broker listens."""

    topic: Annotated[
        str,
        Variable("KAFKA_LIKE_TOPIC", "small letters, digits, `-` and `_`, at most 100", single=True),
        Field(pattern=TOPIC),
    ] = "messages"
    """The topic that records are appended to; made if it does not exist."""

    partitions: Annotated[Whole, Variable("KAFKA_LIKE_PARTITIONS"), Field(ge=1, le=64)] = 4
    """Partitions of a topic that is made."""

    acks: Annotated[Literal["memory", "disk"], Variable("KAFKA_LIKE_ACKS")] = "disk"
    """When the broker says that it has a batch: as soon as it has written it, or when it is on the disk."""

    token: Annotated[SecretStr | None, Variable("KAFKA_LIKE_TOKEN", "a text", otherwise="none", secret=True)] = None
    """What the broker asks for, if it was started with one. A secret: never shown."""

    timeout_seconds: Annotated[Seconds, Variable("KAFKA_LIKE_TIMEOUT_SECONDS"), Field(ge=0.1, le=300)] = 10.0
    """How long the broker may take for one request before it counts as away."""

    max_request_bytes: Annotated[Whole, Variable("KAFKA_LIKE_MAX_REQUEST_BYTES"), Field(ge=1_024, le=67_108_864)] = (
        16_777_216
    )
    """The largest request. A batch that does not fit is halved; a record that does not fit alone is rejected."""
