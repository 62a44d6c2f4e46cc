"""Performance: the figures of the last minute, by pipeline."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - the facts' annotations are read at run time

from worker.facts.counting import uncounted
from worker.facts.fact import Fact, fact


@uncounted("the same figures are gauges, read at each scrape")
@fact(frozen=True, slots=True)
class PerformanceReported(Fact):
    """How fast a pipeline is, where its time goes and what its bottleneck is; logged as often as the report line.

    The same figures are in `/status`. Times and sizes of batches are those of the latest 512 within the minute.
    """

    pipeline: str
    bottleneck: str
    """A word out of `bottleneck.WORDS`."""
    advice: str
    """The same for people, with what to change."""
    deleted_per_second: float
    time_share: Mapping[str, float]
    """By stage: `bottleneck.Shares`."""
    batches: int
    """How many the following means are of."""
    batch_rows: float
    decode_seconds: float
    write_seconds: float
    write_seconds_p50: float
    write_seconds_p95: float
    batch_rows_limit: int
    """Most rows of the next batch: it follows the sink."""
    batch_linger_seconds: float
    """How long the next batch waits for more."""
    receivers: int
    in_flight_limit: int
    """Most messages that may be in flight now: it follows the sink too."""
