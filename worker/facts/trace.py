"""The way an error of your code took: takes an exception, gives the frames of yours, as values for a log line.

What it costs is paid by who writes the line: `Trace` only keeps the exception until then, and until then no longer.
"""

from __future__ import annotations

import os
from traceback import TracebackException
from typing import Final

OURS: Final = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # noqa: PTH100, PTH120 - compared with names of files
FRAMES_MAX: Final = 20
"""Of one error, the innermost: a recursion that is too deep has a thousand."""
ERRORS_MAX: Final = 5
"""Of a chain or a group."""

Told = dict[str, object]


class Trace:
    """How *error* came about."""

    __slots__ = ("_error",)

    def __init__(self, error: BaseException) -> None:
        self._error = error

    @property
    def place(self) -> str:
        """File and line where it was raised; empty for one that was not."""
        trace = self._error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"

    def errors(self) -> list[Told]:
        """The error, then what caused it or is in its group: `error` in words, and `frames`, the innermost last."""
        try:
            found = TracebackException.from_exception(self._error, compact=True)
            return [_told(one) for one in _chain(found)]
        except BaseException as another:  # noqa: BLE001 - a class of yours may raise whatever is asked of it
            return [{"error": f"cannot be read: that raises {type(another).__name__}", "frames": []}]


def as_text(errors: list[Told]) -> str:
    """As Python prints it, the cause last."""
    lines: list[str] = []
    for number, one in enumerate(errors):
        lines += ["which came of, or is a group with:"] if number else []
        frames = one["frames"]
        for frame in frames if isinstance(frames, list) else []:
            lines += [f'File "{frame["file"]}", line {frame["line"]}, in {frame["function"]}', f"  {frame['code']}"]
        lines.append(str(one["error"]))
    return "\n".join(lines)


def _chain(found: TracebackException) -> list[TracebackException]:
    """Breadth first, so that the nearest are told."""
    chain = [found]
    for one in chain:
        cause = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
        chain += [cause] if cause is not None else []
        chain += one.exceptions or []
        if len(chain) >= ERRORS_MAX:
            break
    return chain[:ERRORS_MAX]


def _told(one: TracebackException) -> Told:
    frames = list(one.stack)
    while frames and frames[0].filename.startswith(OURS):
        del frames[0]
    return {
        "error": "".join(one.format_exception_only()).strip(),
        "frames": [
            {"file": frame.filename, "line": frame.lineno, "function": frame.name, "code": frame.line or ""}
            for frame in frames[-FRAMES_MAX:]
        ],
    }
