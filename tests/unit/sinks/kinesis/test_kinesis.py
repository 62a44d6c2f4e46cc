"""SINK=kinesis on moto behind a server that can fail: what is in the stream afterwards, and what was asked for it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.unit.sinks.aws.faulty import Faulty, answer_lost
from tests.unit.sinks.kinesis.faults import THROTTLED, every_other_stored, nothing_stored, says, stored_if
from worker.errors import SinkRefused, SinkUnavailable
from worker.message import Attribute
from worker.outcome import Rejected
from worker.sinks.kinesis.plugin import PLUGIN
from worker.sinks.kinesis.settings import KinesisSettings
from worker.sinks.kinesis.sink import KinesisSink
from worker.sinks.records import putting
from worker.testing.messages import make_message, make_messages
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.streams import Streams


@asynccontextmanager
async def opened(service: Faulty, stream: str, *, fifo: bool = False, **settings: Any) -> AsyncIterator[KinesisSink]:
    chosen = KinesisSettings(stream=stream, endpoint_url=service.url, region="us-east-1", **settings)
    sink = KinesisSink(chosen, make_context(fifo=fifo), rng=Random(1))
    await sink.open()
    service.calls.clear()
    try:
        yield sink
    finally:
        await sink.close()


def sizes(service: Faulty) -> list[int]:
    """Records of each call."""
    return [len(asked["Records"]) for asked in service.calls["PutRecords"]]


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the real ones."""
    monkeypatch.setattr(putting, "PAUSE_SECONDS", putting.PAUSE_SECONDS / 100)


async def test_a_batch_is_one_call_and_spreads_over_the_shards(service: Faulty, streams: Streams, stream: str) -> None:
    """Five hundred records of as many keys."""
    async with opened(service, stream) as sink:
        assert sink.demand.max_rows == 500
        assert list(await sink.write(make_messages(500))) == [None] * 500
    assert sorted(streams.keys(stream)) == sorted(f"m-{n}" for n in range(500))
    assert len({record["Shard"] for record in streams.records(stream)}) == 2
    assert sizes(service) == [500]


async def test_a_record_has_the_seven_columns(service: Faulty, streams: Streams, stream: str) -> None:
    """With the decoded value as the body, and bytes in base64."""
    attributes = {"raw": Attribute("Binary", b"\xff")}
    async with opened(service, stream) as sink:
        assert await sink.write([make_message("m", {"a": 1}, group_id="g", attributes=attributes)]) == [None]
    [record] = streams.records(stream)
    assert record["PartitionKey"] == "g"
    assert record["Data"] == {
        "message_id": "m",
        "body": {"a": 1},
        "sent_at": 1_700_000_000.125,
        "received_at": 1_700_000_001.5,
        "receive_count": 1,
        "group_id": "g",
        "attributes": {"raw": {"data_type": "Binary", "value": "/w=="}},
    }


@pytest.mark.parametrize(("chosen", "keys"), [("group", ["g", "b"]), ("key", ["a", "b"])])
async def test_the_partition_key_is_the_group_or_the_key(
    service: Faulty, streams: Streams, stream: str, chosen: str, keys: list[str]
) -> None:
    """A message without a group has its own key."""
    async with opened(service, stream, partition_key=chosen) as sink:
        await sink.write([make_message("a", group_id="g"), make_message("b")])
    assert sorted(record["PartitionKey"] for record in streams.records(stream)) == sorted(keys)


async def test_what_was_not_stored_is_put_again_and_nothing_else(
    service: Faulty, streams: Streams, stream: str
) -> None:
    """Each call asks only for what the one before it left over; in the end each is there once."""
    async with opened(service, stream) as sink:
        service.spoil("PutRecords", every_other_stored, nothing_stored, every_other_stored)
        assert list(await sink.write(make_messages(20))) == [None] * 20
    assert sizes(service) == [20, 10, 10, 5]
    assert sorted(streams.keys(stream)) == sorted(f"m-{n}" for n in range(20))


async def test_a_record_that_fails_holds_back_those_behind_it_of_its_group(
    service: Faulty, streams: Streams, stream: str
) -> None:
    """Whatever fails, each group of a FIFO queue is in the stream in its order, and no record twice."""
    random, records = Random(7), [make_message(f"{n % 3}-{n:02}", group_id=f"g{n % 3}") for n in range(60)]
    async with opened(service, stream, fifo=True) as sink:
        service.spoil("PutRecords", *[stored_if(lambda *_: random.random() < 0.6)] * 25)
        assert list(await sink.write(records)) == [None] * 60
    found = streams.keys(stream)
    for group in range(3):
        assert [key for key in found if key.startswith(f"{group}-")] == [f"{group}-{n:02}" for n in range(group, 60, 3)]
    assert max(sizes(service)) == 3


async def test_a_batch_that_comes_again_in_order_goes_on_where_it_stopped(
    service: Faulty, streams: Streams, stream: str
) -> None:
    """One group is refused until the pipeline waits; what was stored of the batch is not put again with the rest."""
    records = [make_message(f"{group}-{n}", group_id=group) for n in range(4) for group in ("calm", "busy")]
    async with opened(service, stream, fifo=True) as sink:
        calm = stored_if(lambda _, record: record["PartitionKey"] == "calm")
        service.spoil("PutRecords", *[calm] * 20)
        with pytest.raises(SinkUnavailable, match=f"takes nothing at the moment: {THROTTLED}"):
            await sink.write(records)
        assert streams.keys(stream) == [f"calm-{n}" for n in range(4)]
        service._faults.clear()
        for half in (records[:4], records[4:]):
            assert list(await sink.write(half)) == [None] * 4
    found = streams.keys(stream)
    assert [key for key in found if key < "c"] == [f"busy-{n}" for n in range(4)]
    assert len(found) == 8


async def test_what_was_accepted_is_put_again_when_it_comes_again(
    service: Faulty, streams: Streams, stream: str
) -> None:
    """At least once: a redelivery is another record, since nothing is remembered of a batch that went in."""
    async with opened(service, stream) as sink:
        for _ in range(2):
            service.spoil("PutRecords", every_other_stored)
            await sink.write(make_messages(4))
    assert sorted(streams.keys(stream)) == sorted([f"m-{n}" for n in range(4)] * 2)


async def test_an_answer_that_is_lost_leaves_two(service: Faulty, streams: Streams, stream: str) -> None:
    """The batch was put and nobody heard of it: it comes again, and the reader tells them by their key."""
    async with opened(service, stream) as sink:
        service.spoil("PutRecords", answer_lost)
        with pytest.raises(SinkUnavailable):
            await sink.write(make_messages(3))
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert sorted(streams.keys(stream)) == sorted([f"m-{n}" for n in range(3)] * 2)


@pytest.mark.parametrize("fault", [nothing_stored, says(THROTTLED)], ids=["each record", "the call"])
async def test_a_stream_that_takes_nothing_is_away(service: Faulty, streams: Streams, stream: str, fault: Any) -> None:
    """After a few tries the pipeline waits, with what the service said; then the batch goes in, once."""
    async with opened(service, stream) as sink:
        service.spoil("PutRecords", *[fault] * putting.FRUITLESS)
        with pytest.raises(SinkUnavailable, match="takes nothing at the moment: ProvisionedThroughputExceeded"):
            await sink.write(make_messages(3))
        assert len(service.calls["PutRecords"]) == putting.FRUITLESS
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert sorted(streams.keys(stream)) == ["m-0", "m-1", "m-2"]


async def test_a_write_that_is_cancelled_may_be_written_again(service: Faulty, streams: Streams, stream: str) -> None:
    """Between two calls: no task goes on, and what is stored stays single."""
    async with opened(service, stream) as sink:
        before, loop, second = asyncio.all_tasks(), asyncio.get_running_loop(), asyncio.Event()

        def tells(*call: Any) -> Any:
            loop.call_soon_threadsafe(second.set)
            return nothing_stored(*call)

        service.spoil("PutRecords", every_other_stored, tells, *[nothing_stored] * 3)
        write = asyncio.create_task(sink.write(make_messages(8)))
        await second.wait()
        write.cancel()
        await asyncio.wait([write])
        assert write.cancelled()
        assert asyncio.all_tasks() == before
        service._faults.clear()
        assert list(await sink.write(make_messages(8))) == [None] * 8
    assert sorted(streams.keys(stream)) == [f"m-{n}" for n in range(8)]


async def test_one_message_twice_in_a_batch_is_put_once(service: Faulty, streams: Streams, stream: str) -> None:
    """Two messages of one key are two records all the same: one may be another order."""
    one = make_message("k")
    async with opened(service, stream) as sink:
        assert list(await sink.write([one, one, one._replace(id="another")])) == [None] * 3
    assert streams.keys(stream) == ["k", "k"]


async def test_what_no_record_can_hold_is_rejected_alone(service: Faulty, streams: Streams, stream: str) -> None:
    """One bad record and one that is too large among five hundred cost nobody but themselves, and no call."""
    records = make_messages(500)
    records[7] = make_message("bad", {"text": "\ud800"}, body="{}")
    records[9] = make_message("large", {"x": "y" * 1_048_576})
    records[11] = make_message("\ud800", {}, body="{}")
    async with opened(service, stream) as sink:
        answers = await sink.write(records)
    reasons = {place: one.reason for place, one in enumerate(answers) if isinstance(one, Rejected)}
    assert reasons == {7: "sink-data", 9: "size", 11: "sink-data"}
    assert len(streams.keys(stream)) == 497
    assert sizes(service) == [497]


async def test_a_call_is_never_larger_than_the_service_takes(service: Faulty, streams: Streams, stream: str) -> None:
    """Records of nearly a megabyte: more calls, each within five of them, which moto refuses beyond."""
    records = [make_message(f"m-{n:02}", {"x": "y" * 1_048_000}) for n in range(11)]
    async with opened(service, stream) as sink:
        assert list(await sink.write(records)) == [None] * 11
    assert sizes(service) == [5, 5, 1]
    assert sorted(streams.keys(stream)) == [f"m-{n:02}" for n in range(11)]


REFUSED = {
    "a validation": (says("ValidationException"), SinkRefused),
    "an argument that may be anybody's": (says("InvalidArgumentException"), SinkUnavailable),
    "a stream that is gone": (says("ResourceNotFoundException"), SinkUnavailable),
    "a right that was taken away": (says("AccessDeniedException"), SinkUnavailable),
    "a key that was disabled": (says("KMSDisabledException"), SinkUnavailable),
    "its own fault": (says("InternalFailureException", 500), SinkUnavailable),
    "not there": (says("ServiceUnavailable", 503), SinkUnavailable),
    "an answer for too few": (lambda *_: (200, b'{"FailedRecordCount": 0, "Records": []}'), SinkUnavailable),
}


@pytest.mark.parametrize(("fault", "kind"), REFUSED.values(), ids=REFUSED)
async def test_only_what_a_record_caused_refuses_the_batch(
    service: Faulty, streams: Streams, stream: str, fault: Any, kind: type[Exception]
) -> None:
    """Anything else would send good messages to the dead-letter queue."""
    async with opened(service, stream) as sink:
        service.spoil("PutRecords", fault)
        with pytest.raises(kind):
            await sink.write(make_messages(3))
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert len(streams.keys(stream)) == 3


async def test_a_stream_that_is_not_there_is_refused_with_the_command_that_makes_it(service: Faulty) -> None:
    """For the region in use."""
    words = r"no stream nowhere in us-east-1: make it with `aws kinesis create-stream --region us-east-1 --stream-name"
    with pytest.raises(SinkRefused, match=words):
        async with opened(service, "nowhere"):
            pass


@pytest.mark.parametrize("operation", ["DescribeStreamSummary", "PutRecords"])
async def test_a_right_that_is_missing_is_found_at_the_start(
    service: Faulty, streams: Streams, stream: str, operation: str
) -> None:
    """Not by the description alone: what a write asks for is asked for, and nothing is left behind by it."""
    service.spoil(operation, says("AccessDeniedException"))
    with pytest.raises(SinkRefused, match=r"not allowed: give .* kinesis:PutRecords on stream orders"):
        async with opened(service, stream):
            pass
    async with opened(service, stream):
        pass
    assert streams.records(stream) == []


STATES = {
    "being made": ({"StreamStatus": "CREATING"}, SinkUnavailable, "is being made"),
    "being deleted": ({"StreamStatus": "DELETING"}, SinkRefused, "is DELETING"),
    "without order": ({"RecordDistributionStrategy": "AUTO"}, SinkRefused, "the queue keeps order, and stream"),
}


@pytest.mark.parametrize(("summary", "kind", "words"), STATES.values(), ids=STATES)
async def test_a_stream_that_cannot_do_it_says_so_at_the_start(
    service: Faulty, stream: str, summary: dict[str, str], kind: type[Exception], words: str
) -> None:
    """One that is being made is waited for; others need somebody."""
    told = json.dumps({"StreamDescriptionSummary": summary}).encode()
    service.spoil("DescribeStreamSummary", lambda *_: (200, told))
    with pytest.raises(kind, match=words):
        async with opened(service, stream, fifo=True):
            pass


async def test_a_stream_that_ignores_keys_is_given_no_record_to_try(service: Faulty, stream: str) -> None:
    """Of a standard queue it takes messages; the record that cannot be would be stored there."""
    told = json.dumps({"StreamDescriptionSummary": {"RecordDistributionStrategy": "AUTO"}}).encode()
    service.spoil("DescribeStreamSummary", lambda *_: (200, told))
    chosen = KinesisSettings(stream=stream, endpoint_url=service.url, region="us-east-1")
    sink = KinesisSink(chosen, make_context())
    assert await sink.check() == f"stream {stream} takes records of up to 1048576 bytes"
    await sink.close()
    assert [*service.calls] == ["DescribeStreamSummary"]


async def test_a_stream_of_larger_records_is_known(service: Faulty, stream: str) -> None:
    """What it says of itself is the limit."""
    told = json.dumps({"StreamDescriptionSummary": {"MaxRecordSizeInKiB": 2048}}).encode()
    service.spoil("DescribeStreamSummary", lambda *_: (200, told))
    async with opened(service, stream) as sink:
        service.spoil("PutRecords", lambda *_: (200, b'{"Records": [{"ShardId": "1"}]}'))
        assert await sink.write([make_message("large", {"x": "y" * 1_500_000})]) == [None]


async def test_an_arn_is_a_stream_of_its_own_region(service: Faulty, streams: Streams, stream: str) -> None:
    """It is asked for by the ARN, and signed for the region in it."""
    arn = f"arn:aws:kinesis:us-east-1:123456789012:stream/{stream}"
    sink = KinesisSink(KinesisSettings(stream=arn, endpoint_url=service.url), make_context(region="eu-west-1"))
    await sink.open()
    assert list(await sink.write([make_message("m")])) == [None]
    await sink.close()
    assert service.calls["PutRecords"][-1]["StreamARN"] == arn
    assert streams.keys(stream) == ["m"]


def test_the_plugin_makes_it_without_asking_anybody() -> None:
    """A start that fails elsewhere closes it all the same."""
    sink = PLUGIN.make(KinesisSettings(stream="orders"), make_context(concurrency=2))
    assert sink.demand.max_writers == 2


async def test_a_sink_that_is_not_open_writes_nothing() -> None:
    """It is away, as far as the pipeline is concerned."""
    with pytest.raises(SinkUnavailable):
        await KinesisSink(KinesisSettings(stream="orders"), make_context()).write(make_messages(1))
