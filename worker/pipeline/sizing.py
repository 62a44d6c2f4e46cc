"""Sizing: how large a batch may be and how long it waits for more, learned from what the sink takes for each.

Takes the size and the time of every write that succeeded at its first try; gives the bounds of the next batch. The
rules are in `pipeline/tuning.py`; here is what they need to remember. One per pipeline, never above the settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from worker.pipeline import tuning

MEMORY: Final = 0.1
"""Weight of the newest write: twenty writes later little is left of it."""


@dataclass(frozen=True, slots=True)
class BatchSettings:
    """When a batch is complete: at any of the three."""

    max_rows: int
    max_bytes: int
    max_wait_seconds: float
    keeps_wait: bool = False
    """A batch that is not full waits for as long as that, whatever a write takes: somebody asked for it."""
    target_seconds: float | None = None
    """How long one write should take; None: batches are as large as they may be."""


class Sizing:
    """The bounds of a batch now. Every attribute is written by `written`."""

    def __init__(self, settings: BatchSettings) -> None:
        self._settings = settings
        self.rows = settings.max_rows
        """Most messages of the next batch."""
        self.wait_seconds = self._linger(0.0)
        """How long it waits for more."""
        self.write_seconds = 0.0
        """Smoothed time of one write."""
        self._cost = tuning.WriteCost()

    @property
    def long(self) -> bool:
        """Whether a write takes so long that nothing should wait for its end."""
        return self.write_seconds > tuning.LONG_SECONDS

    @property
    def max_bytes(self) -> int:
        """Most bytes of a batch."""
        return self._settings.max_bytes

    @property
    def max_rows(self) -> int:
        """What `rows` never passes."""
        return self._settings.max_rows

    def written(self, rows: int, seconds: float) -> None:
        """A batch of *rows* was written in *seconds*."""
        self.write_seconds = tuning.smoothed(self.write_seconds, seconds)
        self.wait_seconds = self._linger(self.write_seconds)
        self._cost = self._cost.after(rows, seconds, weight=MEMORY)
        target = self._settings.target_seconds
        if target is not None:
            floor = self._cost.efficient_rows(self.rows)
            self.rows = tuning.batch_rows(
                self.rows, seconds=self.write_seconds, target=target, floor=floor, maximum=self._settings.max_rows
            )

    def _linger(self, write_seconds: float) -> float:
        longest = self._settings.max_wait_seconds
        return longest if self._settings.keeps_wait else tuning.linger(write_seconds, maximum=longest)
