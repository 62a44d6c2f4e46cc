"""SINK=handler, described: your own function."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from worker.plugins.finding import Finding
from worker.sinks.handler.settings import HANDLER_SECONDS_MAX, HandlerSettings
from worker.sinks.plugin import Guarantee, Implied, SinkPlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.sinks.plugin import SinkContext, Surroundings
    from worker.sinks.sink import Sink


def _make(settings: HandlerSettings, context: SinkContext) -> Sink:
    from worker.sinks.handler.sink import HandlerSink  # noqa: PLC0415 - a sink's libraries load when it is used

    return HandlerSink(
        settings.function,
        timeout_seconds=settings.timeout_seconds,
        concurrency=context.concurrency,
        emit=context.emit,
        pipeline=context.pipeline,
    )


def _inspect(settings: HandlerSettings, about: Surroundings) -> Iterator[Finding]:
    yield _limit(settings.timeout_seconds, about.retention_seconds)
    # The default limit is a bound, not a wish: nobody is warned about it.
    if "timeout_seconds" in settings.model_fields_set and settings.timeout_seconds > about.drain_seconds:
        finding = (
            f"the handler may take {settings.timeout_seconds:g} s, stopping gives it {about.drain_seconds:g}:"
            " longer work is cut off at each deployment and done again from the start"
        )
        fix = "raise WORKER_DRAIN_SECONDS and the platform's stop time, or cut the work"
        yield Finding("drain", "warn", finding, fix)


def _limit(limit: float, retention_seconds: int) -> Finding:
    """The time limit of your function against SQS's own limits."""
    if limit > HANDLER_SECONDS_MAX:
        finding = f"the handler may take {limit:g} s, but SQS takes a message back 12 h after its receipt"
        return Finding("handler", "refuse", finding, f"set HANDLER_TIMEOUT_SECONDS to {HANDLER_SECONDS_MAX} or less")
    if limit >= retention_seconds:
        finding = f"the handler may take {limit:g} s, the queue keeps a message {retention_seconds} s"
        return Finding("handler", "refuse", finding, "raise MessageRetentionPeriod of the queue")
    return Finding("handler", "ok", f"the handler may take {limit:g} s; its lease is renewed until then")


PLUGIN: Final = SinkPlugin(
    name="handler",
    summary="Your own function, called for each message or batch.",
    settings=HandlerSettings,
    make=_make,
    guarantee=Guarantee("at least once", "your function may be called again", key="`message.key`"),
    inspect=_inspect,
    implied=Implied("function", "your function would never be called"),
    rights="what your own function asks of AWS is not in it",
    page="sinks/handler.md",
)
