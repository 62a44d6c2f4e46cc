"""Failing: calls of your function that raised something it has no word for.

Takes the error and what the call was given; gives facts. Used on the loop's thread only.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from worker import facts
from worker.errors import SinkError
from worker.facts.trace import Trace
from worker.outcome import Reject, Retry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Emit
    from worker.message import Message


class Failing:
    """Those of one function."""

    def __init__(self, *, function: str, emit: Emit, pipeline: str) -> None:
        self._function = function
        self._emit = emit
        self._pipeline = pipeline

    def tell(self, error: BaseException, messages: Sequence[Message]) -> None:
        """*error* came out of a call with *messages*; what your code says on purpose is no failure."""
        if isinstance(error, Retry | Reject | SinkError | asyncio.CancelledError):
            return
        trace = Trace(error)
        first = messages[0]
        name, place = type(error).__name__, trace.place
        self._emit(
            facts.CallFailed(
                self._pipeline, self._function, first.id, first.receive_count, len(messages), name, place, trace
            )
        )

    def tell_returned(self, returned: object, messages: Sequence[Message]) -> None:
        """The errors that a batch function put into its answers, as `gather(return_exceptions=True)` does."""
        if type(returned) is list and len(returned) == len(messages):  # of your own making it may raise when it is read
            for answer, message in zip(returned, messages, strict=True):
                if isinstance(answer, BaseException):
                    self.tell(answer, [message])
