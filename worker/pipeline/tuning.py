"""What the worker decides from numbers: how many receivers, how much ahead, how large a batch, when to renew.

Pure: numbers in, numbers out, no clock inside. Whoever uses a rule keeps what it needs to remember.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

RENEW_AT: Final = 0.5
"""Share of the lease after which it is renewed: leaves time for three tries before it runs out."""
REQUEST_SECONDS: Final = 1.0
REQUEST_SHARE: Final = 0.05
"""Of a short lease, instead."""
ROUND_TRIPS_AHEAD: Final = 2.0
"""How many receive round trips the buffer should outlast, so that handlers never wait for SQS."""

TOO_SLOW: Final = 1.2
TOO_QUICK: Final = 0.8
"""Of the target: a write beyond them changes the size of a batch, one between them leaves it alone."""
GROWTH: Final = 0.25
SHRINKING: Final = 0.8
"""One step down at the most, while nothing is known of what a row costs."""
SHORTEST_LINGER_SECONDS: Final = 0.005
"""Below it a quick sink is given the ten messages of each receive as a batch of their own: more CPU a message."""


def receivers(current: int, *, asked: int, received: int, waited: bool, maximum: int) -> int:
    """How many receivers there should be after one of them asked for *asked* and got *received*.

    A full answer says that more is waiting: one more, unless this one had *waited* for room, because then receiving is
    not what holds us up. An empty one says that one receiver too many is polling: one fewer, down to the single long
    poll that an idle queue costs. Anything between leaves the number alone.
    """
    if received == 0:
        return max(current - 1, 1)
    if received >= asked and not waited:
        return min(current + 1, maximum)
    return current


def batch_rows(current: int, *, seconds: float, target: float, floor: int, maximum: int) -> int:
    """Most rows of the next batch, when batches of at most *current* take *seconds*.

    Smaller in proportion when that is over 120 % of *target*, larger by a quarter when it is under 80 %. Never below
    *floor*: where most of the time is spent whatever the size, small batches are no quicker and only cost more.
    """
    if seconds > TOO_SLOW * target:
        return min(current, max(1, floor, int(current * target / seconds)))
    if seconds < TOO_QUICK * target:
        return min(maximum, current + math.ceil(current * GROWTH))
    return current


def linger(write_seconds: float, *, maximum: float) -> float:
    """How long a batch that is not full waits for more: as long as writing one takes.

    Waiting longer delays what could be written already; waiting less makes batches that the sink has no time for.
    """
    return min(maximum, max(SHORTEST_LINGER_SECONDS, write_seconds))


@dataclass(frozen=True, slots=True)
class WriteCost:
    """What writes cost: the line through (rows, seconds) of the latest of them, older ones fading."""

    rows: float = 0.0
    seconds: float = 0.0
    variance: float = 0.0
    """Of the rows."""
    covariance: float = 0.0
    """Of rows and seconds."""

    def after(self, rows: int, seconds: float, *, weight: float) -> WriteCost:
        """With one write more, of that *weight* against all before."""
        if self.rows == 0:
            return WriteCost(rows, seconds)
        off_rows, off_seconds = rows - self.rows, seconds - self.seconds
        return WriteCost(
            self.rows + weight * off_rows,
            self.seconds + weight * off_seconds,
            (1 - weight) * (self.variance + weight * off_rows * off_rows),
            (1 - weight) * (self.covariance + weight * off_rows * off_seconds),
        )

    def efficient_rows(self, current: int) -> int:
        """The smallest batch that spends half of its time on rows, and half on what any batch costs.

        As long as all batches had one size nobody can tell the two apart: then it is a small step down from *current*.
        """
        if self.variance < 1:
            return math.ceil(current * SHRINKING)
        row_seconds = self.covariance / self.variance
        fixed_seconds = self.seconds - row_seconds * self.rows
        if row_seconds <= 0:
            return current
        return max(1, math.ceil(min(current, fixed_seconds / row_seconds)))


LONG_SECONDS: Final = 1.0
"""Nothing is received to wait behind writes that take longer: another worker could begin it at once, and waiting for
a receive between two of them is little beside the writes."""


def messages_begun(*, idle: int, rows: int, begun: int, maximum: int) -> int:
    """How many messages may be in flight beside long writes: the *begun* ones, and a batch for each *idle* writer."""
    return max(1, min(maximum, begun + idle * rows))


def messages_ahead(
    *, writers: int, rows: int, write_seconds: float, receive_seconds: float, maximum: int, batches_seen: int
) -> int:
    """How many messages may be in flight: what the writers hold, and what keeps them busy for two receive round trips.

    By Little's law writers that take `write_seconds` a batch eat `writers * rows / write_seconds` messages a second.
    A batch of milliseconds has a full buffer, and single messages (*rows* is 1) nothing behind them before anything is
    known of their time. For writes that are known to be long there is `messages_begun`.
    """
    held = writers * rows
    if batches_seen == 0 or write_seconds <= 0:
        return min(maximum, held if rows == 1 else 2 * held)
    # The bound comes before the rounding: a clock may say that a write took next to no time.
    ahead = math.ceil(min(maximum, held * ROUND_TRIPS_AHEAD * max(receive_seconds, 0.01) / write_seconds))
    return max(1, min(maximum, held + ahead))


def renew_at(deadline: float, *, lease_seconds: float) -> float:
    """Loop time at which a lease that ends at *deadline* is to be renewed."""
    return deadline - lease_seconds * (1.0 - RENEW_AT)


def request_seconds(lease_seconds: float) -> float:
    """How long before its end a lease is left alone: what is asked later may come too late, for somebody else's."""
    return min(REQUEST_SECONDS, lease_seconds * REQUEST_SHARE)


def renew_before(now: float, *, lease_seconds: float) -> float:
    """Leases that end by then are to be renewed at loop time *now*: `renew_at` for all of them at once."""
    return now + lease_seconds * (1.0 - RENEW_AT)


def smoothed(previous: float, sample: float, *, weight: float = 0.2) -> float:
    """The exponentially weighted mean; the first sample stands for itself."""
    return sample if previous == 0 else previous + weight * (sample - previous)
