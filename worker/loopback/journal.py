"""Every state change of the loopback as one line of a file, for whoever checks the world from outside afterwards.

Takes `StateChange`s as an observer, gives lines `ns op queue message-id receive-count receipt result by`, in order, on
the monotonic clock that all processes of a machine share. Lines wait 50 ms at most and are out when `close` returns.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.loopback.messages import StateChange

FLUSH_SECONDS: Final = 0.05
FLUSH_LINES: Final = 512
NOTHING: Final = "-"


class JournalFile:
    """An observer that writes. Used on one loop; whoever opened it closes it."""

    def __init__(self, path: Path, *, monotonic_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._monotonic_ns = monotonic_ns
        self._lines: list[str] = []  # not written yet; written by observe and flush
        self._timer: asyncio.TimerHandle | None = None  # runs while lines wait; written as _lines

    def observe(self, change: StateChange) -> None:
        """Book *change*."""
        self._lines.append(line_of(change, self._monotonic_ns()))
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what waits."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data = memoryview("".join(self._lines).encode())
        self._lines.clear()
        while data:
            data = data[os.write(self._file, data) :]

    def close(self) -> None:
        """Write what waits, and end."""
        self.flush()
        os.close(self._file)


def line_of(change: StateChange, ns: int) -> str:
    """One line. `result`: milliseconds until it is visible again, or where it was moved to and its id there; `by`: the
    receipt whose handle asked for it.
    """
    result = NOTHING
    if change.kind in {"receive", "visibility"}:
        result = str(round(1000 * (change.visible_at - change.at)))
    elif change.kind == "move":
        result = f"{change.destination}:{change.new_id}"
    message, receipt, by = change.message_id or NOTHING, change.receipt or NOTHING, change.by or NOTHING
    return f"{ns} {change.kind} {change.queue} {message} {change.receive_count} {receipt} {result} {by}\n"


def short_handle(handle: str) -> str:
    """The part of a receipt handle that tells it from others of its queue: the `receipt` of the ledger."""
    return handle[handle.rfind("+") + 1 :].removesuffix("==")
