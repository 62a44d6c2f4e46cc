"""NDJSON: takes batches of messages, gives one line of JSON each, in a file or on standard output.

Writing happens in one thread, so the loop never waits for the disk or for a slow reader. Ends with `close`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, TypeVar

from worker.errors import SinkRefused, SinkUnavailable
from worker.outcome import Rejected
from worker.sinks.columns import as_json, as_object
from worker.sinks.disk import may_pass
from worker.sinks.ndjson.lines import LineFile, LineStream
from worker.sinks.ndjson.settings import STDOUT
from worker.sinks.sink import Demand
from worker.sinks.threads import Threads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.message import Message

T = TypeVar("T")

_STDOUT_DESCRIPTOR: Final = 1


class NdjsonSink:
    """One JSON object a line, with the seven columns of `columns.py`; `body` is the decoded value, not a text of JSON.

    *At least once*: a redelivery is another line with the same `message_id`; whoever reads the lines keeps one of each.
    In a file a batch is written in one go, synced to the disk before it is accepted, and cut off again when the disk
    fills up half way. Several workers may append to one file. On standard output (`-`) a batch is accepted when the
    pipe has taken it; send the logs elsewhere.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lines = LineStream(_STDOUT_DESCRIPTOR) if path == STDOUT else LineFile(path)
        self._thread = Threads(1, name="ndjson")

    @property
    def demand(self) -> Demand:
        """Two writers: while one batch is on its way to the disk, the next is decoded and waits at the thread."""
        return Demand(max_writers=2)

    async def open(self) -> None:
        """Open or create the file."""
        await self._opening(self._lines.open)

    async def check(self) -> str:
        """See `Checkable`."""
        there = await self._opening(self._lines.check)
        return f"{self._path} takes lines" if there else f"{self._path} can be made"

    async def _opening(self, way: Callable[[], T]) -> T:
        try:
            return await self._thread.run(way)
        except OSError as error:
            if may_pass(error):
                raise SinkUnavailable(self._say(error)) from error
            fix = "set NDJSON_PATH to a file in a directory that this user may write to, or to - for standard output"
            raise SinkRefused(f"{self._say(error)}; {fix}") from error

    async def write(self, records: Sequence[Message]) -> Sequence[Rejected | None]:
        """Append *records*; a value that JSON cannot hold is rejected alone."""
        answers: list[Rejected | None] = []
        lines: list[bytes] = []
        for record in records:
            try:
                lines.append(as_json(as_object(record)) + b"\n")
            except (TypeError, ValueError, RecursionError) as error:
                answers.append(Rejected("sink-data", f"no line of JSON: {type(error).__name__}"))
            else:
                answers.append(None)
        if lines:
            await self._append(b"".join(lines))
        return answers

    async def close(self) -> None:
        """Give the file back after whatever the thread still writes."""
        await self._thread.end_with(self._lines.close)

    async def _append(self, payload: bytes) -> None:
        try:
            await self._thread.run(lambda: self._lines.append(payload))
        except OSError as error:
            raise SinkUnavailable(self._say(error)) from error

    def _say(self, error: OSError) -> str:
        return f"{self._path}: {type(error).__name__}: {os.strerror(error.errno) if error.errno else error}"
