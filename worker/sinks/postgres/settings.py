"""The settings of SINK=postgres."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from worker.plugins.setting import Section, Variable


class PostgresSettings(Section):
    """A table of a server."""

    dsn: Annotated[
        SecretStr,
        Variable(
            "POSTGRES_DSN",
            "`postgresql://user:password@host:port/database`, or libpq's pairs",
            secret=True,
            verbatim=True,  # its providers put quotes around it, which belong to one of the forms
        ),
    ]
    """The database of `SINK=postgres`, which needs the extra `postgres` of the package. A secret: never shown. As libpq
    and the providers write it, several hosts too; a word that the driver does not know is ignored with a notice.
    Without a password in it, PGPASSWORD or a password file is asked."""

    table: Annotated[
        str,
        Variable("POSTGRES_TABLE", "a table, or `schema.table`: letters, digits and `_`, at most 63 each"),
        Field(pattern=r"^([A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}$"),
    ] = "messages"
    """Its table, spelt exactly as there (capitals count); created if it does not exist."""
