"""The words of sd_notify(3): what the service manager is told, out of what `/status` says.

Takes a status, where in its life the worker is, and a rate; gives the text of one datagram. `Rate` remembers the look
before; everything else is pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

START_MORE_SECONDS: Final = 30.0
"""More time to start, asked for at each look: what is away is waited for, and that has limits of its own."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Where in its life the worker is."""

    newly_ready: bool
    starting: bool
    stopping_seconds: float | None
    """How much longer stopping may take; None: it does not stop."""


class Rate:
    """Messages deleted each second, between two looks."""

    def __init__(self) -> None:
        self._before: tuple[float, int] | None = None

    def at(self, status: Mapping[str, object], now: float) -> float:
        """The rate since the look before this one."""
        deleted = _messages(status).get("deleted", 0)
        (then, count), self._before = self._before or (now, deleted), (now, deleted)
        return max(0, deleted - count) / (now - then) if now > then else 0.0


def message(status: Mapping[str, object], phase: Phase, *, deleted_per_second: float) -> str:
    """What the manager is told: assignments, one a line."""
    lines = ["READY=1"] if phase.newly_ready else []
    if phase.stopping_seconds is not None:
        lines += ["STOPPING=1", f"EXTEND_TIMEOUT_USEC={phase.stopping_seconds * 1e6:.0f}"]
    elif phase.starting:
        lines.append(f"EXTEND_TIMEOUT_USEC={START_MORE_SECONDS * 1e6:.0f}")
    alive, why = _verdict(status, "live")
    if alive:
        lines.append("WATCHDOG=1")
    said = _line(status, deleted_per_second) if alive else f"stands still: {why}"
    lines.append(f"STATUS={one_line(said)}")
    return "\n".join(lines)


def _line(status: Mapping[str, object], deleted_per_second: float) -> str:
    """What `systemctl status` shows."""
    state, messages = str(status["state"]), _messages(status)
    ready, why = _verdict(status, "ready")
    said = state if ready or why == state else f"{state}, not ready: {why}"
    counts = f"{messages.get('received', 0):,} received, {messages.get('deleted', 0):,} deleted"
    rejected = f", {messages['rejected']:,} rejected" if messages.get("rejected") else ""
    return f"{said}; {counts}{rejected}, now {deleted_per_second:,.0f} a second"


def one_line(text: str) -> str:
    """*text* without what would begin another assignment."""
    return " ".join(text.split())


def _verdict(status: Mapping[str, object], name: str) -> tuple[bool, str]:
    verdict = status[name]
    assert isinstance(verdict, dict)  # noqa: S101 - as Health and Verdicts make it
    return bool(verdict["ok"]), str(verdict["reason"])


def _messages(status: Mapping[str, object]) -> dict[str, int]:
    messages = status["messages"]
    assert isinstance(messages, dict)  # noqa: S101 - as Health and Verdicts make it
    return messages
