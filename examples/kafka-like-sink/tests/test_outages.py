"""What is refused after the start is waited for: it is no fault of the messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka_like.sink import KafkaLikeSink
from kafka_like.testing import BrokerProcess

from worker.sinks import SinkUnavailable
from worker.testing.messages import make_messages

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.asyncio
async def test_a_token_that_changes_under_it_rejects_nothing(tmp_path: Path) -> None:
    """The broker comes back with another one: each write is unavailable, and accepted when the old one holds again."""
    with BrokerProcess(tmp_path / "topics", token="first") as broker:
        sink = KafkaLikeSink(broker.address, "orders", token="first")
        await sink.open()
        restart(broker, "second")
        for _ in range(4):
            with pytest.raises(SinkUnavailable):
                await sink.write(make_messages(2))
        restart(broker, "first")
        assert list(await sink.write(make_messages(2))) == [None, None]
        await sink.close()
        assert sorted(broker.keys("orders")) == ["m-0", "m-1"]


def restart(broker: BrokerProcess, token: str) -> None:
    """As somebody does who changes the token."""
    broker.stop()
    broker.token = token
    broker.start()
