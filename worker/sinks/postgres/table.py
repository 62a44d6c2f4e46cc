"""One table of one database, seen over one connection at a time.

Takes rows and commits them, all or none; gives back nothing but asyncpg's errors, which `errors.py`
translates. After an error the connection is either out of the transaction or closed, never in between.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from worker.errors import SinkRefused
from worker.sinks.alike import ALIKE, ONE_FOR_TWO
from worker.sinks.columns import COLUMNS
from worker.sinks.postgres.errors import accepts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from worker.sinks.postgres.rows import Values

COPY_ROWS: Final = 200
"""From here on COPY. Measured with bodies of 500 bytes: below it one INSERT of arrays takes a third of COPY's time and
leaves the server's catalogue alone; at 500 rows COPY costs the worker a third less CPU, and memory does not grow."""
ROLLBACK_SECONDS: Final = 5.0

_TYPES: Final = ("text", "text", "timestamptz", "timestamptz", "integer", "text", "jsonb")
_STAGE: Final = "sqs_worker_batch"
_NAMES: Final = ", ".join(COLUMNS)
_CREATE_LOCK: Final = 7_781_253_011
"""Any number, the same in every worker: of those that start together one creates the table, the others find it."""

_BEGIN: Final = """
BEGIN;
SET LOCAL statement_timeout = '30s';
SET LOCAL lock_timeout = '2s';
SET LOCAL idle_in_transaction_session_timeout = '60s';
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off'
"""
"""In one round trip. A lock is waited for a little longer than it takes the server to find a deadlock: while a row is
locked its batch is tried up to nine times, each half of the one before. A worker that is frozen or cut off in the
middle holds its locks for a minute at most; a commit that is answered is on the disk, whatever the role or database
has as a default."""
_CREATE_STAGE: Final = (
    f"CREATE TEMPORARY TABLE {_STAGE} ({', '.join(map(' '.join, zip(COLUMNS, _TYPES, strict=True)))}) ON COMMIT DROP"
)
_FROM_STAGE: Final = f"SELECT {_NAMES} FROM pg_temp.{_STAGE}"  # noqa: S608 - our own words
_FROM_ARRAYS: Final = "SELECT * FROM unnest({})".format(  # noqa: S608 - as above
    ", ".join(f"${number}::{of}[]" for number, of in enumerate(_TYPES, 1))
)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_PROBE: Final[Values] = ("00000000-worker-check-row-taken-back", "{}", _EPOCH, _EPOCH, 1, None, None)
"""As long as a message id, so that a key column that is too short is found."""


class PostgresTable:
    """The table's name and what is done to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        """`table` or `schema.table`, spelt exactly as in the database."""
        self._quoted = ".".join('"' + part.replace('"', '""') + '"' for part in name.split("."))

    async def prepare(self, connection: Any) -> None:
        """Create what is missing and prove by a row, taken back, that the table accepts messages for good.

        Raises:
            SinkRefused: its rows would not outlive a crash of the server.
        """
        if await self._persistence(connection) is None:
            async with _transaction(connection):
                await connection.execute(f"SELECT pg_advisory_xact_lock({_CREATE_LOCK})")
                await connection.execute(self._create())
                await connection.execute("COMMIT")
        if await self._persistence(connection) != "p":
            raise self._unlogged()
        await self._probe(connection)

    async def check(self, connection: Any) -> bool:
        """Prove that `prepare` would succeed, and leave nothing behind; False: there is no such table yet.

        Raises:
            SinkRefused: as `prepare`.
        """
        there = await self._persistence(connection)
        if there not in {None, "p"}:
            raise self._unlogged()
        await self._probe(connection, *([] if there else [self._create()]))
        return there is not None

    async def insert(self, connection: Any, rows: Sequence[Values]) -> None:
        """Commit *rows*; a row whose key is there already is passed over."""
        async with _transaction(connection):
            if len(rows) < COPY_ROWS:
                await connection.execute(self._insert(_FROM_ARRAYS), *map(list, zip(*rows, strict=True)))
                ended = await connection.execute("COMMIT")
            else:
                await self._stage(connection, rows)
                ended = await connection.execute(f"{self._insert(_FROM_STAGE)}; COMMIT")
            if ended != "COMMIT":  # the server answers ROLLBACK, and no error, when there was nothing left to commit
                raise asyncpg.InterfaceError(f"the transaction ended in {ended}")

    def _unlogged(self) -> SinkRefused:
        return SinkRefused(
            f"table {self.name} would be empty after a crash of the server: ALTER TABLE {self._quoted} SET LOGGED"
        )

    async def _probe(self, connection: Any, *before: str) -> None:
        """A row, taken back with all that was done *before* it."""
        try:
            async with _transaction(connection):
                for statement in before:
                    await connection.execute(statement)
                await self._stage(connection, [_PROBE, *((key, *_PROBE[1:]) for key in ALIKE)])
                taken = await connection.fetchval(self._counted(_FROM_STAGE))
                await connection.execute("ROLLBACK")
        except asyncpg.PostgresError as error:
            if not accepts(error):
                raise
        else:
            if 0 < taken <= len(ALIKE):  # none: a trigger of yours puts them elsewhere
                raise SinkRefused(
                    f"table {self.name}: {ONE_FOR_TWO}; make message_id text PRIMARY KEY with a deterministic collation"
                )

    async def _stage(self, connection: Any, rows: Sequence[Values]) -> None:
        await connection.execute(_CREATE_STAGE)
        await connection.copy_records_to_table(_STAGE, schema_name="pg_temp", records=rows, columns=COLUMNS)

    async def _persistence(self, connection: Any) -> str | None:
        """`p` for a table that lasts, None if there is none."""
        kind = "SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass($1)"
        found: str | None = await connection.fetchval(kind, self._quoted)
        return found

    def _create(self) -> str:
        return (
            f"CREATE TABLE IF NOT EXISTS {self._quoted} (message_id text PRIMARY KEY, body text NOT NULL, "
            "sent_at timestamptz NOT NULL, received_at timestamptz NOT NULL, receive_count integer NOT NULL, "
            "group_id text, attributes jsonb)"
        )

    def _counted(self, source: str) -> str:
        """Insert, and say how many rows were new."""
        return f"WITH taken AS ({self._insert(source)} RETURNING 1) SELECT count(*) FROM taken"  # noqa: S608 - our own words

    def _insert(self, source: str) -> str:
        """The rows of *source*, in the order of their keys, in which all workers take their locks."""
        return (
            f"INSERT INTO {self._quoted} ({_NAMES}) SELECT * FROM ({source}) AS batch ({_NAMES}) "  # noqa: S608 - the table is quoted, the rest ours
            'ORDER BY message_id COLLATE "C" ON CONFLICT (message_id) DO NOTHING'
        )


@asynccontextmanager
async def _transaction(connection: Any) -> AsyncIterator[None]:
    """Around statements of which the last one ends the transaction.

    Our own, since asyncpg's begins in a round trip of its own and, when cancelled, waits for the server.
    """
    try:
        await connection.execute(_BEGIN)
        yield
    except asyncpg.PostgresError:
        await _roll_back(connection)
        raise
    except BaseException:
        connection.terminate()
        raise


async def _roll_back(connection: Any) -> None:
    """Leave the transaction that the server gave up; a connection on which that fails is closed."""
    try:
        if not connection.is_closed():
            await connection.execute("ROLLBACK", timeout=ROLLBACK_SECONDS)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
        connection.terminate()
    except BaseException:
        connection.terminate()
        raise
