"""Stalls: work that waits while nothing is done about it, and calls of your code that do not end.

Takes looks at a pipeline's live numbers and facts, on the loop's thread; gives a sentence for `/livez`, on any. Only
what a restart helps is a stall: a sink or an SQS that is away is tried again and again, and each try is a sign of life.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable

    from worker import facts
    from worker.facts import PipelineState

HANDLING_SECONDS: Final = 60.0
"""Beyond what one write may take, without a batch that begins or ends."""
UNLIMITED_SECONDS: Final = 900.0
"""What one write may take of a sink that has no limit of its own: one that is away says so much sooner."""
SETTLING_SECONDS: Final = 120.0
"""Without a call to SQS that begins: each has its own limit of seconds, and is made again after seconds."""
LOOK_SECONDS: Final = 1.0
"""The most that one look adds: a process that stood still has not been idle, it has not been at all."""
FULL_SECONDS: Final = 30.0
"""With every place kept by a call that hangs; nothing is handled any more."""
SINGLE_SECONDS: Final = 600.0
"""For one call to hang beyond its limit while others go on: its place comes back by a restart only."""
SINGLE_LIMITS: Final = 10.0
"""The same in limits, where that is longer: a job of hours may well end."""


class Idle:
    """For how long something waits and nothing moves. Written on the loop's thread by `look`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._seen: Hashable = None

    def look(self, seen: Hashable, passed: float, *, waits: bool) -> None:
        """*seen* changes with every sign of life; *passed* seconds since the last look."""
        moved, self._seen = seen != self._seen, seen
        self.seconds = self.seconds + min(passed, LOOK_SECONDS) if waits and not moved else 0.0


@dataclass(frozen=True, slots=True)
class HungCall:
    """A call that is over its limit and has not ended."""

    function: str
    message_id: str
    messages: int
    began: float
    limit_seconds: float

    def as_dict(self, now: float) -> dict[str, object]:
        """For `/status`."""
        return {
            "function": self.function,
            "message_id": self.message_id,
            "messages": self.messages,
            "seconds": round(now - self.began, 1),
        }


class Stalls:
    """Of one pipeline. Every attribute is replaced whole by the loop's thread."""

    def __init__(self, now: float) -> None:
        self._looked_at = now
        self.handling = Idle()
        self.settling = Idle()
        self.hung: tuple[HungCall, ...] = ()
        """Written by `call_hung` and `call_ended`."""
        self._full_since: float | None = None
        """Since every place is kept by one of them. Written as `hung`."""

    # ── on the loop's thread ────────────────────────────────────────────────────────────────────────────────────────

    def look(self, state: PipelineState, now: float) -> None:
        """See what moved since the last look."""
        passed, self._looked_at = now - self._looked_at, now
        waits = state.buffered + state.handling > 0 and state.sink_available and not state.stuck
        self.handling.look((state.handled, state.handling), passed, waits=waits)
        self.settling.look((state.settled, state.settling), passed, waits=state.settling > 0)

    def call_hung(self, fact: facts.CallHung, now: float) -> None:
        """One more."""
        call = HungCall(fact.function, fact.message_id, fact.messages, now - fact.seconds, fact.limit_seconds)
        self.hung = (*self.hung, call)
        if fact.hanging >= fact.slots and self._full_since is None:
            self._full_since = now

    def call_ended(self, fact: facts.HungCallEnded) -> None:
        """One has ended after all."""
        at = next((place for place, call in enumerate(self.hung) if call.message_id == fact.message_id), None)
        if at is not None:
            self.hung = self.hung[:at] + self.hung[at + 1 :]
        self._full_since = None

    # ── on any thread ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def full(self) -> bool:
        """Whether every place is kept by a call that hangs."""
        return self._full_since is not None

    def trouble(self, state: PipelineState, now: float) -> str:
        """What only a restart helps, as the rest of a sentence about the pipeline; else empty."""
        return self._hanging(now) or self._idle(state)

    def _hanging(self, now: float) -> str:
        full = self._full_since
        if full is not None and now - full > FULL_SECONDS:
            return (
                f"handles nothing: all of its {len(self.hung)} calls hang, of {self.hung[0].function} "
                f"with message {self.hung[0].message_id} for {now - self.hung[0].began:.0f} s"
                if self.hung
                else ""
            )
        for call in self.hung:
            if now - call.began - call.limit_seconds > max(SINGLE_SECONDS, SINGLE_LIMITS * call.limit_seconds):
                return (
                    f"has a call of {call.function} with message {call.message_id} that hangs "
                    f"for {now - call.began:.0f} s and keeps its place"
                )
        return ""

    def _idle(self, state: PipelineState) -> str:
        handling, settling = self.handling.seconds, self.settling.seconds
        legal = (state.write_limit_seconds or UNLIMITED_SECONDS) + state.order_seconds + state.batch_linger_seconds
        if handling > HANDLING_SECONDS + legal:
            waiting = state.buffered + state.handling
            return f"has {waiting} messages to handle, and no batch began or ended for {handling:.0f} s"
        if settling > SETTLING_SECONDS:
            return f"has {state.settling} messages to delete or give back, and tried none for {settling:.0f} s"
        return ""
