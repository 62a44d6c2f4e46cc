"""Streams of moto, made and read from outside without the SDK, and sinks that put into them."""

from __future__ import annotations

import json
from base64 import b64decode
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from tests.contract.servers import moto
from tests.contract.target import Targets
from worker.sinks.kinesis.settings import KinesisSettings
from worker.sinks.kinesis.sink import KinesisSink
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


@contextmanager
def kinesis() -> Iterator[Streams]:
    """Moto, which would number two records alike, and lose one, if it were asked by two at once."""
    from moto.kinesis.models import Shard  # noqa: PLC0415  # a second of imports, only where it is used

    lock, put_record = Lock(), Shard.put_record

    def one_at_a_time(*asked: Any, **named: Any) -> str:
        with lock:
            return put_record(*asked, **named)

    with patch.object(Shard, "put_record", one_at_a_time), moto() as url:
        yield Streams(url)


class Streams(Targets):
    """Those of one server."""

    service = "kinesis"
    target = "Kinesis_20131202"
    version = "1.1"

    def make(self, name: str, shards: int = 1) -> str:
        """An empty stream."""
        self.ask("CreateStream", StreamName=name, ShardCount=shards)
        return name

    def records(self, name: str) -> list[dict[str, Any]]:
        """All that is in it, shard by shard, each in its order; the data is decoded."""
        found: list[dict[str, Any]] = []
        for shard in self.ask("ListShards", StreamName=name)["Shards"]:
            place = {"StreamName": name, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            at = self.ask("GetShardIterator", **place)["ShardIterator"]
            while told := self.ask("GetRecords", ShardIterator=at)["Records"]:
                found += [one | {"Data": json.loads(b64decode(one["Data"])), "Shard": shard["ShardId"]} for one in told]
                after = place | {
                    "ShardIteratorType": "AFTER_SEQUENCE_NUMBER",
                    "StartingSequenceNumber": told[-1]["SequenceNumber"],
                }
                at = self.ask("GetShardIterator", **after)["ShardIterator"]
        return found

    def keys(self, name: str) -> Sequence[str]:
        """The deduplication keys in it."""
        return [record["Data"]["message_id"] for record in self.records(name)]


def kinesis_of(endpoint_url: str, stream: str, **settings: Any) -> KinesisSink:
    """A sink of a FIFO queue at a server of this machine; for a process of its own as well."""
    chosen = KinesisSettings(stream=stream, endpoint_url=endpoint_url, region="us-east-1", **settings)
    return KinesisSink(chosen, make_context(fifo=True))
