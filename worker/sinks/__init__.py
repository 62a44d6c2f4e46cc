"""Destinations: a folder each, all behind the protocol in `sink.py`, each introduced by its `plugin.py`.

The names below are what a sink of yours needs. **They are a promise**: within 0.x a new minor release may change one
of them, and its changelog says how to follow; a patch release does not. From 1.0 on a minor release only adds: names,
fields with a default, protocols of their own beside `Sink` (as `Checkable` is). What goes away is named in a warning
for one minor release at least, and goes with the next major one. Everything else below `worker` may change at any time.

They are looked up when they are used: importing this costs neither the SDK nor any sink's library.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from worker.errors import BatchFailed, SinkContended, SinkError, SinkRefused, SinkUnavailable
    from worker.facts import Emit
    from worker.message import Attribute, Message
    from worker.outcome import Rejected, Retried
    from worker.plugins.finding import Finding
    from worker.plugins.setting import Called, Rule, Seconds, Section, Variable, Whole
    from worker.sinks.plugin import Chosen, Guarantee, PipelineView, SinkContext, SinkPlugin, Surroundings
    from worker.sinks.sink import Checkable, Demand, Sink

__all__ = [
    "Attribute",
    "BatchFailed",
    "Called",
    "Checkable",
    "Chosen",
    "Demand",
    "Emit",
    "Finding",
    "Guarantee",
    "Message",
    "PipelineView",
    "Rejected",
    "Retried",
    "Rule",
    "Seconds",
    "Section",
    "Sink",
    "SinkContended",
    "SinkContext",
    "SinkError",
    "SinkPlugin",
    "SinkRefused",
    "SinkUnavailable",
    "Surroundings",
    "Variable",
    "Whole",
]
_PLACES = {
    "errors": ("BatchFailed", "SinkContended", "SinkError", "SinkRefused", "SinkUnavailable"),
    "facts": ("Emit",),
    "plugins.finding": ("Finding",),
    "message": ("Attribute", "Message"),
    "outcome": ("Rejected", "Retried"),
    "plugins.setting": ("Called", "Rule", "Seconds", "Section", "Variable", "Whole"),
    "sinks.plugin": ("Chosen", "Guarantee", "PipelineView", "SinkContext", "SinkPlugin", "Surroundings"),
    "sinks.sink": ("Checkable", "Demand", "Sink"),
}


def __getattr__(name: str) -> object:
    """One of the public names, from its module."""
    from worker.plugins.public import looked_up  # noqa: PLC0415 - imported with the first name

    return looked_up(__name__, name, _PLACES)


def __dir__() -> list[str]:
    """The public names, looked up or not."""
    return sorted({*globals(), *__all__})
