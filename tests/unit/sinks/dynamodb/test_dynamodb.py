"""SINK=dynamodb on an emulator behind a server that can fail: what is there afterwards, and what was asked for it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from tests.contract import dynamodb as emulator
from tests.unit.sinks.aws.faulty import Faulty, answer_lost, error
from tests.unit.sinks.dynamodb.faulty import every_other_taken, nothing_taken, says, throttled
from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.dynamodb import putting
from worker.sinks.dynamodb.plugin import PLUGIN
from worker.sinks.dynamodb.settings import DynamoDbSettings
from worker.sinks.dynamodb.sink import DynamoDbSink
from worker.testing.messages import make_message, make_messages
from worker.testing.sinks import make_context

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.dynamodb import Tables

MODES = ("overwrite", "conditional")


@asynccontextmanager
async def opened(service: Faulty, table: str, **settings: Any) -> AsyncIterator[DynamoDbSink]:
    chosen = DynamoDbSettings(table=table, endpoint_url=service.url, region="us-east-1", **settings)
    sink = DynamoDbSink(chosen, make_context(), rng=Random(1))
    await sink.open()
    service.calls.clear()
    try:
        yield sink
    finally:
        await sink.close()


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundredth of the real ones."""
    monkeypatch.setattr(putting, "PAUSE_SECONDS", putting.PAUSE_SECONDS / 100)


@pytest.mark.parametrize("mode", MODES)
async def test_a_batch_of_500_is_stored_in_as_many_calls_as_it_takes(
    service: Faulty, tables: Tables, table: str, mode: str
) -> None:
    """Twenty-five to a call, or one by one under the condition."""
    async with opened(service, table, mode=mode) as sink:
        assert list(await sink.write(make_messages(60))) == [None] * 60
    assert sorted(tables.keys(table)) == sorted(f"m-{n}" for n in range(60))
    counts = {operation: len(calls) for operation, calls in service.calls.items()}
    assert counts == ({"BatchWriteItem": 3} if mode == "overwrite" else {"PutItem": 60})


@pytest.mark.parametrize(("mode", "kept"), [("overwrite", "second"), ("conditional", "first")])
@pytest.mark.parametrize("apart", [False, True], ids=["in one batch", "in two"])
async def test_of_two_messages_with_one_key_one_is_kept(
    service: Faulty, tables: Tables, table: str, mode: str, kept: str, *, apart: bool
) -> None:
    """The last one where items are overwritten, the first one where they are not; both are accepted."""
    first, second = make_message("k", {"which": "first"}), make_message("k", {"which": "second"})
    async with opened(service, table, mode=mode) as sink:
        for batch in ([first], [second]) if apart else ([first, make_message("other"), second],):
            assert list(await sink.write(batch)) == [None] * len(batch)
    [found] = [item for item in tables.items(table) if item["message_id"]["S"] == "k"]
    assert found["body"]["M"]["which"] == {"S": kept}


async def test_what_is_left_unprocessed_is_put_again_and_nothing_else(
    service: Faulty, tables: Tables, table: str
) -> None:
    """Each call asks only for what the one before it left over; in the end all are there."""
    async with opened(service, table) as sink:
        service.spoil("BatchWriteItem", every_other_taken, nothing_taken, every_other_taken)
        assert list(await sink.write(make_messages(20))) == [None] * 20
    sizes = [len(asked["RequestItems"][table]) for asked in service.calls["BatchWriteItem"]]
    assert sizes == [20, 10, 10, 5]
    assert len(tables.keys(table)) == 20


@pytest.mark.parametrize("mode", MODES)
async def test_a_table_that_throttles_for_a_moment_is_waited_for(
    service: Faulty, tables: Tables, table: str, mode: str
) -> None:
    """A few refusals cost pauses, and no batch."""
    operation = "BatchWriteItem" if mode == "overwrite" else "PutItem"
    async with opened(service, table, mode=mode) as sink:
        service.spoil(operation, throttled, throttled, says("ThrottlingException"))
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert len(tables.keys(table)) == 3


@pytest.mark.parametrize("fault", [throttled, nothing_taken])
async def test_a_table_that_takes_nothing_is_away(service: Faulty, tables: Tables, table: str, fault: Any) -> None:
    """After a few tries the pipeline waits, with what the service said as the reason; then the batch goes in."""
    async with opened(service, table) as sink:
        service.spoil("BatchWriteItem", *[fault] * putting.FRUITLESS)
        with pytest.raises(SinkUnavailable, match="takes nothing at the moment: ") as caught:
            await sink.write(make_messages(3))
        if fault is throttled:
            assert "ProvisionedThroughputExceeded (TableWriteProvisionedThroughputExceeded)" in str(caught.value)
        assert len(service.calls["BatchWriteItem"]) == putting.FRUITLESS
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert len(tables.keys(table)) == 3


@pytest.mark.parametrize("mode", MODES)
async def test_an_answer_that_is_lost_leaves_one_item(service: Faulty, tables: Tables, table: str, mode: str) -> None:
    """The batch was put and nobody heard of it: it comes again, in another batch, and adds nothing."""
    operation = "BatchWriteItem" if mode == "overwrite" else "PutItem"
    async with opened(service, table, mode=mode) as sink:
        service.spoil(operation, answer_lost)
        with pytest.raises(SinkUnavailable):
            await sink.write(make_messages(3))
        again = [message._replace(receive_count=2) for message in make_messages(5)]
        assert list(await sink.write(again)) == [None] * 5
    assert sorted(tables.keys(table)) == [f"m-{n}" for n in range(5)]


async def test_conditional_never_changes_what_is_there(service: Faulty, tables: Tables, table: str) -> None:
    """A later receipt of a message is accepted, and its item stays as it was first put."""
    async with opened(service, table, mode="conditional") as sink:
        await sink.write([make_message()])
        before = tables.items(table)
        assert list(await sink.write([make_message()._replace(receive_count=9, received_at=5.0)])) == [None]
    assert tables.items(table) == before


async def test_sixteen_megabytes_are_never_asked_at_once(service: Faulty, tables: Tables, table: str) -> None:
    """Some of the largest items, of characters that JSON spells with six: more calls, each below the limit."""
    records = [make_message(f"large-{n}", {"x": "\1" * 400_000}, body="{}") for n in range(7)]
    async with opened(service, table) as sink:
        assert list(await sink.write(records)) == [None] * 7
    assert 2_000_000 < service.most_bytes < 16 * 1024 * 1024
    assert len(tables.keys(table)) == 7


async def test_what_is_too_large_is_rejected_before_anything_is_asked(
    service: Faulty, tables: Tables, table: str
) -> None:
    """One item over 400 KB among good ones costs nobody but itself, and no call."""
    async with opened(service, table) as sink:
        answers = await sink.write([make_message("a"), make_message("b", {"x": "y" * 410_000}), make_message("c")])
    assert [answer and answer.reason for answer in answers] == [None, "size", None]
    assert sorted(tables.keys(table)) == ["a", "c"]
    assert len(service.calls["BatchWriteItem"]) == 1


async def test_a_size_is_counted_as_the_server_counts_it(service: Faulty, tables: Tables, table: str) -> None:
    """The largest item that we let through is one that the server takes, and one byte more is rejected by us."""
    if not emulator.HERE:
        pytest.skip(emulator.NOT_HERE)
    async with opened(service, table, body="text") as sink:
        low, high = 400_000, 410_000
        while high - low > 1:
            middle = (low + high) // 2
            [answer] = await sink.write([make_message("edge", {}, body="x" * middle)])
            low, high = (middle, high) if answer is None else (low, middle)
    assert len(tables.items(table)[0]["body"]["S"]) <= low
    assert 409_000 < low < 409_600


REFUSED = {
    "a validation": (says("ValidationException", "a value of somebody"), SinkRefused),
    "a collection that is full": (says("ItemCollectionSizeLimitExceededException"), SinkRefused),
    "a table with other keys": (
        says("ValidationException", "The provided key element does not match the schema"),
        SinkUnavailable,
    ),
    "a table that is gone": (says("ResourceNotFoundException"), SinkUnavailable),
    "a right that was taken away": (says("AccessDeniedException"), SinkUnavailable),
    "its own fault": (says("InternalServerError", status=500), SinkUnavailable),
    "not there": (says("ServiceUnavailable", status=503), SinkUnavailable),
}


@pytest.mark.parametrize(("fault", "kind"), REFUSED.values(), ids=REFUSED)
async def test_only_what_a_record_caused_refuses_the_batch(
    service: Faulty, tables: Tables, table: str, fault: Any, kind: type[Exception]
) -> None:
    """Anything else would send good messages to the dead-letter queue; a value is never quoted."""
    async with opened(service, table) as sink:
        service.spoil("BatchWriteItem", fault)
        with pytest.raises(kind) as caught:
            await sink.write(make_messages(3))
        assert "somebody" not in str(caught.value)
        assert list(await sink.write(make_messages(3))) == [None] * 3
    assert len(tables.keys(table)) == 3


async def test_one_call_that_fails_gives_up_the_others_and_leaves_no_task(service: Faulty, table: str) -> None:
    """The batch is written again as a whole; nothing of it goes on in the background."""
    async with opened(service, table) as sink:
        before = asyncio.all_tasks()
        service.spoil("BatchWriteItem", says("InternalServerError", status=500))
        with pytest.raises(SinkUnavailable):
            await sink.write(make_messages(200))
        assert asyncio.all_tasks() == before
        assert list(await sink.write(make_messages(200))) == [None] * 200


@pytest.mark.parametrize(
    ("partition", "sort"), [("pk", None), ("pk", ("sent_at", "N")), ("group_id", ("message_id", "S"))]
)
async def test_keys_are_named_as_the_table_names_them(
    service: Faulty, tables: Tables, partition: str, sort: tuple[str, str] | None
) -> None:
    """A redelivery finds its item whatever the key is made of, and left-over items are known by it."""
    name = tables.make(f"keyed-{partition}-{sort and sort[0]}", partition, sort)
    holder = partition if partition != "group_id" else "message_id"
    records = [make_message(f"m-{n}", group_id=f"g{n % 2}") for n in range(4)]
    async with opened(service, name, partition_key=partition, sort_key=sort and sort[0]) as sink:
        service.spoil("BatchWriteItem", every_other_taken)
        for _ in range(2):
            assert list(await sink.write(records)) == [None] * 4
    assert sorted(item[holder]["S"] for item in tables.items(name)) == [f"m-{n}" for n in range(4)]


async def test_a_table_that_is_not_there_is_refused_with_the_command_that_makes_it(service: Faulty) -> None:
    """The command has the keys of the settings."""
    words = (
        r"there is no table nowhere in us-east-1: make it with `aws dynamodb create-table --region us-east-1 "
        r"--table-name nowhere --attribute-definitions AttributeName=pk,AttributeType=S "
        r"AttributeName=sent_at,AttributeType=N --key-schema AttributeName=pk,KeyType=HASH "
        r"AttributeName=sent_at,KeyType=RANGE --billing-mode PAY_PER_REQUEST`"
    )
    with pytest.raises(SinkRefused, match=words):
        async with opened(service, "nowhere", partition_key="pk", sort_key="sent_at"):
            pass


async def test_a_table_with_another_key_is_refused_with_what_to_set(service: Faulty, tables: Tables) -> None:
    """Both keys are named; every record would be refused later."""
    name = tables.make("other-key", "id", ("at", "S"))
    words = (
        r"other-key has the key id \(S\), at \(S\) and the settings say message_id \(S\): set DYNAMODB_PARTITION_KEY"
    )
    with pytest.raises(SinkRefused, match=words):
        async with opened(service, name):
            pass


@pytest.mark.parametrize("mode", MODES)
async def test_a_right_that_is_missing_is_found_at_the_start(
    service: Faulty, tables: Tables, table: str, mode: str
) -> None:
    """Not by the description alone: what a write asks for is asked for, and nothing is left behind by it."""
    operation, right = ("BatchWriteItem", "BatchWriteItem") if mode == "overwrite" else ("PutItem", "PutItem")
    service.spoil(operation, says("AccessDeniedException"))
    with pytest.raises(
        SinkRefused, match=rf"not allowed: give .* dynamodb:DescribeTable and dynamodb:{right} on table"
    ):
        async with opened(service, table, mode=mode):
            pass
    async with opened(service, table, mode=mode):
        pass
    assert tables.items(table) == []


async def test_a_table_that_is_being_made_is_waited_for(service: Faulty, table: str) -> None:
    """Passing trouble at the start, as is one that is too busy to be described."""
    creating = (200, b'{"Table": {"TableStatus": "CREATING"}}')
    service.spoil("DescribeTable", lambda *_: creating, lambda *_: error("ThrottlingException"))
    for _ in range(2):
        with pytest.raises(SinkUnavailable):
            async with opened(service, table):
                pass
    async with opened(service, table):
        pass


async def test_check_says_whether_items_expire(service: Faulty, table: str) -> None:
    """Setting an attribute makes nothing expire where the table was not told to."""
    chosen = DynamoDbSettings(table=table, endpoint_url=service.url, region="us-east-1", ttl_seconds=60)
    sink = DynamoDbSink(chosen, make_context())
    on = b'{"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires_at"}}'
    off = b'{"TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}}'
    service.spoil(
        "DescribeTimeToLive", *(lambda *_, told=told: (200, told) for told in (on, off)), says("AccessDenied")
    )
    said = [await sink.check() for _ in range(3)]
    await sink.close()
    assert said[0] == f"table {table} takes items, which expire by expires_at"
    assert "does not let them expire by expires_at: `aws dynamodb update-time-to-live --region us-east-1" in said[1]
    assert "whether they expire by expires_at is not known (AccessDenied)" in said[2]


async def test_numbers_texts_and_bytes_come_back_as_they_went_in(service: Faulty, tables: Tables, table: str) -> None:
    """Through the SDK and a real server, to the last digit; empty texts and deep values too."""
    value = {
        "wide": 12345678901234567890123456789012345678,
        "small": -1.25e-100,
        "empty": "",
        "nul": "\0",
        "none": None,
        "deep": [[{"a": []}], {}],
        "truth": [True, False],
        "wing": "\U0001f600",
    }
    async with opened(service, table) as sink:
        assert list(await sink.write([make_message("m", value, body="{}")])) == [None]
    body = tables.items(table)[0]["body"]["M"]
    assert body["wide"] == {"N": "12345678901234567890123456789012345678"}
    assert float(body["small"]["N"]) == -1.25e-100
    assert (body["empty"], body["nul"], body["none"]) == ({"S": ""}, {"S": "\0"}, {"NULL": True})
    assert body["deep"] == {"L": [{"L": [{"M": {"a": {"L": []}}}]}, {"M": {}}]}
    assert body["truth"] == {"L": [{"BOOL": True}, {"BOOL": False}]}
    assert body["wing"] == {"S": "\U0001f600"}


def test_the_plugin_makes_it_without_asking_anybody() -> None:
    """A start that fails elsewhere closes it all the same."""
    sink = PLUGIN.make(DynamoDbSettings(table="orders"), make_context(concurrency=2))
    assert sink.demand.max_writers == 2
