"""When a lease began: never later than the truth, also when the answer waited for us. No time of its own.

Takes the loop times at which requests began and ended and the `Date` of their answers, gives the loop time from which
the leases of a receive count. SQS starts a lease when it hands the message out and does not say when that was. Its
answer may then wait: on its way, or in our socket while this process stands still (SIGSTOP, a suspended machine).

How far the server's clock is from ours does not matter, only that both run alike. Every answer was dated after its
request began, so `began - Date` is at least one bound of that distance, and the quickest of the answers the best one.
"""

from __future__ import annotations

from typing import Final

from worker.sqs.clock import unix_of

QUICK_SECONDS: Final = 1.0
"""An answer sooner than this is held to have been handed out when the request began."""
DATE_SECONDS: Final = 1.0
"""A Date has whole seconds, rounded down."""


class LeaseClock:
    """What is known of one server's clock. Every attribute is written by `answered`."""

    def __init__(self) -> None:
        self._text = ""
        self._unix: float | None = None
        """The latest Date and what it says: a second's answers share one."""
        self._ahead: float | None = None
        """Loop time minus the server's Unix time, at the least; None before the first Date."""

    def answered(self, began: float, ended: float, date: str) -> None:
        """An answer dated *date* (empty: it had none) to a request that was begun at *began*."""
        unix = self._read(date)
        if unix is None:
            return
        least = began - unix - DATE_SECONDS
        if self._ahead is None or self._ahead > ended - unix:  # nothing is dated later than it arrives: a clock was set
            self._ahead = least
        else:
            self._ahead = max(self._ahead, least)

    def leased_at(self, began: float, ended: float, wait: float, date: str) -> float:
        """Loop time at which the leases of a receive began, no later than SQS's own start of them.

        After a long poll of 19 seconds the start of the request would make a new lease look 19 seconds old, and a short
        one would be given up at once. So a slow answer counts from its Date, and from one second before it arrived if
        that is sooner. One without a Date may have waited since the request began.
        """
        self.answered(began, ended, date)
        unix = self._read(date)
        if wait == 0 or ended - began < QUICK_SECONDS or unix is None or self._ahead is None:
            return began
        return max(began, min(ended - QUICK_SECONDS, unix + self._ahead))

    def _read(self, date: str) -> float | None:
        if date != self._text:
            self._text, self._unix = date, unix_of(date) if date else None
        return self._unix
