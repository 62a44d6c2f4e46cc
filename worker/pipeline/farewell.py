"""Farewell: what stopping waits for, said at once, since a long poll on an idle queue may hold it up for 20 s.

Takes what each pipeline still has to do; gives a sentence. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

IMPATIENT: Final = "a second signal gives back what is in hand and leaves at once"


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What one pipeline has to end before it can stop."""

    receives: int
    """Under way."""
    wait_seconds: float
    """The longest that one of them may take."""
    messages: int
    """In hand."""


def waits_for(unfinished: Sequence[Unfinished], *, drain_seconds: float) -> str:
    """What is waited for, for how long at most, and how not to."""
    receives = sum(one.receives for one in unfinished)
    messages = sum(one.messages for one in unfinished)
    longest = min(drain_seconds, max((one.wait_seconds for one in unfinished if one.receives), default=0.0))
    parts = []
    if receives:
        what = "1 receive" if receives == 1 else f"{receives} receives"
        parts.append(
            f"for the answer of {what} under way (up to {longest:g} s), so that its messages do not stay hidden"
        )
    if messages:
        what = "1 message" if messages == 1 else f"{messages} messages"
        parts.append(f"for {what} in hand")
    if not parts:
        return "nothing is in hand: ends at once"
    return f"waits {' and '.join(parts)}; {drain_seconds:g} s at most in all; {IMPATIENT}"
