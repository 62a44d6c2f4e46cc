"""When the task is to be protected, when that is to be renewed, and when it is over: a policy without a clock.

Takes at each look whether there is work to protect, and the time; gives what to ask ECS for, and is told when it was
done. Protection is held for a while after the work, because ECS limits how often it may change; but not once it has
lasted long, because a deployment waits for the gap between two pieces of work.
"""

from __future__ import annotations

from math import inf
from typing import Final, Literal

EXPIRES_MINUTES: Final = 10
"""What a worker that dies leaves behind: nobody ends its task for so long."""
RENEW_SECONDS: Final = EXPIRES_MINUTES * 60 / 2
"""Half of it, so that there is time for another try."""
HOLD_SECONDS: Final = 60.0
"""After the last work that was seen."""
CALM_SECONDS: Final = 600.0
"""Protected for so long, it is given up at the first look without such work."""

Wish = Literal["protect", "release", "let-expire"]


class Keeping:
    """What is known of the protection of one task. Times are of any one clock, in seconds."""

    def __init__(self, *, alone: bool) -> None:
        self._alone = alone
        """Nobody else in this task protects it; else it is never released, since others may be busy, but runs out."""
        self.protected: bool | None = None
        """None: a process before this one may have asked. Written by `done`."""
        self._since = self._asked_at = self._busy_at = -inf
        """The first two written by `done`, the last by `wish`."""

    def wish(self, now: float, *, busy: bool) -> Wish | None:
        """What to ask for; None: nothing."""
        if busy:
            self._busy_at = now
            return "protect" if not self.protected or now - self._asked_at >= RENEW_SECONDS else None
        if self.protected is False or not self._over(now):
            return None
        return "release" if self._alone else "let-expire"

    def done(self, wish: Wish, now: float) -> None:
        """It was done."""
        protected = wish == "protect"
        if protected and not self.protected:
            self._since = now
        self.protected, self._asked_at = protected, now

    def _over(self, now: float) -> bool:
        return now - self._busy_at >= HOLD_SECONDS or now - self._since >= CALM_SECONDS
