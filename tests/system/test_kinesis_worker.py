"""Real workers, a real queue and moto's Kinesis: every message is a record, and no message is lost."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests.contract.streams import kinesis
from tests.system.orders import AS_BYTES, QUEUE_OF_ORDERS, keys_of, send
from tests.system.rig import Child, Rig
from tests.system.rig import rig as new_rig
from worker.demo.orders import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.contract.streams import Streams

STREAM = "orders-of-workers"


@pytest.fixture
def streams() -> Iterator[Streams]:
    with kinesis() as made:
        made.make(STREAM, shards=2)
        yield made
        made.ask("DeleteStream", StreamName=STREAM)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with new_rig(tmp_path, queue=QUEUE_OF_ORDERS) as made:
        yield made


def worker(rig: Rig, streams: Streams, *arguments: str, **settings: str) -> Child:
    """`worker run` into the stream, by the field that tells orders apart."""
    chosen = {"SINK": "kinesis", "KINESIS_STREAM": STREAM, "KINESIS_ENDPOINT_URL": streams.endpoint_url}
    chosen |= {"AWS_REGION": "us-east-1", "DEDUPLICATION_KEY": "order_id", "SQS_WAIT_TIME_SECONDS": "1"}
    return rig.worker(*arguments, **chosen | settings)


def test_every_message_is_a_record(rig: Rig, streams: Streams) -> None:
    """The account is exact: each order was sent twice and is there twice, and none is in the dead-letter queue."""
    orders = list(bodies(400, seed=0)) * 2
    send(rig, orders, AS_BYTES)
    child = worker(rig, streams, "--drain")
    assert child.end() == 0
    assert Counter(streams.keys(STREAM)) == Counter(keys_of(orders))
    assert (rig.books()["deleted"], rig.dead_letters()) == (800, [])
    record = streams.records(STREAM)[0]["Data"]
    assert record["attributes"] == {"kind": {"data_type": "Binary", "value": "b3JkZXI="}}
    assert record["body"]["order_id"]


def test_a_worker_that_is_killed_loses_nothing(rig: Rig, streams: Streams) -> None:
    """What it had put and not deleted comes again from the next one, as records of the same keys."""
    orders = list(bodies(600, seed=0))
    send(rig, orders, AS_BYTES)
    first = worker(rig, streams, BATCH_MAX_ROWS="50")
    rig.until(lambda: len(streams.keys(STREAM)) >= 100, "100 records in the stream")
    first.kill()
    worker(rig, streams)
    rig.until_books("deleted", 600)
    assert {*streams.keys(STREAM)} == {*keys_of(orders)}


def test_a_stream_that_is_not_there_ends_the_start_with_the_command(rig: Rig, streams: Streams) -> None:
    """Exit code 3, and the words on the terminal are those to type."""
    child = worker(rig, streams, KINESIS_STREAM="nowhere")
    assert child.end() == 3
    assert any("aws kinesis create-stream --region us-east-1 --stream-name nowhere" in line for line in child.lines)
