"""SINK=postgres, described."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from worker.plugins.setting import Rule
from worker.sinks.plugin import Chosen, Guarantee, SinkPlugin
from worker.sinks.postgres.dsn import read_dsn
from worker.sinks.postgres.settings import PostgresSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from worker.plugins.setting import Called
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: PostgresSettings, context: SinkContext) -> Sink:
    from worker.sinks.postgres.sink import WRITERS, PostgresSink  # noqa: PLC0415 - needs asyncpg, which is an extra

    writers = min(WRITERS, context.concurrency)
    return PostgresSink(settings.dsn.get_secret_value(), settings.table, writers=writers)


def _dsn(chosen: Chosen[PostgresSettings], called: Called) -> str | None:
    """Looked at for this sink alone: a handler may read the same variable in a form of its own."""
    try:
        read_dsn(chosen.settings.dsn.get_secret_value())
    except ValueError as error:
        wanted = f"for {called('pipeline.sink')}=postgres give postgresql://user:password@host:port/database"
        return f"{called('dsn')} cannot be read: {error}; {wanted}"
    return None


def _notices(settings: PostgresSettings) -> Iterable[str]:
    """Words of the address that are dropped."""
    with suppress(ValueError):  # which is a problem, and told as one
        return read_dsn(settings.dsn.get_secret_value()).notices
    return ()


PLUGIN: Final = SinkPlugin(
    name="postgres",
    summary="A row for each message, in a table of PostgreSQL.",
    settings=PostgresSettings,
    make=_make,
    guarantee=Guarantee("transactional", "a redelivery changes nothing", key="`message_id`, the primary key"),
    rules=(Rule(frozenset({"dsn"}), _dsn),),
    notices=_notices,
    extra="postgres",
    page="sinks/postgres.md",
)
