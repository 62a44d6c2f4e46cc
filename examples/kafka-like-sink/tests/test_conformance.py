"""The sink passes the suite that every sink of the worker passes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka_like import PLUGIN
from kafka_like.settings import KafkaLikeSettings

from worker.testing.messages import make_message
from worker.testing.sinks import Case, Child, SinkConformance, make_context

if TYPE_CHECKING:
    from kafka_like.testing import BrokerProcess

    from worker.sinks import Sink

LARGEST = 8_388_608


class TestKafkaLike(SinkConformance):
    """One partition, so that all records have one order."""

    @pytest.fixture
    def case(self, broker: BrokerProcess, topic: str) -> Case:
        settings = {"broker": broker.address, "topic": topic, "partitions": 1, "max_request_bytes": LARGEST}

        def make(token: str = broker.token) -> Sink:
            return PLUGIN.make(KafkaLikeSettings.model_validate(settings | {"token": token}), make_context())

        return Case(
            name=PLUGIN.name,
            make=make,
            keys=lambda: broker.keys(topic),
            guarantee=PLUGIN.guarantee,
            ordered=True,
            bad=make_message("bad", body='{"text": "a lone surrogate: \ud800"}'),
            too_large=make_message("too-large", {"x": "y" * 5_000_000}),
            away=broker.away,
            slow=broker.frozen,
            refused=lambda: make("of somebody else"),
            child=Child(
                "kafka_like.sink:KafkaLikeSink", (broker.address, topic), {"token": broker.token, "partitions": 1}
            ),
            cannot={"locked": "a log has no rows that somebody could hold"},
        )
