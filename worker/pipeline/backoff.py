"""How long to wait before the next try: pure functions of numbers, with the randomness passed in.

Full jitter (a uniform draw between 0 and the ceiling) is used throughout: of the usual jitters it spreads a crowd of
retrying workers most evenly. The exponent is bounded before it is raised, so no attempt number can overflow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from worker.sqs.quotas import VISIBILITY_SECONDS

if TYPE_CHECKING:
    from random import Random

SHORTEST_SECONDS: Final = 0.1
"""A drawn pause is never shorter: a message that keeps failing must not keep a worker busy."""
LEASE_MARGIN_SECONDS: Final = 10
"""Kept free below the 12 hours, so that a request in transit never asks for more than SQS grants."""


def ceiling(attempt: int, *, base_seconds: float, max_seconds: float) -> float:
    """The longest pause before try *attempt* + 1 (attempt counts from 1): base, 2 base, 4 base … up to the maximum."""
    exponent = min(max(attempt - 1, 0), 62)
    return min(base_seconds * 2.0**exponent, max_seconds)


def full_jitter(attempt: int, random: Random, *, base_seconds: float, max_seconds: float) -> float:
    """A pause drawn evenly between 0 and the ceiling."""
    return random.uniform(0.0, ceiling(attempt, base_seconds=base_seconds, max_seconds=max_seconds))


def lease_left(*, held_seconds: float) -> int:
    """Whole seconds for which a message held for *held_seconds* may still be invisible: 12 h count from its receipt."""
    return max(0, VISIBILITY_SECONDS - LEASE_MARGIN_SECONDS - int(held_seconds))


def whole_seconds(pause: float, *, held_seconds: float) -> int:
    """A pause as SQS counts it, inside the 12 hours: rounded up, since a positive one must never become none."""
    left = lease_left(held_seconds=held_seconds)
    return math.ceil(min(pause, left)) if pause > 0 else 0


@dataclass(frozen=True, slots=True)
class Backoff:
    """The pauses of messages that failed, of one pipeline."""

    base_seconds: float
    max_seconds: float
    random: Random

    def pause(self, receive_count: int, after: float | None) -> float:
        """Seconds until the next try: *after*, if that was asked for; else drawn, by how often it was received."""
        if after is not None:
            return after
        drawn = full_jitter(receive_count, self.random, base_seconds=self.base_seconds, max_seconds=self.max_seconds)
        return max(SHORTEST_SECONDS, drawn)
