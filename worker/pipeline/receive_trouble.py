"""Receive trouble: receives that failed in a row, how long to pause after each, and when it is over.

Told of every failure and every answer of a queue; gives seconds to pause, by the kind of trouble and the number of
failures, and says both. It waits for nothing itself.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker import facts
from worker.errors import QueueOverLimit, QueueRefused
from worker.pipeline.backoff import full_jitter

if TYPE_CHECKING:
    from random import Random

    from worker.errors import QueueError
    from worker.facts import Emit

REFUSED_PAUSE_SECONDS: Final = 10.0
"""Between tries after an error that only people can mend: as often as refused credentials are asked for anew."""
OVER_LIMIT_PAUSE_SECONDS: Final = 5.0
FAILED_PAUSE_BASE_SECONDS: Final = 0.5
FAILED_PAUSE_MAX_SECONDS: Final = 30.0


class ReceiveTrouble:
    """One for all receivers of a queue."""

    def __init__(self, random: Random, *, emit: Emit, pipeline: str) -> None:
        self._random = random
        self._emit = emit
        self._pipeline = pipeline
        self._now = asyncio.get_running_loop().time
        self._in_a_row = 0  # written by failed and answered
        self._since = 0.0  # loop time of the first of them
        self._failed_at = 0.0  # loop time of the latest that counted

    def failed(self, error: QueueError, began: float) -> float:
        """A receive that began at loop time *began* failed; for how many seconds to pause.

        What fails side by side has failed once: else one bad moment of 64 long polls would be 64 failures in a row, and
        the longest of their pauses the last.
        """
        if not self._in_a_row:
            self._since = self._now()
        if not self._in_a_row or began >= self._failed_at:
            self._in_a_row += 1
            self._failed_at = self._now()
        seconds, refused = self._pause(error), isinstance(error, QueueRefused)
        self._emit(facts.ReceiveFailed(self._pipeline, error.code, error.detail, seconds, refused))
        return seconds

    def answered(self) -> None:
        """A receive was answered."""
        if self._in_a_row:
            failures, self._in_a_row = self._in_a_row, 0
            self._emit(facts.ReceiveRecovered(self._pipeline, failures, self._now() - self._since))

    def _pause(self, error: QueueError) -> float:
        match error:
            case QueueRefused():
                return REFUSED_PAUSE_SECONDS
            case QueueOverLimit():
                return OVER_LIMIT_PAUSE_SECONDS
            case _:
                base, longest = FAILED_PAUSE_BASE_SECONDS, FAILED_PAUSE_MAX_SECONDS
                return full_jitter(self._in_a_row, self._random, base_seconds=base, max_seconds=longest)
