"""What a sink is told of its pipeline, when there is none."""

from __future__ import annotations

from worker.sinks.plugin import SinkContext


def make_context(
    *, fifo: bool = False, keyed_by_id: bool = True, concurrency: int = 4, region: str | None = None
) -> SinkContext:
    """For `SinkPlugin.make`: of a pipeline called `orders`, whose facts nobody hears."""
    return SinkContext(
        pipeline="orders",
        fifo=fifo,
        keyed_by_id=keyed_by_id,
        concurrency=concurrency,
        emit=lambda _fact: None,
        region=region,
        queue="orders",
    )
