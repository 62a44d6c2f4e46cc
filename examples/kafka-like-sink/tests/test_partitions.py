"""Records go where their group or their key says."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from kafka_like.sink import KafkaLikeSink

from worker.testing.messages import make_message

if TYPE_CHECKING:
    from kafka_like.testing import BrokerProcess


@pytest.mark.asyncio
async def test_a_group_is_in_one_partition_in_its_order(broker: BrokerProcess, topic: str) -> None:
    """Twenty groups over four partitions: each is in one of them, and its records stand as they were sent."""
    sink = KafkaLikeSink(broker.address, topic, token=broker.token, partitions=4)
    await sink.open()
    groups = [f"g{group:02}" for group in range(20)]
    records = [make_message(f"{group}-{number}", group_id=group) for number in range(5) for group in groups]
    assert list(await sink.write(records)) == [None] * 100
    await sink.close()
    partitions = [broker.keys(topic, str(number)) for number in range(4)]
    assert all(partitions)
    for group in groups:
        (holding,) = [keys for keys in partitions if any(key.startswith(group) for key in keys)]
        assert [key for key in holding if key.startswith(group)] == [f"{group}-{number}" for number in range(5)]


@pytest.mark.asyncio
async def test_a_check_makes_no_topic(broker: BrokerProcess, topic: str) -> None:
    """It says that it can be made, and after a start how many partitions it has."""
    sink = KafkaLikeSink(broker.address, topic, token=broker.token, partitions=3)
    assert await sink.check() == f"topic {topic} can be made"
    assert not (broker.folder / topic).exists()
    await sink.open()
    assert await sink.check() == f"topic {topic} has 3 partitions"
    await sink.close()
