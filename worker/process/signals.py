"""Signals: how SIGTERM, SIGINT, SIGHUP, SIGQUIT and a parent's words become the request to stop.

Takes the `Stop` of a worker or of a parent of workers; gives nothing. It ends with what it surrounds, after which
signals are ignored: what has run dry must not end as "killed".
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from worker.process.early import stopping_signals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.pipeline.stopping import Stop
    from worker.process.lifeline import Lifeline

HANG_UP: Final = "SIGHUP"
PATIENCE_SECONDS: Final = 3.0
"""After the deadline of stopping: for closing what is open. Then something here never ends, and we leave without it."""


@contextmanager
def stop_on_signals(stop: Stop, *, too_late: Callable[[], None], lifeline: Lifeline | None = None) -> Iterator[None]:
    """The first signal to stop asks to run dry, the second forces; one that comes after the end changes nothing.

    *too_late* is called when the end has not come by the deadline that was set. With a *lifeline* only the parent's
    word forces: a second signal there is most likely the first one, sent to the whole group.
    """
    asked = _StopRequest(stop, too_late)
    loop = asyncio.get_running_loop()
    with ExitStack() as ends:
        ends.callback(asked.forget)
        if lifeline is not None:
            lifeline.listen(request=asked.request, force=asked.force)
            ends.callback(lifeline.close)
        act = asked.by_signal if lifeline is None else asked.by_group
        for number in stopping_signals():
            loop.add_signal_handler(number, act, number)
            ends.callback(_deafen, loop, number)
        yield


class _StopRequest:
    """What is done about a request, whoever made it."""

    def __init__(self, stop: Stop, too_late: Callable[[], None]) -> None:
        self._stop = stop
        self._too_late = too_late
        self._timers: list[asyncio.TimerHandle] = []
        """Written by `_set`."""

    def request(self, reason: str) -> None:
        """Run dry; not twice."""
        self._stop.request(reason)
        self._set()

    def force(self) -> None:
        """Give back and leave."""
        self._stop.force()
        self._set()

    def by_signal(self, number: signal.Signals) -> None:
        """One asks, two are impatience; but a terminal that is closed may say so several times (SIGHUP)."""
        if not self._stop.requested:
            self.request(number.name)
        elif number.name != HANG_UP:
            self.force()

    def by_group(self, number: signal.Signals) -> None:
        """However many come, they ask."""
        self.request(number.name)

    def forget(self) -> None:
        """It has ended in time."""
        for timer in self._timers:
            timer.cancel()

    def _set(self) -> None:
        loop = asyncio.get_running_loop()
        self._timers.append(loop.call_at(self._stop.deadline() + PATIENCE_SECONDS, self._too_late))


def _deafen(loop: asyncio.AbstractEventLoop, number: signal.Signals) -> None:
    """From now on the signal changes nothing, least of all the exit code."""
    loop.remove_signal_handler(number)
    signal.signal(number, signal.SIG_IGN)
