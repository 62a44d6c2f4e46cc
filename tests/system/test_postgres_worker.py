"""Real workers, a real queue and a real PostgreSQL in trouble: every message one row, and the queue empty."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.system.proxy import Trouble
from tests.system.rig import QUEUE, Child, Rig
from tests.system.rig import rig as new_rig
from tests.system.tables import COMMITTED
from tests.system.test_refusals import refused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.system.postgres import Postgres
    from tests.system.proxy import Proxy

ORDER = "body::jsonb->>'order_id'"


class Site:
    """One queue with a dead-letter queue, one database, and workers between them."""

    def __init__(self, rig: Rig, database: Postgres) -> None:
        self.rig = rig
        self.database = database
        self.table = database.fresh_table()

    def worker(self, *arguments: str, port: int | None = None, **settings: str) -> Child:
        """`worker run` into the table, by way of *port*."""
        dsn = self.database.dsn_at(port or self.database.port)
        return self.rig.worker(
            *arguments,
            SINK="postgres",
            POSTGRES_DSN=dsn,
            POSTGRES_TABLE=self.table,
            SQS_DLQ_URL="orders-dead",
            **settings,
        )

    def rows(self) -> int:
        """How many there are by now."""
        return int(self.database.values("count(*)", self.table)[0])

    def until_rows(self, at_least: int) -> None:
        """Wait for them."""
        exists = f"SELECT to_regclass('{self.table}') IS NOT NULL"
        self.rig.until(lambda: self.database.sql(exists) == ["t"] and self.rows() >= at_least, f"{at_least} rows")

    def exact(self, messages: int, *, dead: int = 0) -> None:
        """Every message is one row or one dead letter, and the queue is empty."""
        orders = self.database.values(ORDER, self.table)
        assert len(orders) == len(set(orders)) == messages - dead
        assert self.rig.books()["deleted"] == messages
        assert self.dead_letters() == dead

    def dead_letters(self) -> int:
        """Messages in the dead-letter queue."""
        url = self.rig.sqs.get_queue_url(QueueName="orders-dead")["QueueUrl"]
        name = "ApproximateNumberOfMessages"
        return int(self.rig.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


@pytest.fixture
def site(tmp_path: Path, database: Postgres) -> Iterator[Site]:
    with new_rig(tmp_path, queue=f"{QUEUE}:visibility=5,dlq=orders-dead,max=100") as rig:
        yield Site(rig, database)


def test_a_queue_is_drained_into_a_table(site: Site) -> None:
    """The plain case: three thousand messages, three thousand rows, no dead letter."""
    site.rig.send(3000)
    worker = site.worker("--drain")
    assert worker.end() == 0
    site.exact(3000)


def test_lost_answers_of_commits_double_nothing(site: Site, network: Proxy) -> None:
    """Three of ten commits are done and their answers lost; each message is one row, none is lost."""
    site.rig.send(3000)
    network.behave(Trouble(cut_on=COMMITTED, cut_share=0.3))
    worker = site.worker("--drain", port=network.port, BATCH_MAX_ROWS="100")
    assert worker.end() == 0
    assert network.cuts >= 3
    site.exact(3000)


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_a_database_that_goes_away_in_the_middle_is_waited_for(site: Site, how: str) -> None:
    """The worker keeps what it holds, tells of it, and goes on when the database is back; nothing is dead-lettered."""
    site.rig.send(12_000)  # more than it writes while the database is told to stop
    worker = site.worker(BATCH_MAX_ROWS="50")
    site.until_rows(500)
    getattr(site.database, how)()
    try:
        worker.event("sink_lost")
    finally:
        site.database.start()
    worker.event("sink_restored")
    site.rig.until_books("deleted", 12_000)
    site.exact(12_000)


def test_a_table_renamed_away_does_not_drain_the_queue(site: Site) -> None:
    """Every write fails, so the worker keeps what it holds and dead-letters nothing; back again, all go in."""
    site.rig.send(3000)
    worker = site.worker(BATCH_MAX_ROWS="50")
    site.until_rows(500)
    site.database.sql(f"ALTER TABLE {site.table} RENAME TO {site.table}_away")
    assert "42P01" in worker.event("sink_lost")["detail"]
    worker.event("leases_renewed")
    assert site.dead_letters() == 0
    site.database.sql(f"ALTER TABLE {site.table}_away RENAME TO {site.table}")
    site.rig.until_books("deleted", 3000)
    site.exact(3000)


def test_a_bad_row_is_dead_lettered_alone(site: Site) -> None:
    """A constraint of the table's owner refuses one order; the other thousand go in."""
    site.rig.send(1000)
    site.rig.sqs.send_message(QueueUrl=site.rig.queue_url, MessageBody=json.dumps({"order_id": "bad"}))
    site.database.sql(
        f"CREATE TABLE {site.table} (message_id text PRIMARY KEY, body text CHECK ({ORDER} <> 'bad'), "
        "sent_at timestamptz, received_at timestamptz, receive_count integer, group_id text, attributes jsonb)"
    )
    worker = site.worker("--drain")
    assert worker.end() == 0
    site.exact(1001, dead=1)


def test_a_wrong_password_ends_with_three_and_is_not_told(site: Site) -> None:
    """The fix is named; the password stands in no line."""
    dsn = site.database.dsn_at(site.database.port, password="not-the-password")
    worker = site.rig.worker(SINK="postgres", POSTGRES_DSN=dsn)
    assert worker.end() == 3
    assert "correct user and password" in refused(worker.lines)
    assert "not-the-password" not in "".join(worker.lines)
