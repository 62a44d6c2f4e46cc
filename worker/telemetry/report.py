"""The line that each worker logs every minute, in the words that its readers already parse.

Takes facts; gives one object with exactly the seven keys of `KEYS`. processed = deleted (written, and gone from the
queue); failed = retried + rejected; the rate is that of the time since the last line, by the hour and by the day too.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from worker.telemetry.account import Accounts
from worker.telemetry.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTERVAL_SECONDS: Final = 60.0
KEYS: Final = (
    "workerId",
    "messagesProcessed",
    "messagesFailed",
    "uptimeSeconds",
    "throughputPerSecond",
    "throughputPerHour",
    "throughputPerDay",
)
HOUR: Final = 3_600
DAY: Final = 86_400


class Report(Dispatch):
    """The account of the whole worker, all its pipelines together. Used on the loop's thread only."""

    def __init__(self, worker_id: str, clock: Callable[[], float], accounts: Accounts | None = None) -> None:
        super().__init__()
        self._worker_id = worker_id
        self._clock = clock
        self._started = clock()
        self._accounts = accounts or Accounts()
        self.share(self._accounts)
        self._last = (self._started, 0)
        """Time and messages processed of the last line. Written by `line`."""

    def line(self) -> dict[str, object]:
        """The line for now; the next one's rate begins here."""
        now, total = self._clock(), self._accounts.total()
        (then, before), self._last = self._last, (now, total.deleted)
        rate = (total.deleted - before) / (now - then) if now > then else 0.0
        values = (
            self._worker_id,
            total.deleted,
            total.failed,
            round(now - self._started),
            round(rate, 2),
            round(rate * HOUR),
            round(rate * DAY),
        )
        return dict(zip(KEYS, values, strict=True))


async def report_every(
    report: Report, write: Callable[[Mapping[str, object]], None], *, interval_seconds: float = INTERVAL_SECONDS
) -> None:
    """Write a line each *interval_seconds* (`Logs.line` writes) until cancelled; the last line is for the caller."""
    loop = asyncio.get_running_loop()
    due = loop.time() + interval_seconds
    while True:
        await asyncio.sleep(due - loop.time())
        write(report.line())
        # The grid is kept, so that minutes do not drift; lines missed while the loop stood still are not made up.
        due += interval_seconds * max(1, 1 + (loop.time() - due) // interval_seconds)
