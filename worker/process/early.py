"""What holds before anything else is imported: a signal ends the program, and a defect is a sentence.

Imports take up to two seconds on a busy machine. PID 1 ignores a signal that nobody listens for, so that a SIGTERM of
that time would be lost for good; elsewhere it would end the process with a signal's exit code. Whoever runs later
listens in its own way (`signals.py`, `commands/loopback.py`); until then nothing is in hand, and leaving is clean.
"""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType, TracebackType

CLEAN = 0
LONG_RUNNING = frozenset({"run", "loopback"})
"""Commands for which being told to stop is the way to end; for the others it is an interruption: 128 and its number."""
_ALWAYS = ("SIGTERM", "SIGINT")
_UNLESS_IGNORED = ("SIGHUP", "SIGQUIT")
"""`nohup`, and a shell that starts something in the background, have them ignored on purpose."""


def stopping_signals() -> list[signal.Signals]:
    """Those that ask the program to stop: all four, but for SIGHUP and SIGQUIT where we were started deaf to them."""
    always = [getattr(signal, name) for name in _ALWAYS]
    maybe = [getattr(signal, name) for name in _UNLESS_IGNORED if hasattr(signal, name)]
    return always + [number for number in maybe if signal.getsignal(number) is not signal.SIG_IGN]


def begin() -> None:
    """Listen; called by the doors of the program before they import anything."""
    for number in stopping_signals():
        signal.signal(number, _leave)
    sys.excepthook = _tell


def interruptible() -> None:
    """From now on a signal interrupts what runs, so that it can tidy up behind itself."""
    for number in stopping_signals():
        if signal.getsignal(number) is _leave:
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else _interrupt)


def begun() -> bool:
    """Whether this process is the program, and not another one that calls a command."""
    return sys.excepthook is _tell


def place_of(trace: TracebackType | None) -> str:
    """Where an error was raised, and by whom that was called: the last three places, innermost first."""
    places: list[str] = []
    while trace is not None:
        folders = trace.tb_frame.f_code.co_filename.split(os.sep)
        places.append(f"{'/'.join(folders[-2:])}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " < ".join(reversed(places[-3:]))


def defect(error: BaseException) -> str:
    """The sentence about an *error* that nobody expected."""
    if isinstance(error, ImportError):
        return f"{error}: the worker is not completely installed; install it again, with what it needs"
    said, place = f": {error}" if str(error) else "", place_of(error.__traceback__)
    return f"unexpected {type(error).__name__}{said} (at {place}); this is a defect; please report it"


def _leave(number: int, _frame: FrameType | None) -> None:
    name = signal.Signals(number).name
    _say(f"{name} before anything was received: nothing is in hand, so the program ends")
    os._exit(CLEAN if sys.argv[1:2] and sys.argv[1] in LONG_RUNNING else 128 + number)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _tell(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    if not isinstance(error, KeyboardInterrupt):
        _say(defect(error))


def _say(text: str) -> None:
    try:
        os.write(2, f"worker: {text}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        return  # nobody reads it
