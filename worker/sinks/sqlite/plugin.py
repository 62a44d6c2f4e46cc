"""SINK=sqlite, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.sinks.plugin import Guarantee, SinkPlugin
from worker.sinks.sqlite.settings import SqliteSettings

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: SqliteSettings, context: SinkContext) -> Sink:
    from worker.sinks.sqlite.sink import SqliteSink  # noqa: PLC0415 - a sink's libraries load when it is used
    from worker.sinks.sqlite.statements import keys_for  # noqa: PLC0415 - as above

    keys = keys_for(keyed_by_id=context.keyed_by_id, fifo=context.fifo)
    return SqliteSink(settings.path, settings.table, keys=keys)


PLUGIN: Final = SinkPlugin(
    name="sqlite",
    summary="A row for each message, in a table of a file of SQLite.",
    settings=SqliteSettings,
    make=_make,
    guarantee=Guarantee("transactional", "a redelivery changes nothing", key="`message_id`, in the primary key"),
    page="sinks/sqlite.md",
)
