"""Your own code as a sink: takes messages, calls your function, gives its answers as outcomes.

`async def` runs in the loop, a plain function in one of as many threads as there are writers; `call.py` is the
boundary around it. Ends with `close`; a call that hangs is left behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import SinkUnavailable
from worker.sinks.handler.call import GRACE_SECONDS, Calls
from worker.sinks.handler.failing import Failing
from worker.sinks.handler.function import find_handler
from worker.sinks.handler.hanging import Hanging
from worker.sinks.sink import Demand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.facts import Emit, Fact
    from worker.message import Message
    from worker.sinks.handler.answers import Answer
    from worker.sinks.handler.function import HandlerFunction


class HandlerSink:
    """`handle(message)` for one message, or `handle_batch(messages)` for a batch, called at least once for each.

    A function is a batch function when it is called `handle_batch` or its first parameter is called `messages`.
    Returning is done, whatever a function of one message returns; a batch function may return a list with an answer
    for each message: None, `Retry` or `Reject`. Raising `Retry(after=...)` or `Reject(reason)` speaks for everything
    the call was given, so does raising `SinkUnavailable` (what the function writes to is away: keep the batch, stop
    receiving) and, for batches, `SinkRefused` (halve it). Anything else raised is a retry named after its class, even
    SystemExit; of a batch it is one message's, which is found by halving, so the others are handed over again.

    *timeout_seconds* limits one call, of a message or a batch. A coroutine is cancelled then, a plain function cannot
    be: it keeps its thread until it returns, unheard, as a coroutine that ignores its cancellation keeps its place.
    Then the call *hangs*: it is counted and shown, and its messages are kept in hand until it ends, so that they are
    not begun again beside it and cost no receive counts. When every place is kept that way nothing more is received.
    """

    def __init__(
        self,
        dotted_path: str,
        *,
        timeout_seconds: float,
        concurrency: int,
        emit: Emit | None = None,
        pipeline: str = "",
    ) -> None:
        self._dotted_path = dotted_path
        self._timeout_seconds = timeout_seconds
        self._concurrency = concurrency
        self._hanging = Hanging(
            function=dotted_path,
            slots=concurrency,
            limit_seconds=timeout_seconds,
            emit=emit or _unheard,
            pipeline=pipeline,
        )
        self._failing = Failing(function=dotted_path, emit=emit or _unheard, pipeline=pipeline)
        self._pipeline = pipeline
        self._function: HandlerFunction | None = None
        self._calls: Calls | None = None
        """Both written by `open`."""

    @property
    def demand(self) -> Demand:
        """One message at a time, unless the function takes batches. Known after `open`."""
        batch = self._function is not None and self._function.batch
        return Demand(
            max_rows=None if batch else 1,
            max_writers=self._concurrency,
            # It may wait for a place as long again before its own time begins, and have a moment to end after it.
            seconds=2 * self._timeout_seconds + GRACE_SECONDS,
            own_code=True,
        )

    async def open(self) -> None:
        """Import the function."""
        self._function = find_handler(self._dotted_path)
        self._calls = Calls(
            self._function,
            name=self._dotted_path,
            limit_seconds=self._timeout_seconds,
            slots=self._concurrency,
            hanging=self._hanging,
            failing=self._failing,
            pipeline=self._pipeline,
        )

    async def write(self, records: Sequence[Message]) -> Sequence[Answer]:
        """Hand *records* to the function; see the class."""
        function, calls = self._function, self._calls
        if function is None or calls is None:
            raise SinkUnavailable(f"{self._dotted_path} is not open")
        hangs = self._hanging.with_any_of(records)
        if hangs is not None:
            raise hangs
        if function.batch:
            return await calls.make(records)
        return [answer for record in records for answer in await calls.make([record])]

    async def close(self) -> None:
        """Let the threads end. A call that hangs is not waited for."""
        if self._calls is not None:
            self._calls.close()


def _unheard(fact: Fact) -> None:
    """Without a pipeline nobody listens."""
