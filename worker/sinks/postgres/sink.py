"""PostgreSQL: takes batches of messages, gives rows in one table of one database.

Connections come from asyncpg's pool, at most one for each writer, and begin nothing but our transactions. Ends with
`close`, after the last write.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncpg

from worker.errors import SinkContended, SinkUnavailable
from worker.outcome import Rejected
from worker.sinks.postgres.connect import Connector
from worker.sinks.postgres.errors import TROUBLE, at_open, in_connect, in_write
from worker.sinks.postgres.rows import as_values
from worker.sinks.postgres.table import PostgresTable
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from worker.message import Message
    from worker.sinks.postgres.rows import Values

T = TypeVar("T")

WRITERS: Final = 4
"""Connections of one worker: enough to keep a database busy that is milliseconds away, few enough for many workers."""
ANSWER_SECONDS: Final = 40.0
"""Longer than the server's own limit of a statement: a connection that is silent for so long is dead."""
CLOSE_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 60.0
"""An idle connection is closed before firewalls and NAT gateways forget it without a word."""


class PostgresSink:
    """Rows in a table of seven columns (`columns.py`; times are timestamptz, attributes jsonb), created when missing.

    *Transactional* on `message_id`: a batch is committed as a whole or not at all, and a redelivery changes nothing,
    also when a commit was done and its answer lost. A commit is on the server's disk (synchronous_commit is switched
    on where a role or database has it off; an UNLOGGED table is refused at the start). What text of PostgreSQL cannot
    hold (NUL, lone surrogates) is rejected alone, before the batch is sent.

    Safe behind PgBouncer in transaction mode: no named prepared statement (`statement_cache_size=0`, which costs one
    round trip a batch), no startup parameter but `application_name` and those that the DSN names, limits by SET LOCAL,
    nothing left in the session.

    A cancelled write gives its connection up without a word: unknown, and harmless when written again. A key that
    another session locks holds up its own row alone: batches are halved until it is found. After any other trouble
    all connections are made anew, so that none is left on a server that was demoted.
    """

    def __init__(self, dsn: str, table: str = "messages", *, writers: int = WRITERS) -> None:
        self._dsn = dsn
        self._table = PostgresTable(table)
        self._writers = writers
        self._connector: Connector
        """Written by `_opening`."""
        self._pool: asyncpg.Pool | None = None
        """Written by `open` and `close`."""

    @property
    def demand(self) -> Demand:
        """A writer for each connection, so that no batch waits for one."""
        return Demand(max_writers=self._writers)

    async def open(self) -> None:
        """Connect, create the table if it is missing, and prove by a row, taken back, that messages fit."""
        await self._opening(self._table.prepare)

    async def check(self) -> str:
        """See `Checkable`."""
        there = await self._opening(self._table.check)
        return f"table {self._table.name} takes rows" if there else f"table {self._table.name} can be made"

    async def _opening(self, way: Callable[[Any], Awaitable[T]]) -> T:
        await self.close()
        self._connector = Connector.of(self._dsn)
        self._pool = pool = self._make_pool()
        try:
            await pool
            connection = await pool.acquire(timeout=self._connector.seconds)
            said = await way(connection)
            await pool.release(connection, timeout=CLOSE_SECONDS)
        except (*TROUBLE, ValueError) as error:
            self._drop()
            # What could not read the DSN may quote it, so it goes no further.
            raise at_open(error, self._table.name) from (None if isinstance(error, ValueError) else error)
        except BaseException:
            self._drop()
            raise
        return said

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Commit *records* in one transaction, those left out that no text can hold; see the protocol."""
        rows: list[Values] = []
        answers: list[Rejected | None] = []
        for record in records:
            values = as_values(record)
            if isinstance(values, Rejected):
                answers.append(values)
            else:
                answers.append(None)
                rows.append(values)
        if rows:
            await self._insert(rows)
        return answers

    async def close(self) -> None:
        """Say goodbye to the server, but do not wait long for its answer."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await pool.close()
        except TROUBLE:
            pool.terminate()

    async def _insert(self, rows: list[Values]) -> None:
        pool = self._pool
        if pool is None:
            raise SinkUnavailable("the sink is not open")
        try:
            connection = await pool.acquire(timeout=self._connector.seconds)
        except (*TROUBLE, ValueError) as error:
            raise in_connect(error, self._table.name) from error
        try:
            await self._table.insert(connection, rows)
        except TROUBLE as error:
            meaning = in_write(error, self._table.name)
            if isinstance(meaning, SinkUnavailable) and not isinstance(meaning, SinkContended):
                self._connector.forget()
                await pool.expire_connections()
            raise meaning from error
        finally:
            with suppress(*TROUBLE):  # of the goodbye; what is committed is committed
                await pool.release(connection, timeout=CLOSE_SECONDS)

    def _make_pool(self) -> asyncpg.Pool:
        # The name is for the database's people (pg_stat_activity); one that the DSN gives is theirs.
        dsn = self._connector.dsn
        return asyncpg.create_pool(
            connect=self._connector.connect,
            min_size=0,  # more would have asyncpg reconnect in the background, where nobody hears of its trouble
            max_size=self._writers,
            max_inactive_connection_lifetime=IDLE_SECONDS,
            reset=_nothing,
            command_timeout=ANSWER_SECONDS,
            statement_cache_size=0,
            server_settings={"application_name": "sqs-worker"} | dsn.server_settings,
        )

    def _drop(self) -> None:
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()


async def _nothing(_connection: Any) -> None:
    """In place of asyncpg's reset, a round trip a batch: our transactions leave nothing behind in a session."""
