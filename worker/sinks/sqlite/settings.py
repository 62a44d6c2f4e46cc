"""The settings of SINK=sqlite."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from worker.plugins.setting import Section, Variable


def _lasting(path: str) -> str:
    if path == ":memory:" or path.startswith("file:") or "\0" in path:
        raise ValueError("give the path of a file: messages are deleted from the queue once they are in it")
    return path


def _table(name: str) -> str:
    if name.lower().startswith("sqlite_"):
        raise ValueError("SQLite keeps names that begin with sqlite_ for itself")
    return name


class SqliteSettings(Section):
    """A table in a file."""

    path: Annotated[str, Variable("SQLITE_PATH", "a path"), AfterValidator(_lasting)] = "messages.sqlite"
    """The database file of `SINK=sqlite`."""

    table: Annotated[
        str,
        Variable("SQLITE_TABLE", "letters, digits and `_`, not beginning with a digit, at most 63"),
        Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"),
        AfterValidator(_table),
    ] = "messages"
    """Its table; created if it does not exist."""
