"""The sinks there are: what `SINK` may say, and what is built for it.

A folder here with a `plugin.py` is a sink; others come by entry points or by a dotted path (`worker/plugins/`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from worker.errors import SinkRefused
from worker.plugins.registry import PluginError, Registry, made
from worker.sinks.plugin import SinkPlugin

if TYPE_CHECKING:
    from worker.plugins.setting import Section
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink

LATER: Final = ("redshift", "sqs", "clickhouse")

SINKS: Final[Registry[SinkPlugin[Any]]] = Registry(SinkPlugin, "worker.sinks", "sqs_worker.sinks", later=LATER)


def make_sink(name: str, settings: Section, context: SinkContext) -> Sink:
    """The sink that `SINK` calls *name*; not open yet.

    Raises:
        SinkRefused: there is none of that name, it cannot be loaded, or its library is not installed.
    """
    try:
        plugin = SINKS.find(name)
    except PluginError as error:
        raise SinkRefused(f"SINK is '{name}': {error}") from error
    try:
        return made(plugin, "SINK", lambda: plugin.make(settings, context))
    except PluginError as error:
        raise SinkRefused(str(error)) from error
