"""SINK=discard, described."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.setting import Section
from worker.sinks.plugin import Guarantee, SinkPlugin

if TYPE_CHECKING:
    from worker.sinks.plugin import SinkContext
    from worker.sinks.sink import Sink


class DiscardSettings(Section):
    """None."""


def _make(_settings: DiscardSettings, _context: SinkContext) -> Sink:
    from worker.sinks.discard.sink import DiscardSink  # noqa: PLC0415 - as every sink

    return DiscardSink()


PLUGIN: Final = SinkPlugin(
    name="discard",
    summary="Nowhere: for benchmarks, and for emptying a queue on purpose.",
    settings=DiscardSettings,
    make=_make,
    guarantee=Guarantee("none", "messages are deleted and lost"),
    page="sinks/discard.md",
)
