"""What tests of the PostgreSQL sink share: an open sink, its trouble, and a server that does something for each row.

Takes the server of `postgres.py`; what is opened ends with its block.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from worker.errors import SinkError
from worker.sinks.postgres.sink import PostgresSink
from worker.sinks.postgres.table import COPY_ROWS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from tests.system.postgres import Postgres
    from worker.message import Message

COMMITTED = b"C\0\0\0\x0bCOMMIT\0"
"""What the server says once the rows are there for good."""
BOTH_WAYS = pytest.mark.parametrize("rows", [COPY_ROWS - 1, COPY_ROWS], ids=["arrays", "copy"])
"""A batch of every way into the table."""
COLUMNS = (
    "message_id text PRIMARY KEY, body text, sent_at timestamptz, received_at timestamptz, receive_count integer, "
    "group_id text, attributes jsonb"
)


@asynccontextmanager
async def opened(dsn: str, table: str, **changes: int) -> AsyncIterator[PostgresSink]:
    sink = PostgresSink(dsn, table, **changes)
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def trouble(sink: PostgresSink, records: Sequence[Message]) -> SinkError:
    """What a write of *records* raises."""
    with pytest.raises(SinkError) as raised:
        await sink.write(records)
    return raised.value


def on_insert(database: Postgres, table: str, statement: str) -> None:
    """Let the server do *statement* for each row that comes in, from now on."""
    database.sql(
        f"CREATE OR REPLACE FUNCTION {table}_does() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {statement} END $$"
    )
    database.sql(
        f"CREATE OR REPLACE TRIGGER does BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_does()"
    )


def leave_alone(database: Postgres, table: str) -> None:
    database.sql(f"DROP TRIGGER does ON {table}")
