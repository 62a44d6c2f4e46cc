"""Leaving: the process ends soon after its worker, whatever threads your code has started.

Takes the exit code; gives nothing. Python waits for every thread that is no daemon, `asyncio.to_thread` and executors
included, and by then the worker hears no signal any more: a call that hangs there would hold the process for ever.
"""

from __future__ import annotations

import os
import threading
from typing import Final, NoReturn

PATIENCE_SECONDS: Final = 3.0
"""For your threads to end and for what you gave to `atexit`: platforms kill 5 s after the time to drain."""


def leave_soon(code: int, *, seconds: float = PATIENCE_SECONDS) -> None:
    """End this process with *code* in *seconds*, unless it has ended by itself."""
    timer = threading.Timer(seconds, _leave, (code,))
    timer.daemon = True
    timer.start()


def _leave(code: int) -> NoReturn:
    names = [thread.name for thread in threading.enumerate() if not thread.daemon]
    others = (
        ", ".join(name for name in names if name != threading.main_thread().name)
        or "an executor, or what is called at exit"
    )
    text = f"worker: ended without waiting for what your code started and what does not end: {others}\n"
    try:
        os.write(2, text.encode("utf-8", "backslashreplace"))
    finally:  # also where nobody reads it
        os._exit(code)
