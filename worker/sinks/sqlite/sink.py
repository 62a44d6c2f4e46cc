"""SQLite: takes batches of messages, gives rows in one table of one file.

Writing happens in one thread, so the loop never waits for the disk; what waits for the thread is committed together.
Ends with `close`, after the last write.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final, TypeVar

from worker.errors import SinkRefused, SinkUnavailable
from worker.sinks.columns import COLUMNS, as_values
from worker.sinks.disk import may_pass
from worker.sinks.sink import Demand
from worker.sinks.sqlite.files import FileLost
from worker.sinks.sqlite.group_commit import GroupCommit
from worker.sinks.sqlite.statements import BY_KEY, BY_TIME
from worker.sinks.sqlite.table import SqliteTable, primary_code
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.errors import SinkError
    from worker.message import Message
    from worker.sinks.columns import Rows
    from worker.sinks.sqlite.statements import Key

T = TypeVar("T")

_BAD_RECORD: Final = frozenset({sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_MISMATCH})
"""What SQLite says when a value is at fault; all else during a write is taken as passing, which loses nothing."""
_PASSING_AT_OPEN: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
    }
)


class SqliteSink:
    """Rows in a table of seven columns (see `columns.py`), created when missing, in a file of mode 0600 when created.

    *Transactional* on `message_id`, with `sent_at` where that is the id of SQS (see `BY_TIME`): a batch is committed as
    a whole, on the disk (WAL, synchronous = FULL), and a redelivery changes nothing. FULL costs 3 % against NORMAL at
    500 rows a batch on a disk of a virtual machine. Several processes may write to one file; who waits longer than the
    busy timeout is told `SinkUnavailable`.

    A cancelled write that has begun is finished by the thread, unheard: unknown, and harmless when written again. A
    file that is deleted or replaced while open would swallow rows; it is noticed before the batch is accepted, and
    the next write opens the file that is there then.
    """

    def __init__(
        self, path: str, table: str = "messages", *, keys: Sequence[Key] = (BY_KEY,), busy_timeout_seconds: float = 0.25
    ) -> None:
        self._path = path
        self._table_name = table
        self._keys = keys
        """Those by which a row may be known, the one that a new table gets first; see `statements.py`."""
        self._table = SqliteTable(path, table, keys=keys, busy_timeout_seconds=busy_timeout_seconds)
        self._thread = Threads(1, name="sqlite")
        self._commits: GroupCommit[Rows] = GroupCommit(self._thread, self._table.insert, blames_a_row=_blames_a_row)

    @property
    def demand(self) -> Demand:
        """Four writers: while one batch is on its way to the disk, the others wait at the thread and go together."""
        return Demand(max_writers=4)

    async def open(self) -> None:
        """Open or create the file and the table; prove by a row, taken back, that messages fit."""
        await self._opening(self._table.open)

    async def check(self) -> str:
        """See `Checkable`."""
        there = await self._opening(self._table.check)
        return f"{self._path} takes rows in table {self._table_name}" if there else f"{self._path} can be made"

    async def write(self, records: Sequence[Message]) -> Sequence[None]:
        """Commit *records* in one transaction; see the protocol."""
        try:
            rows = as_values(records)
        except TypeError as error:
            raise SinkRefused(f"a record cannot be stored: {error}") from error
        if rows.values:
            await self._insert(rows)
        return [None] * len(records)

    async def close(self) -> None:
        """Disconnect after whatever the thread still writes."""
        await self._thread.end_with(self._table.close)

    async def _opening(self, way: Callable[[], T]) -> T:
        if self._path in {"", ":memory:"} or "\0" in self._path + self._table_name:
            raise SinkRefused(f"SQLITE_PATH={self._path!r} is no file: rows would be gone when the worker stops")
        try:
            return await self._thread.run(way)
        except (sqlite3.Error, OSError) as error:
            raise self._explain_open(error) from error

    async def _insert(self, rows: Rows) -> None:
        try:
            await self._commits.insert([rows])
        except (UnicodeEncodeError, OverflowError) as error:
            raise SinkRefused(f"a value cannot be stored: {type(error).__name__}") from error
        except (sqlite3.Error, OSError, MemoryError) as error:
            if _blames_a_row(error):
                raise SinkRefused(_say(error)) from error
            raise SinkUnavailable(f"{self._path}: {_say(error)}") from error

    def _explain_open(self, error: sqlite3.Error | OSError) -> SinkError:
        what = f"{self._path}: {_say(error)}"
        if isinstance(error, OSError):
            if isinstance(error, FileLost) or may_pass(error):
                return SinkUnavailable(what)
            return SinkRefused(f"{what}; set SQLITE_PATH to a file in a directory that this user may write to")
        code = primary_code(error)
        if code in _PASSING_AT_OPEN:
            return SinkUnavailable(what)
        if code in {sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT}:
            return SinkRefused(f"{what}; move the file away or set SQLITE_PATH to another one")
        if code in {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}:
            return SinkRefused(f"{what}; make the file and its directory writable for this user")
        return SinkRefused(
            f"{what}; table {self._table_name} cannot take messages: let the worker create it, or give it the columns "
            f"{', '.join(COLUMNS)} with message_id as TEXT PRIMARY KEY and no other column that must be filled"
            f"{self._hint}"
        )

    @property
    def _hint(self) -> str:
        """For those who came here by a setting."""
        if BY_TIME in self._keys:
            return ""
        return "; one made without DEDUPLICATION_KEY has the key (sent_at, message_id): name another SQLITE_TABLE"


def _blames_a_row(error: Exception) -> bool:
    """Whether a value is at fault, and not the file."""
    if isinstance(error, sqlite3.Error):
        return primary_code(error) in _BAD_RECORD and not _wants_more(error)
    return isinstance(error, UnicodeEncodeError | OverflowError)


def _wants_more(error: sqlite3.Error) -> bool:
    """Whether a column that no message fills must be filled: somebody has changed the table since the start."""
    unfilled = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_CONSTRAINT_NOTNULL
    return unfilled and str(error).rpartition(".")[2] not in COLUMNS


def _say(error: BaseException) -> str:
    """SQLite's name for the error, or the class, with its words."""
    return f"{getattr(error, 'sqlite_errorname', type(error).__name__)}: {error}"
