"""What the worker decides from numbers: how many receivers, how much ahead, when to renew. Pure; no clock inside."""

from __future__ import annotations

import math
from typing import Final

RENEW_AT: Final = 0.5
"""Share of the lease after which it is renewed: leaves time for three tries before it runs out."""
ROUND_TRIPS_AHEAD: Final = 2.0
"""How many receive round trips the buffer should outlast, so that handlers never wait for SQS."""


def receivers(current: int, *, asked: int, received: int, maximum: int) -> int:
    """How many receivers there should be after one of them asked for *asked* and got *received*.

    A full answer says that more is waiting: one more. An empty one says that one receiver too many is polling: one
    fewer, down to the single long poll that an idle queue costs. Anything between leaves the number alone.
    """
    if received >= asked:
        return min(current + 1, maximum)
    if received == 0:
        return max(current - 1, 1)
    return current


def messages_ahead(
    *, writers: int, rows: int, write_seconds: float, receive_seconds: float, maximum: int, batches_seen: int
) -> int:
    """How many messages may be in flight: what the writers hold, and what keeps them busy for two receive round trips.

    By Little's law writers that take `write_seconds` a batch eat `writers * rows / write_seconds` messages a second.
    A job of minutes therefore has nothing waiting behind it, and a batch of milliseconds has a full buffer.
    """
    held = writers * rows
    if batches_seen == 0 or write_seconds <= 0:
        return min(maximum, 2 * held)
    # The bound comes before the rounding: a clock may say that a write took next to no time.
    ahead = math.ceil(min(maximum, held * ROUND_TRIPS_AHEAD * max(receive_seconds, 0.01) / write_seconds))
    return max(1, min(maximum, held + ahead))


def renew_at(deadline: float, *, lease_seconds: float) -> float:
    """Loop time at which a lease that ends at *deadline* is to be renewed."""
    return deadline - lease_seconds * (1.0 - RENEW_AT)


def smoothed(previous: float, sample: float, *, weight: float = 0.2) -> float:
    """The exponentially weighted mean; the first sample stands for itself."""
    return sample if previous == 0 else previous + weight * (sample - previous)
