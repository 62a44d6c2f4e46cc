"""Trial: what the sink has made so far of one batch, between two tries of it.

Takes each failure as the breaker judged it, and the calls of your function that hang; says when the next try is due,
whether the batch is to be divided for it, and how it goes back when it was kept for too long. Ends with its batch.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from worker.outcome import Released, Retried

if TYPE_CHECKING:
    from worker.errors import CallHangs
    from worker.outcome import Outcome

SHORTEST_PAUSE_SECONDS: Final = 0.1
HANGING_SECONDS: Final = 1.0
"""Between two looks whether a call has ended after all."""
DIVIDED_AFTER: Final = 2
"""Tries of a batch in vain; then its halves are tried: one record may be to blame for all of it."""
STILL_RUNNING: Final = Retried("still-running", 60.0, "its call has not ended, and others need its room")


@dataclass(slots=True, eq=False)
class Trial:
    """Of one batch, or of a part of one. Written by its methods, but `due`, which the breaker and aside write, too."""

    failures: int = 0
    since: float | None = None
    """Loop time of the first failure, of the whole batch; None: none yet."""
    failed_at: float = 0.0
    """Loop time of the last one."""
    due: float = 0.0
    """Loop time of the next try."""
    blamed: bool = False
    """Others were taken meanwhile."""
    confirmed: bool = False
    """It has failed again since: the first blame may be the end of an outage, which another write noticed earlier."""
    divides: bool = False
    """Its halves are to be tried."""
    hangs: CallHangs | None = None
    """It waits for the end of this call of your function, and not for the sink."""

    @property
    def hanging(self) -> bool:
        """Whether that has not come yet."""
        return self.hangs is not None and self.hangs.goes_on()

    def failed(self, began: float, now: float, *, taken_at: float, contended: bool) -> None:
        """A try that *began* then has found the sink away, which took something of others at *taken_at*."""
        self.confirmed = self.blamed
        self.blamed = self.blamed or taken_at >= (began if self.since is None else self.failed_at)
        self.since, self.failed_at = now if self.since is None else self.since, now
        self.failures += 1
        self.divides = self.divides or self.blamed or contended or self.failures >= DIVIDED_AFTER

    def wait_for(self, hangs: CallHangs, now: float) -> None:
        """It is kept until the call ends; or, if that concerns only some of it, until it has been taken apart."""
        if hangs.mixed:
            self.divides, self.due = True, now + SHORTEST_PAUSE_SECONDS
        else:
            self.hangs, self.blamed = hangs, True
            self.look_again(now)

    def look_again(self, now: float) -> None:
        """The call has not ended."""
        self.due = now + HANGING_SECONDS

    def half(self) -> Trial:
        """Of a part of the same batch: it has its own failures from now on, and is divided at the first of them."""
        return replace(self, failures=0)

    def given_up(self, now: float, *, rows: int, hold_seconds: float, alone: bool, crowded: bool) -> Outcome | None:
        """How its batch of *rows* goes back that has failed for too long; None: it is kept.

        A blamed record is tried later, which costs a receive count of its own. Else another worker may have more luck;
        one batch is kept, *alone*, to notice when the sink is back. *crowded*: others have too little room beside it.
        """
        if self.hangs is not None:
            return STILL_RUNNING if crowded else None
        too_long = self.since is not None and now - self.since >= hold_seconds
        if self.blamed:
            return Retried("sink-away") if rows == 1 and (too_long or (crowded and self.confirmed)) else None
        return Released("sink-away") if too_long and (crowded or not alone) else None
