"""The statements of the SQLite sink: few of them, each for many rows.

Takes a table, its key, columns and a number of rows; gives SQL. Pure, and kept, since a statement is compiled once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Final

from worker.sinks.columns import Rows

if TYPE_CHECKING:
    from collections.abc import Sequence

CACHED_STATEMENTS: Final = 16
"""A statement of 1,000 rows takes some hundred kilobytes."""
_FEW_ROWS: Final = 50
"""Up to so many there is a statement for each ten rows, and beyond for each fifty."""
_SELECT: Final = "SELECT * FROM given WHERE message_id NOT NULL"

Key = tuple[str, ...]
"""The columns that make a row unique."""
BY_KEY: Final[Key] = ("message_id",)
"""The key is whatever the pipeline says."""
BY_TIME: Final[Key] = ("sent_at", "message_id")
"""The key is the message id, and comes with the time at which its message was sent, which no redelivery changes.

Ids are random: in an index of them alone every row goes to a page of its own, which is read, logged and written back
for it: 9 µs a row at 200,000 rows, 22 at two million. With the time before the id the index grows at its end: 2.2 µs.
"""

Statement = Callable[[str, tuple[str, ...], int], str]
"""The SQL that inserts so many rows of these columns into a table."""


def keys_for(*, keyed_by_id: bool, fifo: bool) -> tuple[Key, ...]:
    """The keys by which messages may be known, the one to make a table with first.

    A key of the body comes with every time at which a producer sent it. An id has one time, but a FIFO queue gives it a
    new one when it moves the message to its dead-letter queue: who reads both into one table wants ids alone.
    """
    if not keyed_by_id:
        return (BY_KEY,)
    return (BY_KEY, BY_TIME) if fifo else (BY_TIME, BY_KEY)


def create_table(table: str, key: Key) -> str:
    """A table with rowids: as WITHOUT ROWID, bodies are spread over the index and writing is four times slower."""
    return (
        f"CREATE TABLE IF NOT EXISTS {table} (message_id TEXT NOT NULL, body TEXT NOT NULL, "
        "sent_at REAL NOT NULL, received_at REAL NOT NULL, receive_count INTEGER NOT NULL, "
        f"group_id TEXT, attributes TEXT, PRIMARY KEY ({', '.join(key)}))"
    )


@lru_cache(maxsize=CACHED_STATEMENTS)
def insert_new(table: str, columns: tuple[str, ...], rows: int) -> str:
    """For rows that are not there; one that is ends the transaction with an IntegrityError."""
    return f"{_given(columns, rows)} INSERT OR ROLLBACK INTO {table} ({', '.join(columns)}) {_SELECT}"


@lru_cache(maxsize=CACHED_STATEMENTS)
def insert(key: Key, table: str, columns: tuple[str, ...], rows: int) -> str:
    """For rows of which some may be there: those are passed over."""
    into, known = f"{table} ({', '.join(columns)})", f"ON CONFLICT ({', '.join(key)}) DO NOTHING"
    return f"{_given(columns, rows)} INSERT INTO {into} {_SELECT} {known}"


def _given(columns: tuple[str, ...], rows: int) -> str:
    row = "(" + ", ".join("?" * len(columns)) + ")"
    return f"WITH given ({', '.join(columns)}) AS (VALUES {', '.join([row] * rows)})"


def joined(batches: Sequence[Rows]) -> list[Rows]:
    """*batches* for as few statements as their columns allow."""
    if len(batches) == 1:
        return [*batches]
    kinds = dict.fromkeys(columns for columns, _ in batches)
    return [Rows(kind, [*chain.from_iterable(v for columns, v in batches if columns == kind)]) for kind in kinds]


def rows_compiled(rows: int) -> int:
    """Rows of the statement that inserts *rows*: one of few sizes, filled up with rows of NULL, which it passes over.

    To compile a statement costs twice as much for a row as to carry it out, and batches come in all sizes: this way
    nearly each finds its statement compiled.
    """
    step = 10 if rows <= _FEW_ROWS else _FEW_ROWS
    return -(-rows // step) * step
