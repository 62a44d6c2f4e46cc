"""SINK=kafka-like, described. Light: what the sink is made of is imported when one is made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka_like.settings import KafkaLikeSettings

from worker.sinks import Guarantee, Rule, SinkPlugin

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.sinks import Called, Chosen, Sink, SinkContext


def _make(settings: KafkaLikeSettings, _context: SinkContext) -> Sink:
    from kafka_like.sink import KafkaLikeSink  # noqa: PLC0415 - not for those who only list settings

    return KafkaLikeSink(
        settings.broker,
        settings.topic,
        token=settings.token.get_secret_value() if settings.token else "",
        partitions=settings.partitions,
        acks=settings.acks,
        timeout_seconds=settings.timeout_seconds,
        max_request_bytes=settings.max_request_bytes,
    )


def _requests_hold_batches(chosen: Chosen[KafkaLikeSettings], called: Called) -> str | None:
    request, batch = chosen.settings.max_request_bytes, chosen.pipeline.batch_max_bytes
    if request >= batch:
        return None
    return (
        f"{called('max_request_bytes')} is {request:,}, but {called('pipeline.batch_max_bytes')} is {batch:,}: "
        "such a batch would be halved each time; raise the one or lower the other"
    )


def _notices(settings: KafkaLikeSettings) -> Iterable[str]:
    if settings.acks == "memory":
        yield "KAFKA_LIKE_ACKS is memory: a broker that loses its power loses messages that SQS has deleted"


def _side_by_side(one: KafkaLikeSettings, two: KafkaLikeSettings) -> str:
    same = (one.broker, one.topic) == (two.broker, two.topic)
    return f"append to the same topic {one.topic}; give each its own kafka_like_topic" if same else ""


PLUGIN = SinkPlugin(
    name="kafka-like",
    summary="A record for each message, in a partitioned log behind a broker.",
    settings=KafkaLikeSettings,
    make=_make,
    guarantee=Guarantee("at least once", "a redelivery is another record", key="the key of the record"),
    rules=(Rule(frozenset({"max_request_bytes", "pipeline.batch_max_bytes"}), _requests_hold_batches),),
    notices=_notices,
    beside=_side_by_side,
)
