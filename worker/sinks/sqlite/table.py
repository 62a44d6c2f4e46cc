"""One table in one SQLite file, seen by the one thread that writes to it.

Takes rows and commits them, all or none; gives back nothing but the errors of SQLite and of the file system, which
`sink.py` translates. Ends with `close`; after an error that the connection may not survive it reopens by itself.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from worker.sinks.alike import ALIKE, ONE_FOR_TWO
from worker.sinks.columns import COLUMNS
from worker.sinks.disk import prove_creatable
from worker.sinks.sqlite.files import DatabaseFiles, FileLost
from worker.sinks.sqlite.statements import (
    BY_KEY,
    CACHED_STATEMENTS,
    create_table,
    insert,
    insert_new,
    joined,
    rows_compiled,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.sinks.columns import Rows, Value
    from worker.sinks.sqlite.statements import Key, Statement

STATEMENT_ROWS: Final = 1_000
"""Rows of one INSERT, as far as SQLite's limit of variables allows."""
_CACHE_KIB: Final = 8_192
"""Enough for all the pages of a transaction of some thousand rows: what does not fit is logged twice."""
_LOG_PAGES: Final = 4_000
"""Where keys come in no order each batch touches their index all over: there the write-ahead log is 16 MiB long before
it is copied into the file, so that a page is copied less often (of two million rows each takes a tenth less CPU). While
it is copied nothing is written: at half load one message in a hundred took longer than 41 ms, and 15 ms with SQLite's
own 4 MiB, which are as good where keys come in order.
"""
_HARMLESS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_CONSTRAINT,
        sqlite3.SQLITE_TOOBIG,
        sqlite3.SQLITE_MISMATCH,
    }
)
"""Errors after which the connection is as good as before."""
_FILLING: Final[Sequence[Value]] = (None, "", "", "", "", "", "")
"""A row of which nothing is written. Python's module spends on each None what it spends on four other values."""
_PROBE: Final = ("worker-check", "{}", 0.0, 0.0, 1, None, None)


class SqliteTable:
    """The connection and its table. Every method runs in the same thread."""

    def __init__(self, path: str, table: str, *, keys: Sequence[Key], busy_timeout_seconds: float) -> None:
        self._files = DatabaseFiles(path)
        self._table = '"' + table.replace('"', '""') + '"'
        self._keys = keys
        """Those by which a row may be known, the one that a new table gets first."""
        self._key = keys[0]
        """That of the table that is there. Written by `open`."""
        self._busy_timeout_seconds = busy_timeout_seconds
        self._connection: sqlite3.Connection | None = None
        """Written by `open` and `close`."""
        self._statement_rows = STATEMENT_ROWS
        """Written by `open`, when SQLite was built with a lower limit."""

    def open(self) -> None:
        """Create what is missing and prove by a row, taken back, that the table accepts messages."""
        self.close()
        self._connection = self._connect()

    def check(self) -> bool:
        """Prove by a row, taken back, that `open` would succeed, and leave nothing behind; False: no such file yet."""
        path = self._files.path
        if not path.exists():
            prove_creatable(path)
            return False
        place = f"file:{quote(str(path))}?mode=rw"
        with closing(
            sqlite3.connect(place, uri=True, timeout=self._busy_timeout_seconds, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(create_table(self._table, self._keys[0]))
            self._tell_apart(connection, self._tried(connection))
            connection.execute("ROLLBACK")
        return True

    def insert(self, batches: Sequence[Rows]) -> None:
        """Commit the rows of all *batches*; a row whose key is there already is passed over."""
        connection = self._connection or self._reopen()
        try:
            self._insert(connection, joined(batches))
        except sqlite3.Error as error:
            if primary_code(error) not in _HARMLESS:
                self.close()
            raise
        self._require_files(connection)

    def close(self) -> None:
        """Disconnect. SQLite leaves files alone that were moved or replaced meanwhile."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _reopen(self) -> sqlite3.Connection:
        """Connect again; whatever is wrong now is wrong with the file, never with the rows that wait."""
        try:
            self._connection = self._connect()
        except sqlite3.Error as error:
            raise FileLost(f"cannot be opened again: {error}") from error
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self._files.prepare()
        connection = sqlite3.connect(
            self._files.path,
            timeout=self._busy_timeout_seconds,
            isolation_level=None,
            cached_statements=CACHED_STATEMENTS,
        )
        try:
            self._prepare(connection)
            self._files.remember()
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # WAL: readers do not block us. FULL: every commit is on the disk before SQS is asked to delete.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        variables = connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER)
        self._statement_rows = max(1, min(STATEMENT_ROWS, variables // len(COLUMNS)))
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(create_table(self._table, self._keys[0]))
        connection.execute("COMMIT")
        connection.execute("BEGIN IMMEDIATE")
        self._key = self._tried(connection)
        self._tell_apart(connection, self._key)
        connection.execute("ROLLBACK")
        if self._key == BY_KEY:
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")

    def _tried(self, connection: sqlite3.Connection) -> Key:
        """The key of the table, found by a row that it takes: if it is yours, it may have another than ours."""
        *others, last = self._keys
        for key in others:
            try:
                connection.execute(insert(key, self._table, COLUMNS, 1), _PROBE)
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_ERROR:  # that of a statement that does not fit the table
                    raise
            else:
                return key
        connection.execute(insert(last, self._table, COLUMNS, 1), _PROBE)
        return last

    def _tell_apart(self, connection: sqlite3.Connection, key: Key) -> None:
        """Refuse a table in which different keys are one; rules of yours that these rows break say nothing of that."""
        with suppress(sqlite3.IntegrityError):
            rows = [value for alike in ALIKE for value in (alike, *_PROBE[1:])]
            connection.execute(insert(key, self._table, COLUMNS, len(ALIKE)), rows)
            [(taken,)] = connection.execute("SELECT changes()")
            if 0 < taken < len(ALIKE):
                raise sqlite3.OperationalError(ONE_FOR_TWO)

    def _insert(self, connection: sqlite3.Connection, batches: Sequence[Rows]) -> None:
        """One transaction of few, large statements.

        Python gives the interpreter lock away at every step of a statement and may wait 5 ms to get it back while the
        loop is busy: with a row a step (executemany) that was 282 rows a second, with 500 rows a step 26,000.

        Rows are taken for new at first. A statement that may have to take itself back alone keeps a copy of every page
        it touches, which costs CPU for each; one that takes the whole transaction back with it keeps none.
        """
        try:
            self._commit(connection, batches, insert_new)
        except sqlite3.IntegrityError:  # most likely a row that is there already
            self._commit(connection, batches, partial(insert, self._key))

    def _commit(self, connection: sqlite3.Connection, batches: Sequence[Rows], sql: Statement) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for columns, values in batches:
                for part in self._parts(columns, values):
                    connection.execute(sql(self._table, columns, len(part) // len(columns)), part)
            connection.execute("COMMIT")
        except BaseException:
            self._undo(connection)
            raise

    def _parts(self, columns: tuple[str, ...], values: list[Value]) -> Iterator[list[Value]]:
        """The values of each statement, filled up."""
        step = self._statement_rows * len(columns)
        for start in range(0, len(values), step):
            part = values[start : start + step]
            rows = len(part) // len(columns)
            filling = min(rows_compiled(rows), self._statement_rows) - rows
            yield part + filling * [*_FILLING[: len(columns)]]

    def _undo(self, connection: sqlite3.Connection) -> None:
        """Roll back what SQLite has not rolled back by itself; a connection that cannot is given up."""
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:
            self.close()

    def _require_files(self, connection: sqlite3.Connection) -> None:
        """After a commit: is what we wrote to still what the path names?"""
        lost = self._files.lost()
        if lost is not None:
            # Empty the log into the file it belongs to, or SQLite would replay it into the file that is there now.
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            self.close()
            raise FileLost(f"{lost} was deleted or replaced while it was open")


def primary_code(error: sqlite3.Error) -> int | None:
    """SQLite's result code without its extension; None when Python's own layer raised."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
