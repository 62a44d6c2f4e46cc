"""Signals: how SIGTERM, SIGINT and a parent's words become the request to stop.

Takes the `Stop` of a worker or of a parent of workers; gives nothing. It ends with what it surrounds, after which
signals are ignored: what has run dry must not end as "killed".
"""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.lifeline import Lifeline
    from worker.pipeline.stopping import Stop

PATIENCE_SECONDS: Final = 3.0
"""After the deadline of stopping: for closing what is open. Then something here never ends, and we leave without it."""
_NUMBERS: Final = (signal.SIGTERM, signal.SIGINT)


@contextmanager
def stop_on_signals(stop: Stop, *, too_late: Callable[[], None], lifeline: Lifeline | None = None) -> Iterator[None]:
    """The first SIGTERM or SIGINT asks to run dry, the second forces; one that comes after the end changes nothing.

    *too_late* is called when the end has not come by the deadline that was set. With a *lifeline* only the parent's
    word forces: a second signal there is most likely the first one, sent to the whole group.
    """
    loop = asyncio.get_running_loop()
    timers: list[asyncio.TimerHandle] = []

    def request(reason: str) -> None:
        stop.request(reason)
        timers.append(loop.call_at(stop.deadline() + PATIENCE_SECONDS, too_late))

    def force() -> None:
        stop.force()
        timers.append(loop.call_at(stop.deadline() + PATIENCE_SECONDS, too_late))

    def told(number: signal.Signals) -> None:
        if stop.requested and lifeline is None:
            force()
        else:
            request(number.name)

    for number in _NUMBERS:
        loop.add_signal_handler(number, told, number)
    if lifeline is not None:
        lifeline.listen(request=request, force=force)
    try:
        yield
    finally:
        for number in _NUMBERS:
            loop.remove_signal_handler(number)
            signal.signal(number, signal.SIG_IGN)
        if lifeline is not None:
            lifeline.close()
        for timer in timers:
            timer.cancel()
