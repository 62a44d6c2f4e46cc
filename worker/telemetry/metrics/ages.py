"""The histogram of message ages, by pipeline: the only numbers of telemetry that stand for each message.

Takes the send times of a whole batch and the moment they are measured at; gives one Prometheus family.
"""

from __future__ import annotations

from typing import Final

from worker.telemetry.metrics.series import Spreads

BOUNDS: Final = (
    *(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
    *(60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0, 345600.0),
)
"""From a queue that is kept empty to the four days of the default retention: a backlog has to be visible too."""


class Ages(Spreads):
    """One histogram family labelled by pipeline."""

    def __init__(self, name: str, documentation: str) -> None:
        super().__init__(name, documentation, ["pipeline"], BOUNDS)

    def add(self, pipeline: str, sent_at: tuple[float, ...], at: float) -> None:
        """Count the ages at Unix time *at* of messages sent at *sent_at*; 0 is said by servers that do not know."""
        if sent_at and sent_at[0]:
            self.at[(pipeline,)].observe_ages(sent_at, at)
