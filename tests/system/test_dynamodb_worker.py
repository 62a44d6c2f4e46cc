"""Real workers, a real queue and an emulator of DynamoDB: every message is one item, whatever is delivered twice."""

from __future__ import annotations

from collections import Counter
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from tests.contract import dynamodb, servers
from tests.contract.dynamodb import Tables
from tests.system.orders import AS_BYTES, QUEUE_OF_ORDERS, keys_of, send
from tests.system.rig import Child, Rig
from tests.system.rig import rig as new_rig
from worker.demo.orders import bodies

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLE = "orders"


@pytest.fixture
def tables() -> Iterator[Tables]:
    with ExitStack() as stack:
        url = stack.enter_context(dynamodb.dynalite() if dynamodb.HERE else servers.moto())
        made = Tables(url)
        made.make(TABLE)
        yield made
        made.ask("DeleteTable", TableName=TABLE)  # moto keeps what it has as long as this process lives


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with new_rig(tmp_path, queue=QUEUE_OF_ORDERS) as made:
        yield made


def worker(rig: Rig, tables: Tables, *arguments: str, **settings: str) -> Child:
    """`worker run` into the table, by the field that tells orders apart."""
    chosen = {"SINK": "dynamodb", "DYNAMODB_TABLE": TABLE, "DYNAMODB_ENDPOINT_URL": tables.endpoint_url}
    chosen |= {"AWS_REGION": "us-east-1", "DEDUPLICATION_KEY": "order_id", "SQS_WAIT_TIME_SECONDS": "1"}
    return rig.worker(*arguments, **chosen | settings)


@pytest.mark.parametrize("mode", ["overwrite", "conditional"])
def test_what_is_delivered_twice_is_one_item(rig: Rig, tables: Tables, mode: str) -> None:
    """The account is exact: twice as many messages as items, every one deleted, none in the dead-letter queue."""
    orders = list(bodies(400, seed=0))
    send(rig, orders, AS_BYTES)
    send(rig, orders, AS_BYTES)
    child = worker(rig, tables, "--drain", DYNAMODB_MODE=mode)
    assert child.end() == 0
    assert Counter(tables.keys(TABLE)) == Counter(keys_of(orders))
    assert (rig.books()["deleted"], rig.dead_letters()) == (800, [])
    item = tables.items(TABLE)[0]
    assert item["attributes"]["M"]["kind"]["M"]["value"] == {"B": "b3JkZXI="}
    assert item["body"]["M"]["order_id"]


def test_a_worker_that_is_killed_loses_nothing_and_adds_nothing(rig: Rig, tables: Tables) -> None:
    """What it had put and not deleted comes again from the next one, in other batches, and is put under its key."""
    orders = list(bodies(600, seed=0))
    send(rig, orders, AS_BYTES)
    first = worker(rig, tables, BATCH_MAX_ROWS="50")
    rig.until(lambda: len(tables.keys(TABLE)) >= 100, "100 items in the table")
    first.kill()
    worker(rig, tables)
    rig.until_books("deleted", 600)
    assert Counter(tables.keys(TABLE)) == Counter(keys_of(orders))


def test_a_table_that_is_not_there_ends_the_start_with_the_command(rig: Rig, tables: Tables) -> None:
    """Exit code 3, and the words on the terminal are those to type."""
    child = worker(rig, tables, DYNAMODB_TABLE="nowhere")
    assert child.end() == 3
    assert any("aws dynamodb create-table --region us-east-1 --table-name nowhere" in line for line in child.lines)
