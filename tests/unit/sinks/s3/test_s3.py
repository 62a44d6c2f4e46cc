"""SINK=s3 on a store that checks and fails: what is stored, what comes twice, and what every trouble means."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from contextlib import asynccontextmanager, closing
from typing import TYPE_CHECKING, Any, Final

import pytest
from pyarrow import dataset, fs

from tests.contract.s3_place import sink_at
from tests.contract.store import Fault
from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.columns import COLUMNS
from worker.sinks.parts.checksum import Checksum
from worker.sinks.s3.settings import S3Settings
from worker.sinks.s3.table import definition
from worker.testing.messages import make_message, make_messages

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.contract.store import Store
    from worker.sinks.s3.sink import S3Sink

HOUR: Final = 3600.0


@asynccontextmanager
async def opened(s3: Store, bucket: str, **settings: Any) -> AsyncIterator[S3Sink]:
    sink = sink_at(s3.url, bucket, **settings)
    await sink.open()
    s3.requests.clear()
    try:
        yield sink
    finally:
        await sink.close()


async def test_a_file_is_named_by_what_it_holds(s3: Store, bucket: str) -> None:
    """Below the prefix, in the folders of the hour at which its messages were sent, after the queue."""
    async with opened(s3, bucket, prefix="/raw/orders/") as sink:
        assert await sink.write(make_messages(3)) == [None] * 3
    (name,) = s3.files(bucket)
    assert re.fullmatch(r"raw/orders/dt=2023-11-14/hour=22/orders-[0-9a-f]{32}\.ndjson\.gz", name)


async def test_the_same_batch_again_makes_no_second_file(s3: Store, bucket: str) -> None:
    """In another order, received later and more often, by another worker: S3 says that it is there."""
    batch = make_messages(50)
    again = [message._replace(received_at=2e9, receive_count=2) for message in reversed(batch)]
    for records in (batch, again):
        async with opened(s3, bucket) as sink:
            assert await sink.write(records) == [None] * 50
    assert len(s3.files(bucket)) == 1
    assert sorted(s3.keys(bucket)) == sorted(message.key for message in batch)


async def test_a_lost_answer_is_made_good_by_the_next_try(s3: Store, bucket: str) -> None:
    """Stored, and nobody heard of it: away; then the name is there, and the batch is accepted, once."""
    async with opened(s3, bucket) as sink:
        s3.faults.append(Fault("PUT object", "lost"))
        with pytest.raises(SinkUnavailable):
            await sink.write(make_messages(5))
        assert await sink.write(make_messages(5)) == [None] * 5
    assert len(s3.keys(bucket)) == 5


async def test_somebody_else_at_the_same_name_is_waited_for(s3: Store, bucket: str) -> None:
    """409 says that another one is putting or deleting it now: the worker tries again, and not for ever."""
    conflict = Fault("PUT object", "refused", "ConditionalRequestConflict", 409)
    async with opened(s3, bucket) as sink:
        s3.faults += [conflict]
        assert await sink.write(make_messages(5)) == [None] * 5
        s3.faults += [conflict] * 4
        with pytest.raises(SinkUnavailable, match="ConditionalRequestConflict"):
            await sink.write(make_messages(5, prefix="next"))
    assert s3.requests == ["PUT object"] * 6


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("SlowDown", 503),
        ("InternalError", 500),
        ("AccessDenied", 403),
        ("ExpiredToken", 400),
        ("NoSuchBucket", 404),
        ("RequestTimeTooSkewed", 403),
        ("NotImplemented", 501),
    ],
)
async def test_while_it_runs_nothing_is_wrong_with_a_record(s3: Store, bucket: str, code: str, status: int) -> None:
    """Whatever S3 says, it says of the bucket, the right or itself: away, so that no message is rejected for it."""
    async with opened(s3, bucket) as sink:
        s3.faults.append(Fault("PUT object", "refused", code, status))
        with pytest.raises(SinkUnavailable, match=code):
            await sink.write(make_messages(5))
        assert await sink.write(make_messages(5)) == [None] * 5


@pytest.mark.parametrize("kind", ["wrong", "bare"])
@pytest.mark.parametrize("algorithm", ["sha256", "crc32"])
async def test_what_is_not_confirmed_is_put_again(s3: Store, bucket: str, kind: Any, algorithm: str) -> None:
    """An answer with another checksum, or none: not accepted; then it is put over what may be there, not believed."""
    async with opened(s3, bucket, checksum=algorithm) as sink:
        s3.faults.append(Fault("PUT object", kind))
        with pytest.raises(SinkUnavailable, match="checksum"):
            await sink.write(make_messages(5))
        (name,) = s3.files(bucket)
        s3.client.put_object(Bucket=bucket, Key=name, Body=b"something else")
        assert await sink.write(make_messages(5)) == [None] * 5
    assert len(s3.keys(bucket)) == 5


async def test_a_store_that_knows_no_checksums_is_believed_by_its_etag(s3: Store, bucket: str) -> None:
    """Which is the MD5 of what it has."""
    async with opened(s3, bucket) as sink:
        s3.faults.append(Fault("PUT object", "plain"))
        assert await sink.write(make_messages(5)) == [None] * 5


async def test_bytes_that_were_spoilt_on_the_way_are_not_stored(
    s3: Store, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not have the checksum that came with them: S3 refuses them, and the batch is kept."""
    async with opened(s3, bucket) as sink:
        with monkeypatch.context() as spoilt:
            spoilt.setattr(Checksum, "_raw", lambda _self, _data: bytes(32))
            with pytest.raises(SinkUnavailable, match="BadDigest"):
                await sink.write(make_messages(5))
        assert s3.files(bucket) == {}
        await sink.write(make_messages(5))
    assert len(s3.keys(bucket)) == 5


async def test_a_batch_of_two_hours_is_completed(s3: Store, bucket: str) -> None:
    """A file for each; when the second fails the batch is away, and comes again: no row is there twice."""
    first = make_messages(4, prefix="first")
    second = [message._replace(sent_at=message.sent_at + HOUR) for message in make_messages(4, prefix="second")]
    mixed = [message for pair in zip(first, second, strict=True) for message in pair]
    async with opened(s3, bucket) as sink:
        s3.faults.append(Fault("PUT object", "lost"))
        s3.faults.append(Fault("PUT object", "refused", "SlowDown", 503))
        for _ in range(2):
            with pytest.raises(SinkUnavailable):
                await sink.write(mixed)
        assert await sink.write(mixed) == [None] * 8
    folders = {name.rpartition("/")[0] for name in s3.files(bucket)}
    assert folders == {"dt=2023-11-14/hour=22", "dt=2023-11-14/hour=23"}
    assert sorted(s3.keys(bucket)) == sorted(message.key for message in mixed)


async def test_answers_keep_their_places_over_several_files(s3: Store, bucket: str) -> None:
    """The bad one of two hours is told, and no other."""
    bad = make_message("bad", {"x": "\ud800"}, body="\ud800")
    later = [message._replace(sent_at=message.sent_at + HOUR) for message in make_messages(2, prefix="later")]
    async with opened(s3, bucket) as sink:
        answers = await sink.write([later[0], bad, make_message("good"), later[1]])
    assert [answer is None for answer in answers] == [True, False, True, True]
    assert sorted(s3.keys(bucket)) == ["good", "later-0", "later-1"]


@pytest.mark.parametrize(("partition", "folder"), [("day", "dt=2023-11-14/"), ("none", "")])
async def test_fewer_folders(s3: Store, bucket: str, partition: str, folder: str) -> None:
    """By day, or none at all."""
    async with opened(s3, bucket, partition=partition) as sink:
        await sink.write(make_messages(3))
    (name,) = s3.files(bucket)
    assert re.fullmatch(folder + r"orders-[0-9a-f]{32}\.ndjson\.gz", name)


async def test_what_a_start_refuses_says_what_to_do(s3: Store, bucket: str) -> None:
    """No right, no such bucket: SinkRefused with the rights and the settings."""
    s3.faults.append(Fault("POST uploads", "refused", "AccessDenied", 403))
    for name, words in ((bucket, "s3:PutObject and s3:AbortMultipartUpload"), ("of-nobody", "S3_REGION")):
        sink = sink_at(s3.url, name)
        with pytest.raises(SinkRefused, match=words):
            await sink.open()
        await sink.close()


async def test_a_start_leaves_nothing(s3: Store, bucket: str) -> None:
    """It begins an upload and gives it up: no object, no upload, no right but that to put."""
    sink = sink_at(s3.url, bucket, prefix="raw")
    assert await sink.check() == f"s3://{bucket}/raw/ takes files"
    await sink.close()
    assert s3.requests == ["POST uploads", "DELETE upload"]
    assert (s3.files(bucket), s3.uploads(bucket)) == ({}, [])


@pytest.mark.parametrize("kind", ["parquet", "ndjson"])
async def test_a_reader_has_the_table_at_once(s3: Store, bucket: str, kind: Any) -> None:
    """pyarrow, by hive's folders, from S3 itself: every row, the hour as a column; `_table.sql` is not in the way."""
    async with opened(s3, bucket, prefix="raw", format=kind, table="orders") as sink:
        await sink.write(make_messages(30))
        await sink.write([m._replace(sent_at=m.sent_at + HOUR) for m in make_messages(20, prefix="later")])
    place = fs.S3FileSystem(
        access_key="test", secret_key="test", endpoint_override=s3.url, scheme="http", region="us-east-1"
    )
    read = dataset.dataset(
        f"{bucket}/raw",
        filesystem=place,
        partitioning="hive",
        format={"parquet": "parquet", "ndjson": "json"}[kind],
    )
    assert read.count_rows() == 50
    assert set(read.schema.names) == {*COLUMNS, "dt", "hour"}
    late = read.to_table(filter=(dataset.field("hour") == 23) & (dataset.field("dt") == "2023-11-14"))
    assert late.num_rows == 20
    said = s3.files(bucket)["raw/_table.sql"].decode()
    assert f"s3://{bucket}/raw/dt=${{dt}}/hour=${{hour}}/" in said


def test_the_definition_is_that_of_the_files() -> None:
    """The columns in their order, and the folders that each partition has."""
    said = definition("orders", "s3://b/raw/", "ndjson", "day")
    assert tuple(re.findall(r"^  `(\w+)` ", said, re.MULTILINE)) == COLUMNS
    assert "PARTITIONED BY (`dt` string)" in said
    assert "'storage.location.template'='s3://b/raw/dt=${dt}/'" in said
    assert "PARTITIONED" not in definition("orders", "s3://b/", "parquet", "none")


async def test_the_query_of_the_page_has_each_message_once(s3: Store, bucket: str) -> None:
    """What came again in another batch is there twice; the query as printed, and the view, take one of each."""
    batch = make_messages(10)
    again = [message._replace(received_at=message.received_at + 60) for message in batch[5:]]
    async with opened(s3, bucket) as sink:
        await sink.write(batch)
        await sink.write([*again, make_message("new")])
    rows = s3.rows(bucket)
    with open("docs/sinks/s3.md", encoding="utf-8") as page:  # noqa: ASYNC230, PTH123
        (query,) = re.findall(r"```sql\n(.*?)```", page.read(), re.DOTALL)
    view = definition("orders", "s3://b/", "ndjson", "hour").rpartition(" AS\nSELECT")[2]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE orders (message_id, received_at)")
        database.executemany("INSERT INTO orders VALUES (:message_id, :received_at)", rows)
        for asked in (query, "SELECT" + view):
            once = [row[0] for row in database.execute(asked)]
            assert (len(rows), sorted(once)) == (16, sorted([*(m.key for m in batch), "new"]))


@pytest.mark.parametrize("prefix", ["a//b", "../a", "a/./b", "a b", "ä"])
def test_a_prefix_that_readers_would_stumble_over_is_refused(prefix: str) -> None:
    """Said before anything is written."""
    with pytest.raises(ValueError, match="prefix"):
        S3Settings(bucket="orders", prefix=prefix)


async def test_a_write_after_close_is_away(s3: Store, bucket: str) -> None:
    """And so is one that is under way when the sink is closed: neither is accepted, nor lost."""
    s3.pause_seconds = 0.2
    sink = sink_at(s3.url, bucket)
    await sink.open()
    writing = asyncio.ensure_future(sink.write(make_messages(5)))
    await asyncio.sleep(0.1)
    await sink.close()
    with pytest.raises(SinkUnavailable):
        await writing
    with pytest.raises(SinkUnavailable):
        await sink.write(make_messages(5))
