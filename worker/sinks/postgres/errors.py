"""What asyncpg raises, as the worker's two answers: the sink is away, or something in the batch is refused.

Takes an error and gives a `SinkError`. Texts hold what the server says of itself, never its details, which quote rows.
While writing, everything that is not known to be a record's fault counts as passing, which loses nothing.
"""

from __future__ import annotations

from typing import Final

import asyncpg

from worker.errors import SinkContended, SinkError, SinkRefused, SinkUnavailable
from worker.sinks.columns import COLUMNS
from worker.sinks.postgres.tls import of_tls

TROUBLE: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)
"""All that asyncpg raises on purpose; TimeoutError and ssl.SSLError are OSErrors."""

_RECORD: Final = ("22", "23", "44", "P0", "54000")
"""Beginnings of SQLSTATEs that a value can cause: data, constraints, WITH CHECK OPTION, a trigger's RAISE, a key that
does not fit into the index."""
_PASSING: Final = ("08", "40", "53", "55006", "55P03", "57", "58", "25", "XX")
"""What can be over when somebody tries again: connection, rollback, resources, locks, shutdown, read-only, defects."""
_CONTENDED: Final = ("40", "55P03", "57014")
"""Somebody else holds something that this batch wants, and perhaps no other: a deadlock or a rollback, the timeout of a
lock, that of a statement (a trigger that waits)."""
_NOT_NULL: Final = "23502"
_RULES: Final = ("23", "44", "P0")


def in_connect(error: Exception, table: str) -> SinkUnavailable:
    """What *error* means when a connection was wanted for a batch: never the fault of a record."""
    return SinkUnavailable(f"{table}: {_say(error)}")


def in_write(error: Exception, table: str) -> SinkError:
    """What *error* means for a batch that was on its way."""
    code = _sqlstate(error)
    if _is_unwritable(error) or (code.startswith(_RECORD) and not _misses_foreign_column(error)):
        # Only names: the message of a data error or of a trigger may quote the row.
        return SinkRefused(_name(error))
    kind = SinkContended if code.startswith(_CONTENDED) else SinkUnavailable
    return kind(f"{table}: {_say(error)}")


def at_open(error: Exception, table: str) -> SinkError:
    """What *error* means at the start, where what only people can mend is refused, with the fix."""
    code = _sqlstate(error)
    if trouble := of_tls(error):
        return trouble
    if isinstance(error, ValueError):
        # Without the words: they can quote the DSN.
        return SinkRefused(
            f"POSTGRES_DSN cannot be used ({type(error).__name__}): give postgresql://user:password@host:port/database"
            ", special characters of the password in percent-encoding, and correct files for TLS"
        )
    if not code or code.startswith(_PASSING):
        return SinkUnavailable(_say(error))
    return SinkRefused(f"{_say(error)}; {_fix(code, table, _say(error))}")


def accepts(error: asyncpg.PostgresError) -> bool:
    """Whether the trial row came as far as the table's own rules: it is no real message, which may well pass them."""
    code = _sqlstate(error)
    return code.startswith(_RULES) and code != _NOT_NULL


def _fix(code: str, table: str, words: str) -> str:
    if code.startswith("28") and "no encryption" in words:
        return "the server wants TLS: set sslmode=require, or better verify-full, in POSTGRES_DSN"
    if code.startswith("28"):
        return "correct user and password in POSTGRES_DSN, and the server's pg_hba.conf"
    if code == "3D000":
        return "create the database, or correct its name in POSTGRES_DSN"
    if code == "3F000":
        return "create the schema, or correct it in POSTGRES_TABLE"
    if code == "42501":
        return (
            f"grant this user SELECT and INSERT on {table}, TEMPORARY on the database and, for the worker to create "
            "the table, CREATE on its schema"
        )
    return (
        f"table {table} cannot take messages: let the worker create it, or give it the columns {', '.join(COLUMNS)} "
        "with message_id as text PRIMARY KEY and no other column that must be filled"
    )


def _is_unwritable(error: Exception) -> bool:
    """The driver could not bring a value into PostgreSQL's form, so it was not even sent."""
    return (
        isinstance(error, asyncpg.InterfaceError)
        and isinstance(error, ValueError)
        and not isinstance(error, asyncpg.ClientConfigurationError)
    )


def _misses_foreign_column(error: Exception) -> bool:
    """Somebody added a column that must be filled: no message can go in, and none is to blame."""
    return _sqlstate(error) == _NOT_NULL and getattr(error, "column_name", None) not in COLUMNS


def _sqlstate(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


def _say(error: Exception) -> str:
    """The error's name and its first words; DETAIL and HINT, which asyncpg appends, may quote a row."""
    words = str(error.args[0]) if isinstance(error, asyncpg.PostgresError) and error.args else str(error)
    return f"{_name(error)}: {words}" if words else _name(error)


def _name(error: Exception) -> str:
    """Class, SQLSTATE, and the constraint or column that it is about."""
    code, place = _sqlstate(error), ""
    for kind in ("constraint", "column"):
        place = place or (f" {kind} {name}" if (name := getattr(error, f"{kind}_name", None)) else "")
    return type(error).__name__ + (f" {code}" if code else "") + place
