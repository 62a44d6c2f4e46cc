"""SINK=ndjson, described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from worker.sinks.ndjson.settings import STDOUT, NdjsonSettings
from worker.sinks.plugin import Guarantee, SinkPlugin

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


def _make(settings: NdjsonSettings, _context: SinkContext) -> Sink:
    from worker.sinks.ndjson.sink import NdjsonSink  # noqa: PLC0415 - a sink's libraries load when it is used

    return NdjsonSink(settings.path)


def _beside(one: NdjsonSettings, two: NdjsonSettings) -> str:
    same = one.path != STDOUT and Path(one.path).resolve() == Path(two.path).resolve()
    return f"write the same file {one.path}; give each its own ndjson_path" if same else ""


def _stdout(settings: NdjsonSettings) -> str:
    return "NDJSON_PATH" if settings.path == STDOUT else ""


PLUGIN: Final = SinkPlugin(
    name="ndjson",
    summary="A line of JSON for each message, in a file or on standard output.",
    settings=NdjsonSettings,
    make=_make,
    guarantee=Guarantee(
        "at least once", "a redelivery is another line", key="`message_id` of the line, for whoever reads"
    ),
    beside=_beside,
    stdout=_stdout,
    page="sinks/ndjson.md",
)
