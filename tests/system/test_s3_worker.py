"""Real workers, a real queue and an S3 that fails: every message is in a file, and the queue is empty."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, Final

import pytest

from tests.contract.store import Fault, Store, store
from tests.system.orders import QUEUE_OF_ORDERS, keys_of, send
from tests.system.rig import Child, Rig
from tests.system.rig import rig as new_rig
from worker.demo.orders import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ORDERS: Final = 2_000


@pytest.fixture
def s3() -> Iterator[Store]:
    with store() as made:
        yield made


@pytest.fixture
def bucket(s3: Store, tmp_path: Path) -> str:
    """One of its own: moto keeps what it has as long as the process of the tests lives."""
    name = f"shop-{zlib.crc32(str(tmp_path).encode())}"
    s3.client.create_bucket(Bucket=name)
    return name


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with new_rig(tmp_path, queue=QUEUE_OF_ORDERS) as made:
        yield made


def settings_of(s3: Store, bucket: str) -> dict[str, str]:
    return {
        "SINK": "s3",
        "S3_BUCKET": bucket,
        "S3_PREFIX": "raw",
        "S3_ENDPOINT_URL": s3.url,
        "SQS_DLQ_URL": "dead",
        "DEDUPLICATION_KEY": "order_id",
        "SQS_WAIT_TIME_SECONDS": "1",
    }


def worker(rig: Rig, s3: Store, bucket: str, *arguments: str, **settings: str) -> Child:
    """`worker run` into the bucket, by the field that tells orders apart."""
    return rig.worker(*arguments, **settings_of(s3, bucket) | settings)


def test_what_is_delivered_twice_is_told_by_its_key(rig: Rig, s3: Store, bucket: str) -> None:
    """The account is exact: every delivery is deleted, every order is there, once or twice, and nothing else is."""
    orders = list(bodies(ORDERS, seed=0))
    send(rig, orders)
    send(rig, orders)
    child = worker(rig, s3, bucket, "--drain")
    assert child.end() == 0
    rows = s3.rows(bucket)
    copies = Counter(row["message_id"] for row in rows)
    assert copies.keys() == {*keys_of(orders)}
    assert {*copies.values()} <= {1, 2}
    assert all(row["attributes"]["kind"]["value"] == "order" for row in rows)
    assert all(row["body"]["order_id"] == row["message_id"] for row in rows)
    assert (rig.books()["deleted"], child.account()["rejected"]) == (2 * ORDERS, 0)


def test_a_lost_answer_makes_no_second_row(rig: Rig, s3: Store, bucket: str) -> None:
    """The same batch is put again, whole, and is there: each order once, though S3 was not heard."""
    orders = list(bodies(ORDERS, seed=0))
    send(rig, orders)
    s3.faults.append(Fault("PUT object", "lost"))
    child = worker(rig, s3, bucket, "--drain", BATCH_MAX_ROWS="500", WORKER_CONCURRENCY="1")
    assert child.end() == 0
    assert sorted(s3.keys(bucket)) == sorted(keys_of(orders))
    assert s3.faults == []
    assert rig.books()["deleted"] == ORDERS


def test_a_worker_that_is_killed_loses_nothing(rig: Rig, s3: Store, bucket: str) -> None:
    """What it had put and not deleted comes again from the next one, in other files, told by its key."""
    orders = list(bodies(ORDERS, seed=0))
    send(rig, orders)
    first = worker(rig, s3, bucket, BATCH_MAX_ROWS="100", BATCH_MAX_WAIT_MS="200")
    rig.until(lambda: "PUT object" in s3.requests, "a file is put")
    first.kill()
    worker(rig, s3, bucket, BATCH_MAX_WAIT_MS="200")
    rig.until_books("deleted", ORDERS)
    assert {*s3.keys(bucket)} == {*keys_of(orders)}
    assert rig.dead_letters() == []


def test_a_bucket_that_is_not_there_ends_the_start(rig: Rig, s3: Store) -> None:
    """Exit code 3, with what to do."""
    child = worker(rig, s3, "of-nobody")
    assert child.end() == 3
    said = "".join(child.lines)
    assert "check its name, S3_REGION and S3_ENDPOINT_URL" in said


def test_a_check_says_what_is_in_flight(rig: Rig, s3: Store, bucket: str) -> None:
    """The batches, what they hold of what SQS hands out, and that the bucket takes files; nothing is stored."""
    environment = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "a", "AWS_REGION": "us-east-1"}
    queue = {"SQS_QUEUE_URL": rig.queue_url, "SQS_ENDPOINT_URL": rig.endpoint}
    child = rig.start(["check"], environment | queue | settings_of(s3, bucket))
    child.end()
    said = " ".join("".join(child.lines).split())
    assert "s3 is given 20000 messages or 32 MiB at once, or what comes within 60 s" in said
    assert "60000 messages and 96 MiB may be in flight" in said
    assert "room for 2 workers of 60000" in said
    assert f"s3://{bucket}/raw/ takes files" in said
    assert s3.files(bucket) == {}
